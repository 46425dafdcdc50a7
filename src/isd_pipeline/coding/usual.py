"""What is usual to a bundle: what its dev notes were like, and what its model said of them.

Dev has trained no weight, so its notes stand for new ones; but the threshold, the temperature and
the kept epoch were chosen on it, which makes its scores a little better than those of new notes.
Where the vocabulary was made of all splits, or the model trained on dev as well, the words of dev
are better known than those of new notes, too.

Kept are quantiles, rates and counts. No value can be told to be of one note but the few at the ends
of a spread.

Axes: D dev notes, L codes.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from isd_pipeline.data.codes import icd
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.evaluation.cells import Gold
from isd_pipeline.shapes import Float, Int
from isd_pipeline.text.languages import function_word_shares, language_of, margin

LEVEL = 0.01  # of the notes, the share that a bound may call unusual
GRID = np.linspace(0, 1, 101)
BANDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # of calibrated scores


@dataclass(frozen=True)
class Spread:
    """A measure over the dev notes: its quantiles at 0, 1 … 100 %, and the bounds of the unusual.

    Below `low` lie at most 1 in 100 of notes like these, and above `high` as many; of fewer than
    99 dev notes 1 in D + 1. That holds for any distribution, as the rank of a new note among D
    others is any with equal chance.
    """

    quantiles: tuple[float, ...]
    low: float
    high: float

    @property
    def median(self) -> float:
        """What half of the notes are below."""
        return self.quantiles[len(self.quantiles) // 2]

    @classmethod
    def of(cls, values: Sequence[float] | np.ndarray) -> Spread:
        """Of one value a note, to six decimals; bounds are rounded outwards."""
        ordered = np.sort(np.asarray(values, dtype=np.float64))
        rank = max(1, int(LEVEL * (len(ordered) + 1)))
        low, high = np.floor(ordered[rank - 1] * 1e6) / 1e6, np.ceil(ordered[-rank] * 1e6) / 1e6
        quantiles = np.quantile(ordered, GRID).round(6)
        return cls(tuple(quantiles.tolist()), float(low), float(high))


@dataclass(frozen=True)
class Rate:
    """How many of some codes were right, and the standard error of that share.

    The error is over notes, each with all its codes: the codes of one note are right together.
    """

    of: int
    right: int
    error: float

    @property
    def share(self) -> float:
        """Of the codes."""
        return self.right / self.of

    @classmethod
    def over_notes(cls, of: Int[np.ndarray, " D"], right: Int[np.ndarray, " D"]) -> Rate | None:
        """Of counts a note; None where no note has any, or one note has all."""
        total = int(of.sum())
        notes = int((of > 0).sum())
        if notes < 2:
            return None
        residuals = right - of * (right.sum() / total)
        error = float(np.sqrt((residuals**2).sum() * notes / (notes - 1)) / total)
        return cls(total, int(right.sum()), round(error, 6))


@dataclass(frozen=True)
class UsualWords:
    """`language` as `languages.py` tells it; None: one that it does not know.

    known: the share of a note's words that are in the vocabulary. length: in words. other: how much
    the share of another language's function words exceeds that of the own, which is below 0; empty
    where the language is not known.
    """

    language: str | None
    known: Spread
    length: Spread
    other: Spread | None


@dataclass(frozen=True)
class UsualCodes:
    """What was said of the dev notes, at the tuned threshold, and how much of it was right.

    highest: the highest calibrated score of a note. per_note: codes above the threshold. counts:
    [L], the notes in which each code is above it. scores: of the codes above the threshold, `right`
    those in a band of scores. bands, chapters: the codes above the threshold by score and by
    chapter, `right` those that the note truly has. missed: the codes that notes truly have, `right`
    those that are not above the threshold.
    """

    highest: Spread
    per_note: Spread
    counts: tuple[int, ...]
    scores: Mapping[str, Rate]
    bands: Mapping[str, Rate]
    chapters: Mapping[str, Rate]
    missed: Rate | None


@dataclass(frozen=True)
class Usual:
    """Of D dev `notes`. `words` is None of two texts read together: each view has its own."""

    notes: int
    words: UsualWords | None
    codes: UsualCodes


def usual_words(
    words: Sequence[Sequence[str]], tokens: Sequence[Int[np.ndarray, " N"]], unknown: int
) -> UsualWords:
    """Of the words and the token ids of each dev note."""
    shares = [function_word_shares(of_note) for of_note in words]
    language = language_of(shares)
    other = None if language is None else Spread.of([margin(one, language)[0] for one in shares])
    return UsualWords(
        language,
        known=Spread.of([known_share(of_note, unknown) for of_note in tokens]),
        length=Spread.of([len(of_note) for of_note in words]),
        other=other,
    )


def usual_codes(
    gold: Gold,
    scores: Float[np.ndarray, "D L"],
    *,
    cut: float,
    temperature: float,
    codes: CodeIndex,
    revision: str,
) -> UsualCodes:
    """Of the true codes of each dev note and the log-odds of all, suggested from `cut` on."""
    calibrated = expit(scores.astype(np.float64) / temperature)
    true, above = gold.toarray().astype(bool), scores > cut
    right = above & true
    band_of, of_note = band_numbers(calibrated), above.sum(axis=1)
    in_band = {name: band_of == n for n, name in enumerate(BAND_NAMES)}
    scores_of = {n: Rate.over_notes(of_note, (above & c).sum(axis=1)) for n, c in in_band.items()}
    bands = {
        name: Rate.over_notes(*((cells & of_band).sum(axis=1) for cells in (above, right)))
        for name, of_band in in_band.items()
    }
    chapter = np.array(chapters_of(codes, revision))
    chapters = {
        name: Rate.over_notes(*(cells[:, chapter == name].sum(axis=1) for cells in (above, right)))
        for name in sorted(set(chapter))
    }
    return UsualCodes(
        highest=Spread.of(calibrated.max(axis=1)),
        per_note=Spread.of(of_note),
        counts=tuple(above.sum(axis=0).tolist()),
        scores={name: rate for name, rate in scores_of.items() if rate},
        bands={name: rate for name, rate in bands.items() if rate},
        chapters={name: rate for name, rate in chapters.items() if rate},
        missed=Rate.over_notes(true.sum(axis=1), (true & ~above).sum(axis=1)),
    )


def known_share(tokens: Int[np.ndarray, " N"], unknown: int) -> float:
    """The share of a note's words that the vocabulary has."""
    return float((tokens != unknown).mean()) if len(tokens) else 0.0


