"""Documents, vectors, one row of the experiments > the best weights and the training's history."""

from __future__ import annotations

import hashlib
import json
import logging
import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isd_pipeline.pipelines import tracking
from isd_pipeline.pipelines.device import choose_device
from isd_pipeline.pipelines.plans import read_plan

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.embeddings.codes import CodeVectors
    from isd_pipeline.embeddings.words import WordVectors
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.vocabulary import Vocabulary
    from isd_pipeline.training.checkpoints import Checkpoint
    from isd_pipeline.training.systems import Start

logger = logging.getLogger(__name__)


def make_start(
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    word_vectors: Callable[[Vocabulary], WordVectors],
    code_word_vectors: Callable[[Vocabulary], WordVectors],
    code_vectors: Callable[[CodeIndex, Vocabulary], CodeVectors],
) -> Start:
    """Everything a model may begin with, from the training documents and the codes' titles."""
    import torch

    from isd_pipeline.data.icd import category
    from isd_pipeline.embeddings.codes import description_ids
    from isd_pipeline.training.systems import Start, log_odds, number_groups

    groups = [
        category(code, system)
        for code, system in zip(code_index.codes, code_index.systems, strict=True)
    ]
    return Start(
        words=torch.from_numpy(word_vectors(vocabulary).matrix),
        words_of_codes=torch.from_numpy(code_word_vectors(vocabulary).matrix),
        codes=torch.from_numpy(code_vectors(code_index, vocabulary).matrix),
        titles=torch.from_numpy(description_ids(code_index, vocabulary)),
        label_log_odds=log_odds(documents["train"].label_matrix(len(code_index))),
        code_groups=number_groups(groups),
    )


