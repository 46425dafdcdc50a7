"""A predictor's evidence in many notes, part by part; the same to the bit as note after note.

Axes: K codes asked for, N words of a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from isd_pipeline.data.io.parts import Engine, divided, map_parts
from isd_pipeline.predictors import registry
from isd_pipeline.predictors.base import TokenisedNote

if TYPE_CHECKING:
    from torch import Tensor

NOTES = 16  # of a part: a row of N numbers a code comes back of each
Asked = tuple[TokenisedNote, np.ndarray]  # a note, and the codes [K] whose evidence is wanted


@dataclass(frozen=True)
class NotesToRead:
    """Some notes and the codes asked for; `begin` of all come before them."""

    asked: list[Asked]
    begin: int

    def __str__(self) -> str:
        return f"the marked documents {self.begin + 1} to {self.begin + len(self.asked)}"

    def halves(self) -> list[NotesToRead]:
        """The first notes and the last."""
        ranges = divided(0, len(self.asked))
        return [NotesToRead(self.asked[a:b], self.begin + a) for a, b in ranges]


def evidence_in_parts(
    asked: Iterable[Asked],
    settings: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    engine: Engine,
) -> Iterator[np.ndarray]:
    """The evidence [K, N] of each note in turn; few parts of it are held at a time."""
    import torch

    given = [settings, weights, torch.get_num_threads()]
    for found in map_parts(_read, _in_parts(asked), engine, common=given, what="evidence"):
        yield from found


def _in_parts(asked: Iterable[Asked]) -> Iterator[NotesToRead]:
    waiting, begin = iter(asked), 0
    while some := list(islice(waiting, NOTES)):
        yield NotesToRead(some, begin)
        begin += len(some)


def _read(
    part: NotesToRead, settings: Mapping[str, Any], weights: Mapping[str, Tensor], threads: int
) -> list[np.ndarray]:
    import torch

    torch.set_num_threads(threads)
    predictor = registry.load(settings, weights)
    found = []
    for note, codes in part.asked:
        evidence = predictor.read(note, True).evidence
        assert evidence is not None  # it was asked for
        found.append(evidence(codes))
    return found
