"""Networks as predictors: fitted epoch by epoch, read by token ids up to a limit."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isd_pipeline.data.codes.hierarchy import categories, code_tree
from isd_pipeline.embeddings.codes import description_ids
from isd_pipeline.models import registry
from isd_pipeline.models.system import Initialisation, System, log_odds, number_groups, rebuild
from isd_pipeline.predictors.attention import Reading, read_codes, read_note, shares_representations
from isd_pipeline.predictors.base import Fitted, Options, Prediction, TokenisedNote, TrainingData
from isd_pipeline.predictors.evidence import code_evidence, has_evidence
from isd_pipeline.predictors.progress import Progress, Stopwatch
from isd_pipeline.predictors.registry import learns_from_marks
from isd_pipeline.predictors.scoring import predict
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.mentions import Mentions
from isd_pipeline.text.splits import fingerprints
from isd_pipeline.training import checkpoints
from isd_pipeline.training.device import choose_device
from isd_pipeline.training.identity import digest
from isd_pipeline.training.loop import State, Trained, make_optimizer, train
from isd_pipeline.training.mention_notes import with_mention_notes
from isd_pipeline.training.parts import Cut
from isd_pipeline.training.ranks import ALONE, Ranks, joined
from isd_pipeline.training.settings import LEFT_OUT, TrainingConfig

logger = logging.getLogger(__name__)

BALL_WIDTH, BALL_EPOCHS = 50, 50  # of the codes' hyperbolic vectors; no source says either


def sections(system: str) -> dict[str, type[Any]]:
    """The settings of a network: its own, its objective's, its training's."""
    made = registry.load(system)
    return {
        "model": made.model_config,
        "objective": made.objective_config,
        "training": TrainingConfig,
    }


@dataclass(frozen=True)
class Prepared:
    """A network before its first step, and what it learns from; `read` is the digest of all that.

    What was read is also where it computes: on another device no step is the same to the bit.
    """

    model: nn.Module
    objective: Any
    progress: Progress
    device: torch.device
    fingerprints: dict[str, str]
    read: str


def prepare(
    system: str, settings: Mapping[str, Any], data: TrainingData, options: Options
) -> Prepared:
    """Build the network from what the data give; a function of the settings, data and seed."""
    made = registry.load(system)
    torch.set_num_threads(options.jobs)
    torch.manual_seed(options.seed)
    known, marks = initialisation(made, settings["model"], data, options.seed)
    device = choose_device(options.device)
    model = made.make_model(settings["model"], known).to(device)
    objective = made.make_objective(settings["objective"], known)
    weights = settings["objective"].weights
    training, mentions = settings["training"], gold_mentions(settings, data)
    documents, n_notes = data.documents["train"], 0
    if mentions is not None:
        marks |= {"mentions": mentions.fingerprint}
        if training.mention_notes:
            documents, mentions = with_mention_notes(documents, mentions, training.mention_context)
            n_notes = len(documents) - len(data.documents["train"])
    progress = Progress(
        *(documents, training, objective, weights, options.seed, made.sentences), mentions, n_notes
    )
    read = digest(known, documents, data.documents["dev"], mentions, device.type, torch.__version__)
    return Prepared(model, objective, progress, device, marks, read)


def gold_mentions(settings: Mapping[str, Any], data: TrainingData) -> Mentions | None:
    """The training documents' mentions of their gold codes, if the settings learn from any."""
    if not learns_from_marks({name: asdict(section) for name, section in settings.items()}):
        return None
    found = data.mentions().of_gold(data.documents["train"])
    if not len(found):
        raise ValueError(
            "nobody has marked a word of the training documents for their codes, so there is "
            "nothing that the loss `attention` or `mention_notes` could teach: set both to 0, or "
            "take a cohort with mentions"
        )
    return found


def initialisation(
    made: System, model: Any, data: TrainingData, seed: int
) -> tuple[Initialisation, dict[str, str]]:
    """Everything a model may start with, from the training documents and the codes' descriptions.

    How codes are related, and a pretrained encoder, only where the system asks for them. An
    encoder's fingerprint comes with it.
    """
    vectors, gold = data.vectors(), data.documents["train"].label_matrix(len(data.codes))
    known = Initialisation(
        words=torch.from_numpy(vectors.words.matrix),
        code_words=torch.from_numpy(vectors.code_words.matrix),
        codes=torch.from_numpy(vectors.codes.matrix),
        descriptions=torch.from_numpy(description_ids(data.codes, data.vocabulary)),
        label_log_odds=log_odds(gold),
        code_groups=number_groups(categories(data.codes)),
    )
    if made.graph:
        known = _with_graph(known, data, gold, seed)
    if not made.pretrained:
        return known, {}
    from isd_pipeline.embeddings.pretrained import open_pretrained

    encoder = open_pretrained(model.folder, data.vocabulary, model.pieces_per_word)
    return replace(known, pretrained=encoder), {"encoder": encoder.fingerprint}