BAND_NAMES = tuple(f"{low:.1f}-{high:.1f}" for low, high in itertools.pairwise(BANDS))


def band_numbers(scores: np.ndarray) -> np.ndarray:
    """In which of `BANDS` each score is; one at a border is in the upper."""
    return np.clip(np.searchsorted(BANDS, scores, side="right") - 1, 0, len(BAND_NAMES) - 1)


def chapters_of(codes: CodeIndex, revision: str) -> list[str]:
    """The ICD chapter of each code, or the section of ICD-10-PCS; "unknown" of no such code."""
    return [
        chapter_of(code, system, revision)
        for code, system in zip(codes.codes, codes.systems, strict=True)
    ]


def chapter_of(code: str, system: icd.System, revision: str) -> str:
    """The same of one code; `system` is diagnosis or procedure."""
    if revision == "icd9":
        return icd.icd9_chapter(code, system)
    return icd.icd10_section(code) if system == icd.PROCEDURE else icd.icd10_chapter(code)


def usual_from(record: Mapping[str, Any] | None) -> Usual | None:
    """What `dataclasses.asdict` made of it, as read from JSON; None for a bundle without."""
    if record is None:
        return None
    words = record["words"]
    return Usual(record["notes"], words and _words(words), _codes(record["codes"]))


def _words(record: Mapping[str, Any]) -> UsualWords:
    other = record["other"] and _spread(record["other"])
    known, length = _spread(record["known"]), _spread(record["length"])
    return UsualWords(record["language"], known=known, length=length, other=other)


def _codes(record: Mapping[str, Any]) -> UsualCodes:
    return UsualCodes(
        highest=_spread(record["highest"]),
        per_note=_spread(record["per_note"]),
        counts=tuple(record["counts"]),
        scores=_rates(record["scores"]),
        bands=_rates(record["bands"]),
        chapters=_rates(record["chapters"]),
        missed=record["missed"] and Rate(**record["missed"]),
    )


def _rates(record: Mapping[str, Any]) -> dict[str, Rate]:
    return {name: Rate(**rate) for name, rate in record.items()}


def _spread(record: Mapping[str, Any]) -> Spread:
    return Spread(tuple(record["quantiles"]), record["low"], record["high"])
