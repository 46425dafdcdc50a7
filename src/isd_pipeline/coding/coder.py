"""A note in, its likeliest codes with their evidence out.

The bundle's model (`predictors/`) reads each note alone, never beside others in a padded batch:
what is said of a note is a function of the note and the bundle, to the bit, whatever else is coded
with it. (On a CPU a convolutional model reads eight notes together hardly faster; a recurrent one
twice as fast.)

Axes: L codes, K of them shown, N words of a note.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import expit, logit

from isd_pipeline import __version__
from isd_pipeline.coding import caution
from isd_pipeline.coding.bundle import VIEWS_FORMAT, Bundle, format_of, read_bundle
from isd_pipeline.coding.caution import Caution
from isd_pipeline.coding.context import in_context
from isd_pipeline.coding.evidence import Span, spans
from isd_pipeline.coding.rules import Rule, Rules
from isd_pipeline.coding.words import known_words
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.predictors import registry
from isd_pipeline.predictors.base import Prediction, TokenisedNote
from isd_pipeline.predictors.long_notes import WAYS, LongNotes, reading_all
from isd_pipeline.shapes import Float, Int

if TYPE_CHECKING:
    from isd_pipeline.coding.view_coder import ViewCoder

TUNED = "tuned"
SEVERAL = "the note is given in several languages, and this model reads one: give that text alone"


@dataclass(frozen=True)
class Note:
    """A note to be coded. `fault` says why its text could not be read, where it could not.

    For a bundle of two views: `language` is that of the text, None where nobody said it; `others`
    is the same document in another language.
    """

    id: str
    text: str
    fault: str | None = None
    language: str | None = None
    others: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Suggestion:
    """A code for a note. `score` is its calibrated probability; offsets are in code points.

    `sources`, of an ensemble: what each part of it adds to the score, in log-odds before
    calibration, beyond what it adds to an average pair of note and code. Above 0 it is evidence
    for the code. `evidence_only` says what all of its evidence is, if none is the patient's own.

    `title_of`: the code whose title it has, where it has none of its own.

    `rules`: what the code book says of it; None where the bundle has no book of its system.
    """

    code: str
    title: str
    system: str
    score: float
    above_threshold: bool
    evidence: tuple[Span, ...]
    sources: dict[str, float] | None = None
    evidence_only: tuple[str, ...] = ()
    rules: tuple[Rule, ...] | None = None
    title_of: str | None = None


@dataclass(frozen=True)
class Model:
    """Whose answer it is."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Answer:
    """What is said of a note: the likeliest code first, of those that the evidence is not against.

    `threshold` is on the scale of the scores. `truncated_at` is the offset from which on the note
    was not read, None if it was read whole. `problem` says why there are no codes. `caution` says
    how the note is unlike those that the bundle knows; None where the bundle cannot tell.

    Of a bundle of two views: `views` are the languages of the texts that were read, and `remark`
    says what has to be known of them. Of another bundle both are None.

    `books`: the code book of each kind of codes that has one, with its year. `unknown_words` of
    the `words` of its texts are not in the bundle's vocabulary.
    """

    id: str
    codes: tuple[Suggestion, ...]
    threshold: float
    truncated_at: int | None
    problem: str | None
    model: Model
    views: tuple[str, ...] | None = None
    remark: str | None = None
    books: dict[str, str] = field(default_factory=dict)
    caution: tuple[Caution, ...] | None = None
    words: int = 0
    unknown_words: int = 0


@dataclass(frozen=True)
class NoteWords:
    """The words of a note, and where they stand in it, [N]; the rest as an answer says it.

    unknown: how many of them the vocabulary does not have.
    """

    read: TokenisedNote
    begins: Int[np.ndarray, " N"]
    ends: Int[np.ndarray, " N"]
    problem: str | None
    truncated_at: int | None
    unknown: int

    def __len__(self) -> int:
        return len(self.begins)

    def spans(self, weights: Float[np.ndarray, " N"]) -> tuple[Span, ...]:
        """The heaviest words as stretches of the note."""
        return tuple(spans(weights, self.begins, self.ends))