def _with_graph(known: Initialisation, data: TrainingData, gold: Any, seed: int) -> Initialisation:
    """The same, and how the codes are related: their tree, co-occurrence, hyperbolic vectors."""
    from isd_pipeline.embeddings.graphs import cooccurrence, poincare_embeddings

    tree = code_tree(data.codes, data.revision)
    hyperbolic = poincare_embeddings(tree, BALL_WIDTH, BALL_EPOCHS, seed)[: len(data.codes)]
    return replace(
        known, tree=tree, cooccurrence=cooccurrence(gold), hyperbolic=torch.from_numpy(hyperbolic)
    )


def optimise(
    prepared: Prepared,
    system: str,
    settings: Mapping[str, Any],
    data: TrainingData,
    options: Options,
    record: Callable[[int, Mapping[str, float]], None],
    ranks: Ranks = ALONE,
    **resuming: Any,
) -> Trained:
    """The training loop, given all that it owns nothing of; `resuming` are its last arguments."""
    training, progress = settings["training"], prepared.progress
    return train(
        prepared.model,
        progress.batches_of,
        progress.losses if training.graphs else progress.objective,  # no bar looks into a graph
        make_optimizer(prepared.model, training),
        training,
        weights=settings["objective"].weights,
        validate=validation(system, training, data, options, ranks),
        record=record,
        seed=options.seed,
        cut=Cut(ranks, training.accumulate, training.draws, progress.counts),
        **resuming,
    )


def validation(
    system: str,
    training: TrainingConfig,
    data: TrainingData,
    options: Options,
    ranks: Ranks = ALONE,
) -> Callable[[nn.Module], Mapping[str, float]]:
    """Scores the model on the development set and has the scores measured.

    Of several processes each scores a share of the documents, and the first one measures.
    """
    documents = data.documents["dev"]
    gold, sentences = documents.label_matrix(len(data.codes)), registry.load(system).sentences

    def validate(model: nn.Module) -> Mapping[str, float]:
        scores = predict(
            model,
            documents,
            batch_size=2 * training.batch_size,
            max_tokens=training.max_tokens,
            device=next(model.parameters()).device,
            precision=training.precision,
            sentences=sentences,
            ranks=ranks,
        )
        figures = options.dev_figures(gold, scores) if ranks.is_first else {}
        return ranks.of_first(figures)

    return validate


def fit(system: str, settings: Mapping[str, Any], data: TrainingData, options: Options) -> Fitted:
    """Train until the development set says stop; go on where a killed training stood.

    Every process that torchrun started calls this; what comes back is the same in all.
    """
    prepared = prepare(system, settings, data, options)
    kept = {"system": system} | {name: _kept(section) for name, section in settings.items()}
    marks = fingerprints(data.documents, data.codes, data.vocabulary) | prepared.fingerprints
    scratch = scratch_folder([{**kept, "seed": options.seed}, marks], options.code, prepared.read)
    checkpoints.refuse_small_disk(scratch, prepared.model)
    for other in _of_other_inputs(scratch):
        logger.warning(
            "%s: an interrupted training of these settings, with other vectors, graph, sentences, "
            "device or torch, or of a former version; it is not gone on with, and may be deleted",
            other,
        )
    watch = Stopwatch(settings["training"].max_epochs, prepared.device, options.on_epoch)
    with joined(prepared.device) as ranks:
        trained = optimise(
            *(prepared, system, settings, data, options),
            watch.record if ranks.is_first else lambda epoch, figures: None,
            ranks,
            resume=interrupted(scratch, ranks),
            save_state=partial(checkpoints.write_state, scratch) if ranks.is_first else None,
        )
    figures = watch.figures(len(trained.history)) | {
        "best_epoch": trained.best.epoch,
        "best_dev_score": trained.best.score,
        "parameters": sum(parameter.numel() for parameter in prepared.model.parameters()),
        "on_gpu": float(prepared.device.type == "cuda"),
    }
    return Fitted(
        trained.best.weights,
        kept,
        figures | ({"ranks": float(ranks.count)} if ranks.count > 1 else {}),
        trained.history,
        fingerprints=prepared.fingerprints,
        scratch=scratch,
    )