def train_model(
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    word_vectors: Callable[[Vocabulary], WordVectors],
    code_word_vectors: Callable[[Vocabulary], WordVectors],
    code_vectors: Callable[[CodeIndex, Vocabulary], CodeVectors],
    parameters: Mapping[str, Any],
) -> tuple[Checkpoint, pd.DataFrame, dict[str, float]]:
    """Train until the development set says stop; go on where a killed training stood."""
    import torch

    from isd_pipeline.training import checkpoints
    from isd_pipeline.training.loop import make_optimizer, train

    plan, seed = read_plan(parameters), parameters["seed"]
    torch.set_num_threads(parameters["jobs"])
    torch.manual_seed(seed)
    start = make_start(
        documents, code_index, vocabulary, word_vectors, code_word_vectors, code_vectors
    )
    model = plan.system.make_model(plan.model, start).to(choose_device(parameters["device"]))
    objective = plan.system.make_objective(plan.objective, start)
    identity: dict[str, Any] = {
        "settings": {**plan.settings, "seed": seed},
        "fingerprints": fingerprints(documents, code_index, vocabulary),
    }
    scratch = _scratch_folder(identity)
    checkpoints.sweep(scratch)
    resume = checkpoints.read_state(scratch, **identity)
    if resume is not None:
        logger.info("going on after epoch %d of an interrupted training", resume.epoch)
    watch = _Stopwatch(plan.training.max_epochs)
    trained = train(
        model,
        _batches_of(documents["train"], plan.training, seed),
        objective,
        make_optimizer(model, plan.training),
        plan.training,
        weights=plan.objective.weights,
        validate=_validation(documents["dev"], len(code_index), plan.training),
        record=watch.record,
        seed=seed,
        resume=resume,
        save_state=lambda state: checkpoints.write_state(scratch, state, **identity),
    )
    tracking.tag({f"fingerprint_{name}": value for name, value in identity["fingerprints"].items()})
    figures = watch.figures(len(trained.history)) | {
        "best_epoch": trained.best.epoch,
        "best_dev_score": trained.best.score,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    checkpoint = checkpoints.Checkpoint(trained.best.weights, **identity)
    return checkpoint, history_table(trained.history), figures


def fingerprints(
    documents: Mapping[str, Documents], code_index: CodeIndex, vocabulary: Vocabulary
) -> dict[str, str]:
    """What the weights belong to: they fit nothing else."""
    data = hashlib.sha256()
    for split in ("train", "dev"):
        for part in ("tokens", "token_starts", "labels", "label_starts"):
            data.update(getattr(documents[split], part).tobytes())
    return {
        "vocabulary": vocabulary.fingerprint,
        "codes": code_index.fingerprint,
        "data": data.hexdigest()[:16],
    }


def history_table(history: tuple[Mapping[str, float], ...]) -> pd.DataFrame:
    """One row per epoch: epoch, total, the loss terms, learning_rate, gradient_norm, dev_..."""
    import pandas as pd

    table = pd.DataFrame(history).rename(columns={"loss": "total"})
    table.insert(0, "epoch", range(1, len(table) + 1))
    return table


def _scratch_folder(identity: Mapping[str, Any]) -> Path:
    """Where an interrupted training waits: outside DVC's outputs, which it empties at a start."""
    text = json.dumps(identity, sort_keys=True, default=str)
    return Path("scratch/training", hashlib.sha256(text.encode()).hexdigest()[:16])


def _batches_of(documents: Documents, training: Any, seed: int) -> Callable[[int], Any]:
    """An epoch's batches behind a progress bar, which shows only on a terminal."""
    from tqdm.auto import tqdm

    from isd_pipeline.training.batches import training_batches

    def batches_of(epoch: int) -> Any:
        batches = training_batches(
            documents,
            training.batch_size,
            training.max_tokens,
            seed=seed,
            epoch=epoch,
            cut=training.cut,
            max_codes=training.max_codes,
        )
        return tqdm(batches, desc=f"epoch {epoch}", unit="batch", leave=False, disable=None)

    return batches_of


def _validation(
    documents: Documents, n_codes: int, training: Any
) -> Callable[[nn.Module], dict[str, float]]:
    """Scores the model on the development set; every name begins with `dev_`."""
    from isd_pipeline.evaluation.metrics import ranking_metrics, threshold_metrics
    from isd_pipeline.evaluation.predict import predict
    from isd_pipeline.evaluation.thresholds import tune_threshold

    gold = documents.label_matrix(n_codes)

    def validate(model: nn.Module) -> dict[str, float]:
        scores = predict(
            model,
            documents,
            batch_size=2 * training.batch_size,
            max_tokens=training.max_tokens,
            device=next(model.parameters()).device,
            precision=training.precision,
        )
        tuned = threshold_metrics(gold, scores, threshold=tune_threshold(gold, scores))
        found = {
            **threshold_metrics(gold, scores),
            **ranking_metrics(gold, scores, ks=(5, 8)),
            "f1_micro_tuned": tuned["f1_micro"],
            "f1_macro_caml_tuned": tuned["f1_macro_caml"],
        }
        return {f"dev_{name}": found[name] for name in WATCHED}

    return validate


WATCHED = (
    "f1_micro",
    "f1_macro_caml",
    "f1_micro_tuned",
    "f1_macro_caml_tuned",
    "p_at_5",
    "p_at_8",
    "map",
)


class _Stopwatch:
    """Takes each epoch's figures: a line for people, numbers for MLflow, and the clock."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._began = time.monotonic()
        self._seen = 0

    def record(self, epoch: int, figures: Mapping[str, float]) -> None:
        self._seen += 1
        each = (time.monotonic() - self._began) / self._seen
        logger.info(
            "epoch %d: loss %.5f, dev micro-F1 %.3f (tuned %.3f), MAP %.3f; %.1f s an epoch, "
            "at most %.0f min left",
            epoch,
            figures["loss"],
            figures["dev_f1_micro"],
            figures["dev_f1_micro_tuned"],
            figures["dev_map"],
            each,
            each * (self._epochs - epoch) / 60,
        )
        tracking.log({shown_figure(name): value for name, value in figures.items()}, step=epoch)

    def figures(self, epochs: int) -> dict[str, float]:
        """Minutes of the whole training, also of epochs that an earlier process made."""
        seconds = time.monotonic() - self._began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        each = seconds / max(self._seen, 1)
        return {"minutes": each * epochs / 60, "epochs": epochs, "peak_memory_gb": memory}


def shown_figure(name: str) -> str:
    """MLflow groups its charts by what stands before the slash."""
    if name.startswith("dev_"):
        return f"dev/{name.removeprefix('dev_')}"
    return name if name in ("learning_rate", "gradient_norm") else f"loss/{name}"


def write_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """Write the weights, then let go of what an interrupted training would have gone on from."""
    from isd_pipeline.training.checkpoints import drop_states, write_model

    identity: dict[str, Any] = {
        "settings": checkpoint.settings,
        "fingerprints": checkpoint.fingerprints,
    }
    write_model(folder, checkpoint.weights, **identity)
    drop_states(_scratch_folder(identity))
