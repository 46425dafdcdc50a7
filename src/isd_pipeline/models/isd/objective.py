"""What ISD is trained for: prediction, teacher, two completion tasks, distillation (Eq. 15).

Zhou et al., ACL 2021, sections 3.3-3.5; the readings are in `docs/readings.md`. Axes: B notes,
G gold codes of the note that has most (shorter rows end in -1), L codes, Q shared queries, C
distinct codes of the batch, M words of the longest title, S words of all titles of a note.

What depends on the gold codes alone (the draws, the teacher's layout) is made on the host from
the host's random numbers, so a step draws the same on any device and a GPU waits only once, for
the assignment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from isd_pipeline.models.isd.completion import Completion, missing_code, wrong_code
from isd_pipeline.models.isd.labelwise import LabelwiseISD
from isd_pipeline.models.isd.network import ISD
from isd_pipeline.models.prediction import prediction_and_attention
from isd_pipeline.shapes import Bool, Float, Int
from isd_pipeline.training.batches import Batch, marked_rows, marks_of
from isd_pipeline.training.draws import rows_are
from isd_pipeline.training.losses import (
    binary_cross_entropy,
    cosine,
    cross_entropy,
    mean_where,
    missed_share,
)
from isd_pipeline.training.transfer import HostCopy, send

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


class TeacherText(NamedTuple):
    """The descriptions of a batch's gold codes: each distinct one once, and who reads which."""

    tokens: Tensor  # int [C, M], 0-padded
    place: Tensor  # int [B, S]: where in the flat [C * M] a note's next word stands
    is_token: Tensor  # bool [B, S]
    codes: Tensor  # int [C], the codes described; one without meaning where there is none


