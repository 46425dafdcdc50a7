"""A note in, its likeliest codes with their evidence out.

The bundle's model (`predictors/`) reads each note alone, never beside others in a padded batch:
what is said of a note is a function of the note and the bundle, to the bit, whatever else is coded
with it. (On a CPU a convolutional model reads eight notes together hardly faster; a recurrent one
twice as fast.)

Axes: L codes, K of them shown, N words of a note.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import torch
from scipy.special import expit, logit

from isd_pipeline import __version__
from isd_pipeline.coding.bundle import Bundle, read_bundle
from isd_pipeline.coding.evidence import Span, spans
from isd_pipeline.predictors import registry
from isd_pipeline.predictors.base import TokenisedNote
from isd_pipeline.shapes import Int
from isd_pipeline.text.sentences import sentence_starts
from isd_pipeline.text.tokens import tokenize_all

TUNED = "tuned"


@dataclass(frozen=True)
class Note:
    """A note to be coded. `fault` says why its text could not be read, where it could not."""

    id: str
    text: str
    fault: str | None = None


@dataclass(frozen=True)
class Suggestion:
    """A code for a note. `score` is its calibrated probability; offsets are in code points.

    `sources`, of an ensemble: what each part of it adds to the score, in log-odds before
    calibration, beyond what it adds to an average pair of note and code. Above 0 it is evidence
    for the code.
    """

    code: str
    title: str
    system: str
    score: float
    above_threshold: bool
    evidence: tuple[Span, ...]
    sources: dict[str, float] | None = None


@dataclass(frozen=True)
class Model:
    """Whose answer it is."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Answer:
    """What is said of a note: the likeliest code first.

    `threshold` is on the scale of the scores. `truncated_at` is the offset from which on the note
    was not read, None if it was read whole. `problem` says why there are no codes.
    """

    id: str
    codes: tuple[Suggestion, ...]
    threshold: float
    truncated_at: int | None
    problem: str | None
    model: Model


@dataclass(frozen=True)
class _Words:
    """The words of a note, and where they stand in it, [N]."""

    read: TokenisedNote
    begins: Int[np.ndarray, " N"]
    ends: Int[np.ndarray, " N"]


class Coder:
    """A bundle made ready to code notes, on one device, in fp32."""

    def __init__(self, bundle: Bundle, device: str = "cpu") -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise ValueError("device cuda: torch sees no GPU here; use cpu")
        self.bundle = bundle
        try:
            self._predictor = registry.load(bundle.settings, bundle.weights, device)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"bundle {bundle.name}, made by isd_pipeline {bundle.version}: {__version__} "
                f"cannot build its model ({' '.join(str(error).split())})"
            ) from None
        self._name = Model(bundle.name, bundle.sha256)

    @classmethod
    def open(cls, folder: Path | str, device: str = "cpu") -> Self:
        """Make a bundle ready; raises what `read_bundle` raises."""
        return cls(read_bundle(folder), device)

    @property
    def has_evidence(self) -> bool:
        """Whether evidence can be given: of a Bi-GRU, whose codes attend to no words, it cannot."""
        return self._predictor.has_evidence

    def code(
        self,
        notes: Sequence[Note],
        *,
        top: int = 15,
        threshold: str | float = TUNED,
        evidence: bool = True,
    ) -> list[Answer]:
        """Answer for each note, in their order.

        An answer holds the `top` likeliest codes and all others above the threshold, which is the
        one `tuned` on dev or a score from 0 to 1. Without `evidence` a note is read faster, and
        its scores are the same.
        """
        cut = self._cut(threshold)
        return [
            self._answer(note, words, top, cut, evidence and self.has_evidence)
            for note, words in zip(notes, self._words(notes), strict=True)
        ]

    def _cut(self, threshold: str | float) -> float:
        """The threshold as log-odds before calibration, where no rounding moves a code over it."""
        if threshold == TUNED:
            return self.bundle.threshold_tuned
        if isinstance(threshold, str) or not 0 <= threshold <= 1:
            raise ValueError(f"threshold {threshold}: `{TUNED}` or a score from 0 to 1 is wanted")
        return float(self.bundle.temperature * logit(threshold))

    def _words(self, notes: Sequence[Note]) -> list[_Words]:
        if not notes:
            return []
        vocabulary = self.bundle.vocabulary
        found = tokenize_all([note.text for note in notes], vocabulary.rule)
        columns = (vocabulary.encode(found.words), found.begins, found.ends)
        parts = (np.split(values, found.starts[1:-1]) for values in columns)
        words = (found.words[a:b].to_pylist() for a, b in pairwise(found.starts.tolist()))
        return [
            _Words(TokenisedNote(of_note, tokens, sentence_starts(note.text, begins)), begins, ends)
            for note, of_note, tokens, begins, ends in zip(notes, words, *parts, strict=True)
        ]

    def _answer(self, note: Note, words: _Words, top: int, cut: float, evidence: bool) -> Answer:
        limit = self.bundle.max_tokens
        tokens = words.read.tokens[:limit]
        problem = note.fault or _problem(note.text, tokens, self.bundle.vocabulary.unknown)
        codes = () if problem else self._suggest(words, top, cut, evidence)
        beyond = words.ends[:0] if problem or limit is None else words.ends[limit - 1 :]
        return Answer(
            id=note.id,
            codes=codes,
            threshold=float(expit(cut / self.bundle.temperature)),
            truncated_at=int(beyond[0]) if len(beyond) > 1 else None,
            problem=problem,
            model=self._name,
        )

    def _suggest(
        self, words: _Words, top: int, cut: float, evidence: bool
    ) -> tuple[Suggestion, ...]:
        """Likeliest first; of equals the first in the order of the codes."""
        found = self._predictor.read(words.read, evidence)
        scores, codes = found.scores, self.bundle.codes
        shown = np.argsort(-scores, kind="stable")[: max(top, int((scores > cut).sum()))]
        none = np.zeros((len(shown), len(words.begins)))
        weights = none if found.evidence is None else found.evidence(shown)
        adds = found.sources and found.sources(shown)
        return tuple(
            Suggestion(
                code=codes.codes[code],
                title=codes.titles[code],
                system=codes.systems[code],
                score=float(expit(np.float64(scores[code]) / self.bundle.temperature)),
                above_threshold=bool(scores[code] > cut),
                evidence=tuple(spans(weights[k], words.begins, words.ends)),
                sources=None if adds is None else {n: float(of[k]) for n, of in adds.items()},
            )
            for k, code in enumerate(shown)
        )


def _problem(text: str, tokens: Int[np.ndarray, " N"], unknown: int) -> str | None:
    """Why a note cannot be coded, without a word of it."""
    if not text.strip():
        return "the note is empty"
    if not len(tokens):
        return "the note has no words, only numerals and signs"
    if (tokens == unknown).all():
        return f"no word read is in the model's vocabulary (of {len(tokens)})"
    return None
