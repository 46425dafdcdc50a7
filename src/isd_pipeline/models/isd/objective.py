"""What ISD is trained for: prediction, teacher, two completion tasks, distillation (Eq. 15).

Zhou et al., ACL 2021, sections 3.3-3.5; the readings are in `docs/readings.md`. Axes: B notes,
G gold codes of the note that has most (shorter rows end in -1), L codes, Q shared queries, N
tokens, K codes of a note with marked words, D width, R = L + 1 rows (the codes and l_mask).

What depends on the gold codes alone (the draws, the teacher's layout) is made on the host from
the host's random numbers, so a step draws the same on any device and a GPU waits only once, for
the assignment.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.models.isd.completion import Completion, missing_code, wrong_code
from isd_pipeline.models.isd.distillation import assign, distillation
from isd_pipeline.models.isd.labelwise import LabelwiseISD
from isd_pipeline.models.isd.network import ISD, Representations
from isd_pipeline.models.isd.teacher import TeacherText, exactly, teacher_text
from isd_pipeline.models.prediction import prediction_and_attention
from isd_pipeline.shapes import Float, Int
from isd_pipeline.training.batches import Batch, marked_rows, marks_of
from isd_pipeline.training.draws import rows_are
from isd_pipeline.training.losses import (
    binary_cross_entropy,
    cosine,
    cross_entropy,
    missed_share,
)
from isd_pipeline.training.transfer import HostCopy, each, send

LOSSES = {  # the lambdas of Eq. 15; what has weight 0 is not computed at all
    "prediction": 0.5,  # printed as a first lambda_mis
    "teacher": 0.5,
    "missing": 5e-4,
    "removal": 5e-4,
    "distillation": 1e-3,
}
OURS = {"attention": 0.0}  # that codes attend to the words which people marked as naming them


@dataclass(frozen=True, kw_only=True)
class ISDObjectiveConfig:
    """The losses' weights: those are given that differ from `LOSSES`, the paper's, and `OURS`."""

    weights: Mapping[str, float | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", _weights(self.weights))


def _weights(differences: Mapping[str, float | int]) -> dict[str, float]:
    """The paper's weights with some of them changed."""
    known = LOSSES | OURS
    for name, weight in differences.items():
        if name not in known:
            near = get_close_matches(name, known, n=1) or list(known)
            raise ValueError(f"weights: no loss '{name}'; did you mean {' or '.join(near)}?")
        if not weight >= 0:
            raise ValueError(f"weights: {name}={float(weight)} is below 0")
    return {name: float(differences.get(name, weight)) for name, weight in known.items()}


class Laid(NamedTuple):
    """What a step reads of a batch."""

    tokens: Tensor  # int [B, N]
    gold: Tensor  # int [B, G]
    tasks: tuple[tuple[str, Completion], ...]  # by the name of their loss
    text: TeacherText | None
    marks: tuple[Tensor, Tensor] | None  # codes, int [B, K], and their words, bool [B, K, N]


class Begun(NamedTuple):
    """What a model makes of a batch before it is asked which representations match."""

    table: Tensor  # [R, D], what the slots of code completion hold
    hidden: Tensor  # [B, N, D]
    student: Representations
    taught: Tensor | None  # [B, Q, D]