def interrupted(scratch: Path, ranks: Ranks) -> State | None:
    """Where a killed training of the same settings, data and code stands, the same in all ranks."""
    if ranks.is_first:
        checkpoints.sweep(scratch)
    ranks.agree(scratch.name, "training")
    found = checkpoints.read_state(scratch)
    ranks.agree(0 if found is None else found.epoch, "last epoch")
    if found is not None and ranks.is_first:
        logger.info("going on after epoch %d of an interrupted training", found.epoch)
        if found.ranks != ranks.count:
            logger.warning(
                "that training had %d processes and this one has %d: it is as good, but not the "
                "same to the bit as one that kept its number",
                *(found.ranks, ranks.count),
            )
    return found


def _kept(section: Any) -> dict[str, Any]:
    """Settings as an artifact keeps them: what came later, only where it is used.

    So a training that does not use it is the one that was recorded before, to the bit.
    """
    later = [one for one in fields(section) if one.metadata.get(LEFT_OUT)]
    unused = {one.name for one in later if getattr(section, one.name) == one.default}
    return {name: value for name, value in asdict(section).items() if name not in unused}


def scratch_folder(identity: Sequence[Mapping[str, Any]], code: str, read: str) -> Path:
    """Where an interrupted training waits: outside DVC's outputs, which it empties at a start.

    Only a training of the same settings, data and code that has `read` the same finds it again.
    """
    key = hashlib.sha256(json.dumps([identity, code], sort_keys=True, default=str).encode())
    return Path("scratch/training", f"{key.hexdigest()[:16]}-{read}")


def _of_other_inputs(scratch: Path) -> list[Path]:
    """Where trainings of the same settings and code wait that have read something else."""
    key = scratch.name.partition("-")[0]
    found = (path.parent for path in scratch.parent.glob(f"{key}*/epoch-*.json"))
    return sorted(set(found) - {scratch})


@dataclass(frozen=True)
class NetworkPredictor:
    """A trained network, ready to read."""

    network: Any
    system: System
    training: Mapping[str, Any]
    device: str

    @property
    def has_evidence(self) -> bool:
        """Whether its codes, or what they share, attend to words: a Bi-GRU's do not."""
        return has_evidence(self.network)

    @property
    def shares(self) -> bool:
        """Whether codes share representations."""
        return shares_representations(self.network)

    @property
    def width(self) -> int:
        """How many words the narrowest window of a state has."""
        return int(min(self.network.windows))

    def score(self, documents: Documents) -> np.ndarray:
        """Logits float32 [D, L], read in batches and in the training's precision."""
        return self._predict(documents, 2 * self.training["batch_size"], self.training["precision"])

    def read(self, note: TokenisedNote, evidence: bool) -> Prediction:
        """One note, in fp32."""
        limit = self.training["max_tokens"]
        read = note.until(limit)
        reading = read_note(self.network, read.tokens) if evidence and self.shares else None
        scores = self._predict(read, 1, "fp32")[0] if reading is None else reading.scores
        if not (evidence and self.has_evidence):
            return Prediction(scores)
        asked = {
            "max_tokens": limit,
            "note_starts": note.note_starts,
            "sentences": self._sentences(read),
            "reading": reading,
        }
        return Prediction(
            scores, lambda codes: code_evidence(self.network, note.tokens, codes, **asked)
        )

    def reading(self, note: TokenisedNote, threshold: float) -> Reading:
        """Of shared representations all; otherwise of each predicted code what it attends to."""
        read = note.until(self.training["max_tokens"])
        if self.shares:
            return read_note(self.network, read.tokens)
        return read_codes(self.network, read.tokens, threshold, self._sentences(read))

    def _predict(self, documents: Documents, batch_size: int, precision: str) -> np.ndarray:
        return predict(
            self.network,
            documents,
            batch_size=batch_size,
            max_tokens=self.training["max_tokens"],
            device=self.device,
            precision=precision,
            sentences=self.system.sentences,
        )

    def _sentences(self, read: Documents) -> np.ndarray | None:
        return read.sentences_of(0) if self.system.sentences else None


def load(
    settings: Mapping[str, Any], weights: Mapping[str, Tensor], device: str = "cpu"
) -> NetworkPredictor:
    """The trained network; raises a ValueError where settings and weights do not fit."""
    model = rebuild(settings, weights).to(device).eval()
    made = registry.load(settings["system"])
    return NetworkPredictor(model, made, settings["training"], device)