class Coder:
    """A bundle made ready to code notes, on one device, in fp32."""

    languages: tuple[str, ...] = ()  # of several views, which it has not

    def __init__(
        self, bundle: Bundle, device: str = "cpu", long_notes: LongNotes = "windows"
    ) -> None:
        """`long_notes`: read in `windows` what is more than a network reads at once, or `cut`."""
        if long_notes not in WAYS:
            raise ValueError(f"long_notes {long_notes}: {' or '.join(WAYS)} is wanted")
        if device == "cuda" and not torch.cuda.is_available():
            raise ValueError("device cuda: torch sees no GPU here; use cpu")
        self.bundle = bundle
        self._limit = bundle.max_tokens if long_notes == "cut" else None
        try:
            loaded = registry.load(bundle.settings, bundle.weights, device)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"bundle {bundle.name}, made by isd_pipeline {bundle.version}: {__version__} "
                f"cannot build its model ({' '.join(str(error).split())})"
            ) from None
        self._predictor = loaded if long_notes == "cut" else reading_all(loaded)
        self._name = Model(bundle.name, bundle.sha256)
        self.rules = Rules(bundle.books, bundle.codes)

    @staticmethod
    def open(
        folder: Path | str, device: str = "cpu", long_notes: LongNotes = "windows"
    ) -> Coder | ViewCoder:
        """Make a bundle of either kind ready.

        `long_notes` says what becomes of a note with more words than a network of the bundle
        reads at once: it is read in `windows`, or `cut`.

        Raises:
            FileNotFoundError: there is no bundle, or one of its files is missing.
            ValueError: it is damaged, of a newer format, or does not fit this version.
        """
        from isd_pipeline.coding.view_bundle import read_view_bundle
        from isd_pipeline.coding.view_coder import ViewCoder

        if format_of(folder) == VIEWS_FORMAT:
            return ViewCoder(read_view_bundle(folder), device, long_notes)
        return Coder(read_bundle(folder), device, long_notes)

    @property
    def has_evidence(self) -> bool:
        """Whether evidence can be given: of a Bi-GRU, whose codes attend to no words, it cannot."""
        return self._predictor.has_evidence

    @property
    def cautions_missing(self) -> str | None:
        """What kinds of caution cannot be told and why, None where all can."""
        return caution.missing(self.bundle.usual)

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
        cut = cut_of(threshold, self.bundle.threshold_tuned, self.bundle.temperature)
        return [
            self._answer(note, words, top, cut, evidence)
            for note, words in zip(notes, self.words(notes), strict=True)
        ]

    def words(self, notes: Sequence[Note]) -> list[NoteWords]:
        """The words of each note, as the bundle knows them."""
        return [self._words_of(note) for note in notes]

    def _words_of(self, note: Note) -> NoteWords:
        limit, vocabulary = self._limit, self.bundle.vocabulary
        read, begins, ends = known_words(note.text, vocabulary)
        problem = note.fault or (SEVERAL if note.others else None)
        problem = problem or _problem(note.text, read.tokens[:limit], vocabulary.unknown)
        beyond = ends[:0] if problem or limit is None else ends[limit - 1 :]
        truncated_at = int(beyond[0]) if len(beyond) > 1 else None
        unknown = int((read.tokens == vocabulary.unknown).sum())
        return NoteWords(read, begins, ends, problem, truncated_at, unknown)

    def read(self, words: NoteWords, evidence: bool) -> Prediction:
        """What the model says of a note that has no problem."""
        return self._predictor.read(words.read, evidence and self.has_evidence)

    def _answer(self, note: Note, words: NoteWords, top: int, cut: float, evidence: bool) -> Answer:
        temperature = self.bundle.temperature
        codes: tuple[Suggestion, ...] = ()
        unlike = self.cautions(words)
        if words.problem is None:
            found = self.read(words, evidence)
            unlike += caution.of_scores(self.bundle.usual, found.scores, temperature)
            scale = Scale(self.bundle.codes, cut, temperature)
            codes = scale.suggest(found, top, lambda shown: _spans(found, words, shown))
            codes = self.rules.judge(codes, found.scores)
            unlike += caution.of_codes(self.bundle.usual, codes) if found.evidence else []
        answer = Answer(
            id=note.id,
            codes=codes,
            threshold=float(expit(cut / temperature)),
            truncated_at=words.truncated_at,
            problem=words.problem,
            model=self._name,
            books=self.rules.editions,
            caution=None if self.bundle.usual is None else tuple(unlike),
            words=len(words),
            unknown_words=words.unknown,
        )
        return in_context(answer, {None: note})

    def cautions(self, words: NoteWords) -> list[Caution]:
        """How the words of a note are unlike those that the bundle knows."""
        usual, unknown = self.bundle.usual, self.bundle.vocabulary.unknown
        return caution.of_words(usual, words.read.words, words.read.tokens, unknown)


@dataclass(frozen=True)
class Scale:
    """The codes [L], and from which log-odds on one is suggested, before calibration."""

    codes: CodeIndex
    cut: float
    temperature: float

    def suggest(
        self,
        found: Prediction,
        top: int,
        spans_of: Callable[[Int[np.ndarray, " K"]], Sequence[tuple[Span, ...]]],
    ) -> tuple[Suggestion, ...]:
        """Likeliest first; of equals the first in the order of the codes."""
        scores, codes = found.scores, self.codes
        shown = np.argsort(-scores, kind="stable")[: max(top, int((scores > self.cut).sum()))]
        adds = found.sources and found.sources(shown)
        return tuple(
            Suggestion(
                code=codes.codes[code],
                title=codes.titles[code],
                system=codes.systems[code],
                score=float(expit(np.float64(scores[code]) / self.temperature)),
                above_threshold=bool(scores[code] > self.cut),
                evidence=stretches,
                sources=None if adds is None else {n: float(of[k]) for n, of in adds.items()},
                title_of=codes.title_of.get(codes.codes[code]),
            )
            for k, (code, stretches) in enumerate(zip(shown, spans_of(shown), strict=True))
        )


def cut_of(threshold: str | float, tuned: float, temperature: float) -> float:
    """The threshold as log-odds before calibration, where no rounding moves a code over it."""
    if threshold == TUNED:
        return tuned
    if isinstance(threshold, str) or not 0 <= threshold <= 1:
        raise ValueError(f"threshold {threshold}: `{TUNED}` or a score from 0 to 1 is wanted")
    return float(temperature * logit(threshold))


def _spans(
    found: Prediction, words: NoteWords, shown: Int[np.ndarray, " K"]
) -> list[tuple[Span, ...]]:
    """The evidence of each code that is shown."""
    if found.evidence is None:
        return [()] * len(shown)
    return [words.spans(weights) for weights in found.evidence(shown)]


def _problem(text: str, tokens: Int[np.ndarray, " N"], unknown: int) -> str | None:
    """Why a note cannot be coded, without a word of it."""
    if not text.strip():
        return "the note is empty"
    if not len(tokens):
        return "the note has no words, only numerals and signs"
    if (tokens == unknown).all():
        return f"no word read is in the model's vocabulary (of {len(tokens)})"
    return None
