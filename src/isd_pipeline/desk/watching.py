"""Whether what came in is as usual: each measure against that of the bundle's dev notes.

A measure differs where both hold: it is further from usual than its bound, which is what would
matter to a coder; and chance alone would seldom bring it so far, at a level of 1 % over all
measures of a look together (Bonferroni). Dev is a sample itself, which every test counts in.

Axes: D notes, L codes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import kolmogorov, ndtr

from isd_pipeline.coding.usual import (
    BAND_NAMES,
    LEVEL,
    Rate,
    Spread,
    Usual,
    band_numbers,
    chapter_of,
)
from isd_pipeline.desk.entries import Entry, State
from isd_pipeline.desk.incoming import Incoming, Part, suggested

CHANCE = 0.01  # of calling anything unusual in a look at notes like those of dev
FEWEST = 20  # notes that something can be said of
DISTANCE = (
    0.15  # between two distributions: of a value, by which the shares of notes below it differ
)
SHARE = 0.1  # between two shares of codes, or of the notes that have a code
OF_NOTES = 0.05  # more of the notes that have a caution or a problem
MOST = 10  # codes that are named
KINDS = ("few_known_words", "other_language", "weak_codes")
BOUNDS = {
    "chance": CHANCE,
    "distance": DISTANCE,
    "share": SHARE,
    "share_of_notes": OF_NOTES,
    "fewest_notes": FEWEST,
}


@dataclass(frozen=True)
class Measure:
    """One comparison. `usual` and `found` are medians or shares; `away` is held against `bound`.

    p: two-sided but of cautions and problems, of which fewer are no fault. `of` is how many notes
    it is of.
    """

    name: str
    part: str
    usual: float
    found: float
    away: float
    bound: float
    p: float
    of: int


@dataclass(frozen=True)
class Look:
    """Every measure that could be taken, the level that each p is held against, what was not."""

    measures: tuple[Measure, ...]
    level: float
    told: tuple[str, ...]

    @property
    def unusual(self) -> list[Measure]:
        """The measures that differ."""
        return [one for one in self.measures if self.differs(one)]

    def differs(self, one: Measure) -> bool:
        """Whether a measure is beyond its bound, and not by chance."""
        return one.away > one.bound and one.p < self.level

    def numbers(self) -> dict[str, Any]:
        """As JSON has it."""
        listed = [asdict(one) | {"differs": self.differs(one)} for one in self.measures]
        return {
            "as_usual": not self.unusual,
            "bounds": BOUNDS,
            "level": self.level,
            "measures": listed,
            "told": list(self.told),
        }


def look(came: Incoming) -> Look:
    """Every measure of every part.

    Raises a ValueError where the bundle keeps nothing to compare with, or too few notes came in.
    """
    told, measures = list(came.passed_over), list[Measure]()
    parts = [part for part in came.parts if part.answers]
    if sum(len(part.answers) for part in parts) < FEWEST:
        count = sum(len(part.answers) for part in parts)
        raise ValueError(f"{count} answers: of fewer than {FEWEST} nothing can be said")
    for part in parts:
        usual = part.bundle.usual
        if usual is None:
            raise ValueError(
                f"bundle {part.bundle.name} keeps nothing of its dev notes; make it again with "
                "`isd bundle`"
            )
        if len(part.answers) < FEWEST:
            told.append(f"{part.name}: {len(part.answers)} answers, too few to say anything")
            continue
        measures += _of_answers(part, usual)
        measures += _of_texts(part, usual)
        measures += _of_review(part, usual)
        told += _untold(part, usual)
    return Look(tuple(measures), CHANCE / max(len(measures), 1), tuple(told))


def _untold(part: Part, usual: Usual) -> list[str]:
    where = f"{part.name}: " if part.name else ""
    told = []
    if not part.is_tuned:
        told.append(f"{where}not coded at the tuned threshold: codes and scores are not compared")
    if usual.words is not None and len(part.texts) < FEWEST:
        told.append(f"{where}{len(part.texts)} notes given: words and lengths are not compared")
    return told


def _of_answers(part: Part, usual: Usual) -> Iterator[Measure]:
    size = len(part.answers)
    problems = sum(answer["problem"] is not None for answer in part.answers)
    yield _more_notes("problem", part, problems, size, 1 / (usual.notes + 1))
    seldom = max(LEVEL, 1 / (usual.notes + 1))
    kinds = [{one["kind"] for one in answer.get("caution") or ()} for answer in part.answers]
    for kind in KINDS:
        count = sum(kind in of_note for of_note in kinds)
        yield _more_notes(f"caution {kind}", part, count, size, seldom)
    coded = part.coded
    if len(coded) < FEWEST:
        return
    highest = [max((code["score"] for code in answer["codes"]), default=0.0) for answer in coded]
    yield _spread("highest score", part, usual, usual.codes.highest, highest)
    if not part.is_tuned:
        return
    above, scores = suggested(part)
    per_note = above.sum(axis=1)
    yield _spread("codes of a note", part, usual, usual.codes.per_note, per_note)
    yield from _codes(part, usual, above)
    band = band_numbers(scores)
    for number, name in enumerate(BAND_NAMES):
        found = Rate.over_notes(per_note, (above & (band == number)).sum(axis=1))
        yield from _rates(f"share of scores {name}", part, usual.codes.scores.get(name), found)


def _of_texts(part: Part, usual: Usual) -> Iterator[Measure]:
    if usual.words is None or len(part.texts) < FEWEST:
        return
    known, lengths = part.of_texts()
    yield _spread("known words", part, usual, usual.words.known, known)
    yield _spread("words of a note", part, usual, usual.words.length, lengths)


def _codes(part: Part, usual: Usual, above: np.ndarray) -> list[Measure]:
    """The codes that are suggested more or less often; each p is of all codes, any of which may be.

    Of those that differ the `MOST` that are furthest away; where none does, the likeliest to.
    """
    counts, before, size = above.sum(axis=0), np.array(usual.codes.counts), len(above)
    shares, usually = counts / size, before / usual.notes
    seen = np.flatnonzero(counts + before)
    away = np.abs(shares - usually)
    found = []
    for n in [int(n) for n in seen if away[n] > SHARE] or [int(away.argmax())]:
        table = np.array([[counts[n], size - counts[n]], [before[n], usual.notes - before[n]]])
        p = min(1.0, len(seen) * float(stats.fisher_exact(table).pvalue))
        name = f"code {part.codes.codes[n]}"
        values = float(usually[n]), float(shares[n]), float(away[n])
        found.append(Measure(name, part.name, *values, SHARE, p, size))
    likeliest = min(found, key=lambda one: one.p)
    furthest = sorted((one for one in found if one.p < CHANCE), key=lambda one: -one.away)
    return furthest[:MOST] or [likeliest]


def _of_review(part: Part, usual: Usual) -> Iterator[Measure]:
    """How much of what was suggested is accepted, against how much of it dev truly has."""
    decided = [_decided(state) for state in part.states]
    kinds = dict(zip(part.codes.codes, part.codes.systems, strict=True))
    groups = {
        "scores": (usual.codes.bands, lambda e: BAND_NAMES[int(band_numbers(np.array(e.score)))]),
        "chapter": (
            usual.codes.chapters,
            lambda e: chapter_of(e.code, kinds[e.code], part.revision),
        ),
    }
    for what, (rates, group_of) in groups.items():
        grouped = _grouped(decided, group_of)
        for name, usually in rates.items():
            found = _accepted(grouped.get(name, ()))
            yield from _rates(f"accepted of {what} {name}", part, usually, found)
    yield from _rates("codes not suggested", part, usual.codes.missed, _missed(part.states))


def _grouped(
    decided: Sequence[Sequence[Entry]], group_of: Callable[[Any], str]
) -> dict[str, list[list[Entry]]]:
    """By group, of each note the entries that are in it."""
    found: dict[str, list[list[Entry]]] = {}
    for number, of_note in enumerate(decided):
        for entry in of_note:
            found.setdefault(group_of(entry), [[] for _ in decided])[number].append(entry)
    return found


def _decided(state: State) -> list[Entry]:
    """What was accepted or rejected of the codes above the threshold."""
    return [
        entry
        for entry in state.codes.values()
        if entry.decision in ("accepted", "rejected") and _is_above(entry)
    ]


def _is_above(entry: Entry) -> bool:
    return entry.score is not None and entry.score > (entry.threshold or 0.0)


def _accepted(of_notes: Sequence[Sequence[Entry]]) -> Rate | None:
    right = [sum(entry.decision == "accepted" for entry in of) for of in of_notes]
    return Rate.over_notes(np.array([*map(len, of_notes)], dtype=int), np.array(right, dtype=int))


def _missed(states: Sequence[State]) -> Rate | None:
    """Of the codes of notes that were signed off, those that were not above the threshold."""
    kept = [
        [e for e in state.codes.values() if e.decision in ("accepted", "added")]
        for state in states
        if state.signed_off
    ]
    of = np.array([*map(len, kept)], dtype=int)
    return Rate.over_notes(of, np.array([sum(not _is_above(e) for e in one) for one in kept], int))


def _spread(
    name: str, part: Part, usual: Usual, spread: Spread, found: Sequence[float] | np.ndarray
) -> Measure:
    """Two samples by Kolmogorov and Smirnov, with the asymptotic p; dev's is its quantiles."""
    away = float(stats.ks_2samp(found, spread.quantiles, method="asymp").statistic)
    size = len(found) * usual.notes / (len(found) + usual.notes)
    p = float(kolmogorov(np.sqrt(size) * away))
    values = spread.median, float(np.median(found)), away
    return Measure(name, part.name, *values, DISTANCE, p, len(found))


