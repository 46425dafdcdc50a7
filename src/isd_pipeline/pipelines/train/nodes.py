"""Documents, vectors, one row of the experiments > the best weights and the training's history."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isd_pipeline.config.experiments import Plan, read_plan
from isd_pipeline.config.sections import revision_of
from isd_pipeline.pipelines.train.watching import Progress, Stopwatch, validation
from isd_pipeline.text.splits import fingerprints
from isd_pipeline.tracking import tracker as tracking
from isd_pipeline.training.device import choose_device

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from isd_pipeline.data.codes.hierarchy import Revision
    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.embeddings.codes import CodeVectors
    from isd_pipeline.embeddings.pretrained import Pretrained
    from isd_pipeline.embeddings.words import WordVectors
    from isd_pipeline.models.system import Initialisation
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.vocabulary import Vocabulary
    from isd_pipeline.training.checkpoints import Checkpoint
    from isd_pipeline.training.loop import Trained

logger = logging.getLogger(__name__)

BALL_WIDTH, BALL_EPOCHS = 50, 50  # of the codes' hyperbolic vectors; no source says either


def make_start(
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    word_vectors: Callable[[Vocabulary], WordVectors],
    code_word_vectors: Callable[[Vocabulary], WordVectors],
    code_vectors: Callable[[CodeIndex, Vocabulary], CodeVectors],
) -> Initialisation:
    """Everything a model may begin with, from the training documents and the codes' titles."""
    import torch

    from isd_pipeline.data.codes.hierarchy import categories
    from isd_pipeline.embeddings.codes import description_ids
    from isd_pipeline.models.system import Initialisation, log_odds, number_groups

    return Initialisation(
        words=torch.from_numpy(word_vectors(vocabulary).matrix),
        code_words=torch.from_numpy(code_word_vectors(vocabulary).matrix),
        codes=torch.from_numpy(code_vectors(code_index, vocabulary).matrix),
        descriptions=torch.from_numpy(description_ids(code_index, vocabulary)),
        label_log_odds=log_odds(documents["train"].label_matrix(len(code_index))),
        code_groups=number_groups(categories(code_index)),
    )


def with_graph(
    start: Initialisation,
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    revision: Revision,
    seed: int,
) -> Initialisation:
    """The same, and how the codes are related: their tree, company, and places in a ball."""
    import torch

    from isd_pipeline.data.codes.hierarchy import code_tree
    from isd_pipeline.embeddings.graphs import cooccurrence, poincare_embeddings

    tree = code_tree(code_index, revision)
    places = poincare_embeddings(tree, BALL_WIDTH, BALL_EPOCHS, seed)[: len(code_index)]
    return replace(
        start,
        tree=tree,
        cooccurrence=cooccurrence(documents["train"].label_matrix(len(code_index))),
        hyperbolic=torch.from_numpy(places),
    )


def encoder_of(plan: Plan, vocabulary: Vocabulary) -> Pretrained:
    """The pretrained encoder of the folder in a row's settings, and our words in its pieces."""
    from isd_pipeline.embeddings.pretrained import open_pretrained

    return open_pretrained(plan.model.folder, vocabulary, plan.model.pieces_per_word)


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

    from isd_pipeline.training.checkpoints import Checkpoint

    plan, seed = read_plan(parameters), parameters["seed"]
    torch.set_num_threads(parameters["jobs"])
    torch.manual_seed(seed)
    start = make_start(
        documents, code_index, vocabulary, word_vectors, code_word_vectors, code_vectors
    )
    if plan.system.graph:
        revision = revision_of(parameters["cohorts"], parameters["cohort"])
        start = with_graph(start, documents, code_index, revision, seed)
    marks = fingerprints(documents, code_index, vocabulary)
    if plan.system.pretrained:
        encoder = encoder_of(plan, vocabulary)
        start, marks["encoder"] = replace(start, pretrained=encoder), encoder.fingerprint
    device = choose_device(parameters["device"])
    model = plan.system.make_model(plan.model, start).to(device)
    identity = {
        "settings": {**plan.settings, "seed": seed},
        "fingerprints": marks,
    }
    watch = Stopwatch(plan.training.max_epochs, device)
    trained = _train(plan, model, start, documents, identity, watch)
    figures = watch.figures(len(trained.history)) | {
        "best_epoch": trained.best.epoch,
        "best_dev_score": trained.best.score,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "on_gpu": float(device.type == "cuda"),
    }
    return Checkpoint(trained.best.weights, **identity), history_table(trained.history), figures


def _train(
    plan: Plan,
    model: nn.Module,
    start: Initialisation,
    documents: Mapping[str, Documents],
    identity: Mapping[str, Any],
    watch: Stopwatch,
) -> Trained:
    """Give the loop all that it owns nothing of: bars, clock, files, tracker."""
    from isd_pipeline.training import checkpoints
    from isd_pipeline.training.loop import make_optimizer, train

    seed, scratch = identity["settings"]["seed"], _scratch_folder(identity)
    checkpoints.sweep(scratch)
    resume = checkpoints.read_state(scratch, **identity)
    if resume is not None:
        logger.info("going on after epoch %d of an interrupted training", resume.epoch)
    tracking.tag({f"fingerprint_{name}": value for name, value in identity["fingerprints"].items()})
    objective = plan.system.make_objective(plan.objective, start)
    progress = Progress(documents["train"], plan, objective, seed)
    return train(
        model,
        progress.batches_of,
        progress.objective,
        make_optimizer(model, plan.training),
        plan.training,
        weights=plan.objective.weights,
        validate=validation(documents["dev"], len(start.codes), plan),
        record=watch.record,
        seed=seed,
        resume=resume,
        save_state=lambda state: checkpoints.write_state(scratch, state, **identity),
    )


def history_table(history: tuple[Mapping[str, float], ...]) -> pd.DataFrame:
    """One row per epoch: epoch, total, the loss terms, learning_rate, gradient_norm, dev_..."""
    import pandas as pd

    table = pd.DataFrame(history).rename(columns={"loss": "total"})
    table.insert(0, "epoch", range(1, len(table) + 1))
    return table


def _scratch_folder(identity: Mapping[str, Any]) -> Path:
    """Where an interrupted training waits: outside DVC's outputs, which it empties at a start.

    Only a training of the same settings, data and code finds it again.
    """
    key = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode())
    library = Path(__file__).parents[2]
    for path in sorted([*library.glob("models/*.py"), *library.glob("training/*.py")]):
        key.update(path.read_bytes())
    return Path("scratch/training", key.hexdigest()[:16])


def write_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """Write the weights, then let go of what an interrupted training would have gone on from."""
    from isd_pipeline.training.checkpoints import drop_states, write_model

    identity: dict[str, Any] = {
        "settings": checkpoint.settings,
        "fingerprints": checkpoint.fingerprints,
    }
    write_model(folder, checkpoint.weights, **identity)
    drop_states(_scratch_folder(identity))
