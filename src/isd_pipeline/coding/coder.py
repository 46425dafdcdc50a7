"""A note in, its likeliest codes with their evidence out.

The model reads each note alone, never beside others in a padded batch: what is said of a note is a
function of the note and the bundle, to the bit, whatever else is coded with it. (On a CPU a
convolutional model reads eight notes together hardly faster; a recurrent one twice as fast.)

Axes: L codes, K of them shown, N words of a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit, logit
from torch import nn

from isd_pipeline import __version__
from isd_pipeline.coding.bundle import Bundle, read_bundle
from isd_pipeline.coding.evidence import Span, spans
from isd_pipeline.evaluation.attention import Reading, read_note
from isd_pipeline.evaluation.evidence import spread_over_windows
from isd_pipeline.evaluation.predict import predict
from isd_pipeline.models.isd import ISD
from isd_pipeline.shapes import Float, Int
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.sentences import sentence_starts
from isd_pipeline.text.tokens import tokenize_all
from isd_pipeline.training.systems import SYSTEMS, rebuild

TUNED = "tuned"


@dataclass(frozen=True)
class Note:
    """A note to be coded. `fault` says why its text could not be read, where it could not."""

    id: str
    text: str
    fault: str | None = None


@dataclass(frozen=True)
class Suggestion:
    """A code for a note. `score` is its calibrated probability; offsets are in code points."""

    code: str
    title: str
    system: str
    score: float
    above_threshold: bool
    evidence: tuple[Span, ...]


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
    """The words of a note as numbers, [N], and where they stand in it."""

    tokens: Int[np.ndarray, " N"]
    begins: Int[np.ndarray, " N"]
    ends: Int[np.ndarray, " N"]

    def until(self, limit: int, text: str) -> Documents:
        """The first of them as the only document there is, its sentences as `text` has them."""
        tokens, sentences = self.tokens[:limit], sentence_starts(text, self.begins)
        sentences = sentences[sentences < limit]
        return Documents(
            ids=np.array(["note"]),
            tokens=tokens,
            token_starts=np.array([0, len(tokens)]),
            labels=np.zeros(0, dtype=np.int32),
            label_starts=np.zeros(2, dtype=np.int64),
            sentences=sentences,
            sentence_starts=np.array([0, len(sentences)]),
        )


class Coder:
    """A bundle made ready to code notes, on one device, in fp32."""

    def __init__(self, bundle: Bundle, device: str = "cpu") -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise ValueError("device cuda: torch sees no GPU here; use cpu")
        self.bundle = bundle
        self.device = device
        self.model = _rebuilt(bundle).to(device).eval()
        self._name = Model(bundle.name, bundle.sha256)

    @classmethod
    def open(cls, folder: Path | str, device: str = "cpu") -> Coder:
        """Make a bundle ready; raises what `read_bundle` raises."""
        return cls(read_bundle(folder), device)

    @property
    def has_evidence(self) -> bool:
        """Whether evidence can be given: of the systems other than ISD none is, so far."""
        return isinstance(self.model, ISD)

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
        numbers = vocabulary.encode(found.words)
        parts = (np.split(v, found.starts[1:-1]) for v in (numbers, found.begins, found.ends))
        return [_Words(*of_note) for of_note in zip(*parts, strict=True)]

    def _answer(self, note: Note, words: _Words, top: int, cut: float, evidence: bool) -> Answer:
        limit = self.bundle.max_tokens
        read = words.until(limit, note.text)
        problem = note.fault or _problem(note.text, read.tokens, self.bundle.vocabulary.unknown)
        codes = () if problem else self._suggest(read, words, top, cut, evidence)
        longer = not problem and len(words.tokens) > limit
        return Answer(
            id=note.id,
            codes=codes,
            threshold=float(expit(cut / self.bundle.temperature)),
            truncated_at=int(words.ends[limit - 1]) if longer else None,
            problem=problem,
            model=self._name,
        )

    def _suggest(
        self, read: Documents, words: _Words, top: int, cut: float, evidence: bool
    ) -> tuple[Suggestion, ...]:
        scores, reading = self._read(read, evidence)
        shown = _shown(scores, top, cut)
        found = self._spans(reading, shown, words)
        return tuple(
            Suggestion(
                code=self.bundle.codes.codes[code],
                title=self.bundle.codes.titles[code],
                system=self.bundle.codes.systems[code],
                score=float(expit(np.float64(scores[code]) / self.bundle.temperature)),
                above_threshold=bool(scores[code] > cut),
                evidence=stretches,
            )
            for code, stretches in zip(shown, found, strict=True)
        )

    def _read(
        self, note: Documents, evidence: bool
    ) -> tuple[Float[np.ndarray, " L"], Reading | None]:
        """The log-odds of all codes; what was attended to, if it is wanted."""
        if evidence:
            reading = read_note(self.model, note.tokens)
            return reading.scores, reading
        found = predict(
            self.model,
            note,
            batch_size=1,
            max_tokens=len(note.tokens),
            device=self.device,
            sentences=SYSTEMS[self.bundle.settings["system"]].sentences,
        )
        return found[0], None

    def _spans(
        self, reading: Reading | None, shown: Int[np.ndarray, " K"], words: _Words
    ) -> list[tuple[Span, ...]]:
        """The evidence of each code that is shown; none where none was read."""
        if reading is None or not isinstance(self.model, ISD):
            return [()] * len(shown)
        config, attention = self.model.config, reading.attention[reading.winners[shown]]
        weights = spread_over_windows(attention, config.kernel_sizes, config.residual_words)
        return [tuple(spans(of_code, words.begins, words.ends)) for of_code in weights]


def _rebuilt(bundle: Bundle) -> nn.Module:
    """The model, or one line where this version has no such system or setting, or no such size."""
    try:
        return rebuild(bundle.settings, bundle.weights)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"bundle {bundle.name}, made by isd_pipeline {bundle.version}: {__version__} cannot "
            f"build its model ({' '.join(str(error).split())})"
        ) from None


def _shown(scores: Float[np.ndarray, " L"], top: int, cut: float) -> Int[np.ndarray, " K"]:
    """Which codes are told of, likeliest first; of equals the first in the order of the codes."""
    order = np.argsort(-scores, kind="stable")
    return order[: max(top, int((scores > cut).sum()))]


def _problem(text: str, tokens: Int[np.ndarray, " N"], unknown: int) -> str | None:
    """Why a note cannot be coded, without a word of it."""
    if not text.strip():
        return "the note is empty"
    if not len(tokens):
        return "the note has no words, only numerals and signs"
    if (tokens == unknown).all():
        return f"no word read is in the model's vocabulary (of {len(tokens)})"
    return None