class ISDObjective:
    """Losses of a batch, called as `objective(model, batch)`.

    Args:
        config: the weights.
        descriptions: token ids of each code's description, [L, M], 0-padded at the end.
    """

    def __init__(self, config: ISDObjectiveConfig, descriptions: Int[Tensor, "L M"]) -> None:
        self.weights: Mapping[str, float] = config.weights
        self.descriptions = descriptions.cpu()
        self._is_described = (self.descriptions != 0).any(dim=1)
        self._wanted = {name for name in config.weights if config.weights[name] > 0}

    def __call__(self, model: ISD | LabelwiseISD, batch: Batch) -> dict[str, Tensor]:
        """Give the unweighted losses, by name, of those whose weight is not 0.

        A note without a gold code counts for the prediction alone.
        """
        self._refuse(model)
        device = model.codes.device
        if self._wanted <= {"prediction"}:
            tokens, gold = send(batch.tokens, device), send(batch.gold, device)
            return {"prediction": binary_cross_entropy(model(tokens, tokens != 0).logits, gold)}
        if not isinstance(model, ISD):
            losses = prediction_and_attention(model, batch.to(device))
            return {name: loss for name, loss in losses.items() if name in self._wanted}

        laid = each(partial(send, device=device), self.lay(batch))
        begun, cosines = self.begin(model, laid)
        copied = None if cosines is None else HostCopy(cosines)
        losses = self.go_on(model, laid, begun)
        if cosines is not None and copied is not None:
            losses |= self.finish(laid, cosines, send(self.answer(copied), device))
        return {name: losses[name] for name in self.weights if name in losses}

    def in_stages(self, model: nn.Module) -> bool:
        """Whether the losses are made by the stages below, with no other question to the host.

        Of other encoders than the convolutions that is not known.
        """
        has_stages = isinstance(model, ISD) and not self._wanted <= {"prediction"}
        return has_stages and model.words is not None

    def lay(self, batch: Batch, size: Callable[[int], int] = exactly) -> Laid:
        """Draw the completion tasks and lay out the teacher's text, on the host."""
        samplers = {"missing": missing_code, "removal": wrong_code}
        tasks = tuple(
            (name, sample(batch.gold, len(self.descriptions)))
            for name, sample in samplers.items()
            if name in self._wanted
        )
        is_taught = bool(self._wanted & {"teacher", "distillation"})
        text = teacher_text(batch.gold, self.descriptions, size) if is_taught else None
        marks = marks_of(batch) if "attention" in self._wanted else None
        told = None if marks is None else (marks.codes, marks.words)
        return Laid(batch.tokens, batch.gold, tasks, text, told)

    def begin(self, model: ISD, laid: Laid) -> tuple[Begun, Tensor | None]:
        """Read the note and the gold codes' descriptions: student and teacher, section 3.5.

        With the cosines of their representations, [B, Q, Q], if these are to match.
        """
        tasks, is_token = [task for _, task in laid.tasks], laid.tokens != 0
        table = model.codes_and_mask()
        hidden = model.read(laid.tokens, is_token)
        slots = [F.embedding(task.codes, table) for task in tasks]
        student = model.represent(hidden, is_token, tasks, slots)
        taught = None if laid.text is None else self._teacher(model, laid.text)
        begun = Begun(table, hidden, student, taught)
        if taught is None or "distillation" not in self._wanted:
            return begun, None
        # `[:]` sums the gradients of a row and its norm; without it they are added in another order
        return begun, cosine(student.shared[:], taught[:])

    def go_on(self, model: ISD, laid: Laid, begun: Begun) -> dict[str, Tensor]:
        """All losses but the distillation."""
        losses, student = {}, begun.student
        if "teacher" in self._wanted and begun.taught is not None and laid.text is not None:
            scores = model.score(begun.taught)
            losses["teacher"] = binary_cross_entropy(scores, laid.gold, counts=laid.text.has_text)
        if "prediction" in self._wanted:
            losses["prediction"] = binary_cross_entropy(model.score(student.shared), laid.gold)
        for (name, task), answer in zip(laid.tasks, student.answers, strict=True):
            logits = model.complete(answer, begun.table)
            losses[name] = cross_entropy(logits, task.answer, task.counts)
        if laid.marks is not None:
            codes, words = laid.marks
            read = (student.shared, begun.hidden, laid.tokens != 0)
            share = model.share_on_marks(*read, codes.clamp(min=0), words)
            losses["attention"] = missed_share(share, words.any(dim=-1))
        return losses

    def answer(self, copied: HostCopy) -> Tensor:
        """Say which representations match, once their cosines are on the host: int [B, Q]."""
        return torch.from_numpy(assign(copied.wait(), in_threads=copied.is_of_gpu))

    def finish(self, laid: Laid, cosines: Tensor, partner: Tensor) -> dict[str, Tensor]:
        """The distillation."""
        assert laid.text is not None
        return {"distillation": distillation(cosines, partner, laid.text.has_text)}

    def counts(self, batch: Batch) -> dict[str, int]:
        """Over how many notes, or marked codes, each loss of a batch is a mean, but prediction."""
        gold, n_codes = batch.gold, len(self.descriptions)
        n_gold = (gold >= 0).sum(dim=1)
        described = (self._is_described[gold.clamp(min=0)] & (gold >= 0)).any(dim=1)
        found = dict.fromkeys(("teacher", "distillation"), int(described.sum()))
        found["missing"] = int((n_gold > 0).sum())
        found["removal"] = int(((n_gold > 0) & (n_gold < n_codes)).sum())
        return found | ({} if batch.marks is None else {"attention": marked_rows(batch)})

    def _teacher(self, model: ISD, text: TeacherText) -> Float[Tensor, "B Q D"]:
        """Read the gold codes' descriptions instead of the note: section 3.5.

        Each description is encoded alone, each distinct one once; a note's codes come in any
        order, for nothing behind the encoder has a notion of place.
        """
        with rows_are(torch.from_numpy(text.codes)):
            states = model.read(text.tokens, text.tokens != 0)
        hidden = F.embedding(text.place, states.flatten(0, 1))
        return model.represent(hidden, text.is_token).shared

    def _refuse(self, model: ISD | LabelwiseISD) -> None:
        """Some losses need parts that a model may lack."""
        extra = self._wanted - {"prediction", "attention"}
        if extra and not isinstance(model, ISD):
            raise ValueError(
                "representation: per_label has no shared representations; set the weights of "
                f"{', '.join(sorted(extra))} to 0"
            )
        if not model.config.n_layers and self._wanted & {"missing", "removal"}:
            raise ValueError(
                "n_layers: 0 leaves no decoder to complete codes with; set the weights of "
                "missing and removal to 0"
            )
