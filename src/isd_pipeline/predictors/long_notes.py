"""Notes longer than a network reads: in windows, each as long as it reads, instead of cut.

A code's score is its highest in any window, and its evidence is that of the window that gave it:
a code is named somewhere in a note, not on average. (The mean over the windows, and one minus the
product of one minus the probabilities, found less on dev; docs/coding.md has the numbers.)

Only a bundle's reading is changed by this. `score`, by which runs are evaluated, cuts as ever.

Axes: L codes, K of them asked for, N words of a note, W windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from isd_pipeline.predictors.attention import Reading
from isd_pipeline.predictors.base import Evidence, Prediction, Predictor, TokenisedNote
from isd_pipeline.predictors.ensemble import EnsemblePredictor
from isd_pipeline.predictors.mean import MeanPredictor
from isd_pipeline.predictors.network import NetworkPredictor
from isd_pipeline.shapes import Float, Int
from isd_pipeline.text.documents import Documents

LongNotes = Literal["windows", "cut"]
WAYS: tuple[LongNotes, ...] = ("windows", "cut")


def reading_all(predictor: Predictor) -> Predictor:
    """The same predictor, every network in it reading long notes in windows."""
    if isinstance(predictor, NetworkPredictor):
        found: Any = InWindows(predictor)  # its properties are those of the network's
        return found
    if isinstance(predictor, EnsemblePredictor):
        base = {name: reading_all(one) for name, one in predictor.base.items()}
        return replace(predictor, base=base)
    if isinstance(predictor, MeanPredictor):
        return replace(predictor, of_seeds=[reading_all(one) for one in predictor.of_seeds])
    return predictor


@dataclass(frozen=True)
class InWindows:
    """A network that reads a note of more words than its limit window by window."""

    one: NetworkPredictor

    @property
    def has_evidence(self) -> bool:
        """As the network's."""
        return self.one.has_evidence

    @property
    def network(self) -> object:
        """The network."""
        return self.one.network

    @property
    def shares(self) -> bool:
        """As the network's."""
        return self.one.shares

    @property
    def width(self) -> int:
        """As the network's."""
        return self.one.width

    def score(self, documents: Documents) -> np.ndarray:
        """As the network's: cut."""
        return self.one.score(documents)

    def reading(self, note: TokenisedNote, threshold: float) -> Reading:
        """As the network's: cut."""
        return self.one.reading(note, threshold)

    def read(self, note: TokenisedNote, evidence: bool) -> Prediction:
        """One note, to its end."""
        places = windows(len(note.tokens), int(self.one.training["max_tokens"]))
        found = [self.one.read(part_of(note, *place), evidence) for place in places]
        if len(found) == 1:
            return found[0]
        scores = np.stack([one.scores for one in found])  # [W, L]
        shown = [one.evidence for one in found if one.evidence is not None]
        if len(shown) < len(found):
            return Prediction(scores.max(axis=0))
        winners = scores.argmax(axis=0)
        return Prediction(
            scores.max(axis=0), partial(_evidence, shown, places, winners, len(note.tokens))
        )


def windows(n_words: int, limit: int) -> list[tuple[int, int]]:
    """Where the windows of a note begin and end; the last is as long as the others, if it can be.

    So it reads some words a second time, and none of them without what stands before it.
    """
    begins = [*range(0, max(n_words - limit, 0), limit), max(n_words - limit, 0)]
    return [(begin, min(begin + limit, n_words)) for begin in begins]


def part_of(note: TokenisedNote, begin: int, end: int) -> TokenisedNote:
    """The words from `begin` to before `end`, as a note."""
    if (begin, end) == (0, len(note.tokens)):
        return note
    sentences = note.sentences
    if sentences is not None:
        sentences = sentences[(sentences >= begin) & (sentences < end)] - begin
    starts = [start - begin for start in note.note_starts if begin < start < end]
    return TokenisedNote(note.words[begin:end], note.tokens[begin:end], sentences, (0, *starts))


def _evidence(
    of_windows: Sequence[Evidence],
    places: Sequence[tuple[int, int]],
    winners: Int[np.ndarray, " L"],
    n_words: int,
    codes: Int[np.ndarray, " K"],
) -> Float[np.ndarray, "K N"]:
    """Each code's evidence of the window that won it, at its place in the note."""
    found = np.zeros((len(codes), n_words))
    for number, (begin, end) in enumerate(places):
        mine = np.flatnonzero(winners[codes] == number)
        if len(mine):
            found[mine, begin:end] = of_windows[number](codes[mine])
    return found