def _more_notes(name: str, part: Part, count: int, size: int, usual: float) -> Measure:
    """Whether more notes than usual have something; the share that is usual is known beforehand."""
    p = float(stats.binom.sf(count - 1, size, usual))
    return Measure(name, part.name, usual, count / size, count / size - usual, OF_NOTES, p, size)


def _rates(name: str, part: Part, usual: Rate | None, found: Rate | None) -> Iterator[Measure]:
    """Two shares by their standard errors over notes; nothing where one is of too few codes."""
    if usual is None or found is None or min(usual.of, found.of) < FEWEST:
        return
    error = float(np.hypot(_error(usual), _error(found)))
    away = abs(found.share - usual.share)
    p = 2 * float(ndtr(-away / error))
    yield Measure(name, part.name, usual.share, found.share, away, SHARE, p, found.of)


def _error(rate: Rate) -> float:
    """No less than that of independent codes, of which half a code more is right and wrong each."""
    share = (rate.right + 0.5) / (rate.of + 1)
    return max(rate.error, float(np.sqrt(share * (1 - share) / rate.of)))


def counted(came: Incoming) -> Mapping[str, int]:
    """How much came in."""
    return {
        "answers": sum(len(part.answers) for part in came.parts),
        "with_a_problem": sum(len(part.answers) - len(part.coded) for part in came.parts),
        "notes": sum(len(part.texts) for part in came.parts),
        "reviewed": sum(len(part.states) for part in came.parts),
        "signed_off": sum(s.signed_off is not None for part in came.parts for s in part.states),
    }
