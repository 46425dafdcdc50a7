"""A batch cut into parts, by processes and by accumulation, which together make the whole's step.

Each part's losses are multiplied by its share of what they are means over, and gradients are
added up. So the sum is the whole batch's loss and gradient, beyond rounding, however the batch is
cut. A part may be empty.

Axes: B notes of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from isd_pipeline.training.batches import Batch
from isd_pipeline.training.draws import by_example, new_seed
from isd_pipeline.training.ranks import ALONE, Ranks

Losses = dict[str, Tensor]


@dataclass(frozen=True)
class Shares:
    """A part's share of a batch's notes, and by the name of a loss of what else it is a mean of."""

    notes: float
    others: Mapping[str, float]

    def of(self, name: str) -> float:
        """By what a part's loss is multiplied."""
        return self.others.get(name, self.notes)


@runtime_checkable
class CountsMeans(Protocol):
    """An objective that has losses which are means over something else than the notes."""

    def counts(self, batch: Batch) -> Mapping[str, int]:
        """Over how many each such loss of a batch is a mean; 0 where it is 0."""
        ...


@dataclass(frozen=True)
class Cut:
    """How batches are cut: between processes, and each process's share into `accumulate` parts.

    `counts` is that of `CountsMeans`. `draws`: `batch` or `example`, see `TrainingConfig`.
    """

    ranks: Ranks = ALONE
    accumulate: int = 1
    draws: str = "batch"
    counts: Callable[[Batch], Mapping[str, int]] = lambda batch: {}

    @property
    def n_parts(self) -> int:
        """Into how many parts a batch is cut."""
        return self.ranks.count * self.accumulate

    @property
    def is_whole(self) -> bool:
        """Whether a step is that of the plain loop: one part, whose numbers are drawn as one."""
        return self.n_parts == 1 and self.draws == "batch"

    def mine(self, batch: Batch) -> Iterator[tuple[Batch, Shares]]:
        """This process's parts of a batch that have a note, and each one's shares of the means."""
        whole, n_notes = self.counts(batch), len(batch.rows)
        for number in range(self.ranks.rank, min(self.n_parts, n_notes), self.ranks.count):
            part = part_of(batch, slice(number, None, self.n_parts))
            mine = self.counts(part)
            others = {name: mine[name] / max(count, 1) for name, count in whole.items()}
            yield part, Shares(len(part.rows) / n_notes, others)


def part_of(batch: Batch, which: slice) -> Batch:
    """Some notes of a batch, padded to the longest of them; codes stay as wide as the whole's.

    The places of the codes among an objective's slots are then those that they have in the whole.
    """
    tokens = batch.tokens[which]
    longest = int((tokens != 0).sum(dim=1).max())
    begins, marks = batch.begins, batch.marks
    if marks is not None:
        marks = replace(marks, codes=marks.codes[which], words=marks.words[which, :, :longest])
    return replace(
        batch,
        tokens=tokens[:, :longest].contiguous(),
        gold=batch.gold[which],
        rows=batch.rows[which],
        begins=None if begins is None else begins[which, :longest],
        marks=marks,
    )


def in_parts(
    cut: Cut,
    batch: Batch,
    model: nn.Module,
    names: list[str],
    backward: Callable[[Batch, Shares], Losses],
) -> Losses:
    """Leave the gradients of the whole batch in the model, and give its losses.

    Args:
        cut: how the batch is cut.
        batch: the whole one, on the host.
        model: whose gradients are 0.
        names: of all losses that there may be.
        backward: adds a part's gradients, its losses times its shares, and gives the losses.
    """
    seed, sums = new_seed(), dict[str, Tensor]()
    for part, shares in cut.mine(batch):
        with by_example(seed, torch.from_numpy(part.rows)):
            found = backward(part, shares)
        for name, value in found.items():
            sums[name] = sums[name] + value if name in sums else value
    torch.manual_seed(seed + 1)  # however many numbers this process has drawn for its parts
    cut.ranks.add_gradients([one for one in model.parameters() if one.requires_grad])
    return _added(cut.ranks, sums, names, next(model.parameters()).device)


def _added(ranks: Ranks, sums: Losses, names: list[str], device: torch.device) -> Losses:
    """The losses summed over the processes; a name that none of them has is left out."""
    if ranks.count == 1:
        return sums
    is_there = torch.tensor([float(name in sums) for name in names])
    ranks.add(is_there)
    zero = torch.zeros((), dtype=torch.float64, device=device)
    values = torch.stack([sums.get(name, zero).double() for name in names])
    ranks.add(values)
    return {name: values[n] for n, name in enumerate(names) if is_there[n]}


def refuse_whole_batch_norms(model: nn.Module, cut: Cut) -> None:
    """Raise a ValueError if parts of a batch would not make the step of the whole."""
    if cut.n_parts > 1 and any(getattr(one, "spans_batch", False) for one in model.modules()):
        raise ValueError(
            f"{type(model).__name__} normalises over all words of a batch, so parts of it do not "
            "make its step: train it in one process with accumulate: 1"
        )