def teacher_text(gold: Int[Tensor, "B G"], descriptions: Int[Tensor, "L M"]) -> TeacherText:
    """Lay the descriptions of each note's codes end to end, at the batch's own lengths."""
    present = gold >= 0
    distinct, which = gold[present].unique(return_inverse=True)
    tokens = descriptions[distinct] if len(distinct) else descriptions.new_zeros(1, 1)
    tokens = tokens[:, : max(1, int((tokens != 0).sum(dim=1).max()))]
    lengths = torch.zeros_like(gold).masked_scatter(present, (tokens != 0).sum(dim=1)[which])
    ends = lengths.cumsum(dim=1)
    totals = ends[:, -1]
    place = torch.zeros(len(gold), max(1, int(totals.max())), dtype=torch.long)
    column = torch.arange(tokens.shape[1])
    fits = column < lengths[present][:, None]  # [pairs of note and code, M]
    note = present.nonzero()[:, :1].expand_as(fits)
    start = (ends - lengths)[present][:, None]
    place[note[fits], (start + column)[fits]] = (which[:, None] * len(column) + column)[fits]
    is_token = torch.arange(place.shape[1]) < totals[:, None]
    return TeacherText(tokens, place, is_token, distinct if len(distinct) else gold.new_zeros(1))


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
        device, host_gold = model.codes.device, batch.gold
        tokens, gold = send(batch.tokens, device), send(host_gold, device)
        is_token = tokens != 0
        if self._wanted <= {"prediction"}:
            return {"prediction": binary_cross_entropy(model(tokens, is_token).logits, gold)}
        if not isinstance(model, ISD):
            losses = prediction_and_attention(model, batch.to(device))
            return {name: loss for name, loss in losses.items() if name in self._wanted}

        tasks = self._tasks(host_gold, device)
        table = model.codes_and_mask()
        hidden = model.read(tokens, is_token)
        slots = [F.embedding(task.codes, table) for task in tasks.values()]
        student = model.represent(hidden, is_token, tuple(tasks.values()), slots)

        losses, distillation = {}, None
        if self._wanted & {"teacher", "distillation"}:
            taught, counts = self._teacher(model, host_gold, device)
            if "distillation" in self._wanted:
                distillation = Distillation(student.shared, taught, counts)
            if "teacher" in self._wanted:
                losses["teacher"] = binary_cross_entropy(model.score(taught), gold, counts=counts)
        if "prediction" in self._wanted:
            losses["prediction"] = binary_cross_entropy(model.score(student.shared), gold)
        for (name, task), answer in zip(tasks.items(), student.answers, strict=True):
            logits = model.complete(answer, table)
            losses[name] = cross_entropy(logits, task.answer, task.counts)
        if "attention" in self._wanted:
            marks = marks_of(batch).to(device)
            asked = marks.codes.clamp(min=0)
            share = model.share_on_marks(student.shared, hidden, is_token, asked, marks.words)
            losses["attention"] = missed_share(share, marks.words.any(dim=-1))
        if distillation is not None:
            losses["distillation"] = distillation.loss()
        return {name: losses[name] for name in self.weights if name in losses}

    def counts(self, batch: Batch) -> dict[str, int]:
        """Over how many notes, or marked codes, each loss of a batch is a mean, but prediction."""
        gold, n_codes = batch.gold, len(self.descriptions)
        n_gold = (gold >= 0).sum(dim=1)
        described = (self._is_described[gold.clamp(min=0)] & (gold >= 0)).any(dim=1)
        found = dict.fromkeys(("teacher", "distillation"), int(described.sum()))
        found["missing"] = int((n_gold > 0).sum())
        found["removal"] = int(((n_gold > 0) & (n_gold < n_codes)).sum())
        return found | ({} if batch.marks is None else {"attention": marked_rows(batch)})

    def _tasks(self, gold: Tensor, device: torch.device) -> dict[str, Completion]:
        """Draw the completion tasks that are wanted."""
        samplers = {"missing": missing_code, "removal": wrong_code}
        return {
            name: sample(gold, len(self.descriptions)).to(device)
            for name, sample in samplers.items()
            if name in self._wanted
        }

    def _teacher(self, model: ISD, gold: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """Read the gold codes' descriptions instead of the note: section 3.5.

        Gives what the teacher made of them, [B, Q, D], and which notes have one, [B].

        Each description is encoded alone, each distinct one once; a note's codes come in any
        order, for nothing behind the encoder has a notion of place.
        """
        laid = teacher_text(gold, self.descriptions)
        text = TeacherText(*(send(part, device) for part in laid))
        with rows_are(laid.codes):
            states = model.read(text.tokens, text.tokens != 0)
        hidden = F.embedding(text.place, states.flatten(0, 1))
        return model.represent(hidden, text.is_token).shared, text.is_token.any(dim=1)

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


class Distillation:
    """1 - cosine of matched student and teacher representations, Eqs. 13-14.

    The assignment that maximises the total cosine of a note is found on the host, by the
    Hungarian method, on a copy that travels while the device goes on; `loss` waits for it.
    """

    def __init__(
        self,
        student: Float[Tensor, "B Q D"],
        teacher: Float[Tensor, "B Q D"],
        counts: Bool[Tensor, " B"],
    ) -> None:
        self.counts = counts
        # `[:]` sums the gradients of a row and its norm; without it they are added in another order
        self.cosines = cosine(student[:], teacher[:])
        self.copied = HostCopy(self.cosines)

    def loss(self) -> Float[Tensor, ""]:
        """Mean over the notes that count."""
        partner = send(torch.from_numpy(assign(self.copied.wait())), self.cosines.device)
        matched = self.cosines.gather(2, partner[..., None])[..., 0]
        return mean_where(1 - matched.mean(dim=1), self.counts)


def assign(cosines: np.ndarray) -> np.ndarray:
    """For each note, the partner of every row so that the total cosine is greatest: int [B, Q].

    A value that is not finite counts as 0 here; it stays in the loss, where the loop stops.
    """
    cosines = np.nan_to_num(cosines, nan=0.0, posinf=0.0, neginf=0.0)
    return np.stack([linear_sum_assignment(note, maximize=True)[1] for note in cosines])
