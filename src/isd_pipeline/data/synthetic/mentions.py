"""Which words of a summary speak of a code, and where in the summary they stand.

An assigned code may be silent (nothing in the text tells of it, as in real coding), hidden (only
a treatment or a result tells of it) or named, once or several times and mostly by the same
paraphrase. Codes that are not assigned are named too: denied, ruled out, or a relative's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import exp
from random import Random
from typing import NamedTuple

from isd_pipeline.data.synthetic.codes import Code
from isd_pipeline.data.synthetic.paraphrase import misspelt, paraphrases, signs
from isd_pipeline.data.synthetic.patients import Admission, Registry
from isd_pipeline.data.synthetic.settings import HospitalSettings

SILENT, HIDDEN = 0.05, 0.10  # shares of the assigned codes
SIGN = 0.15  # of the mentions of a named code that has signs
SAME_WORDS = 0.7  # a later mention repeats the paraphrase of the first
MISSPELT = 0.04
LISTS = ("past", "operations", "final")  # sections that name a code once
DECOYS = 0.5  # mentions of other codes, for each code assigned
EVIDENCE_SHARE = 0.10  # of a note's words, as the paper counts
WORDS_PER_MENTION = 3.3  # measured over a full-size hospital


class Mention(NamedTuple):
    """A phrase in its sentence; `code` is None where the phrase codes nothing."""

    section: str
    before: str
    phrase: str
    after: str
    code: int | None  # position in the population


_NAMED: dict[str, tuple[tuple[float, str, tuple[tuple[str, str], ...]], ...]] = {
    "diagnosis": (
        (0.26, "story", (
            ("The patient presented with ", "."), ("Was found to have ", " on evaluation."),
            ("This is a patient with known ", "."), ("Recently treated for ", " elsewhere."),
            ("History is notable for ", "."), ("Transferred here because of ", "."),
        )),
        (0.56, "past", (("- ", ""), ("", ""), ("# ", ""), ("* ", ", followed as outpatient"), ("", ", stable"))),
        (0.92, "course", (
            ("# ", ":"), ("# ", ": as above."), ("The stay was notable for ", "."),
            ("", " was managed by the team."), ("Treatment of ", " was continued."),
            ("This was attributed to ", "."), ("The course was complicated by ", "."),
        )),
        (1.0, "final", (("", ""), ("", ""), ("s/p treatment of ", ""))),
    ),
    "procedure": (
        (0.35, "operations", (("", ""), ("", " on [**2150-3-2**]"), ("s/p ", ""))),
        (0.50, "story", (("Had ", " before transfer."), ("Now s/p ", "."), ("Admitted for ", "."))),
        (1.0, "course", (
            ("Underwent ", "."), ("", " was done at the bedside."), ("Taken for ", " the next day."),
            ("Required ", "."), ("", " went well."), ("The team decided on ", "."),
        )),
    ),
}  # fmt: skip
_COURSE = {
    system: ((1.0, "course", places[-1 - (system == "diagnosis")][2]),)
    for system, places in _NAMED.items()
}
_SIGNS = ("course", (("", "."), ("Also ", "."), ("Overnight: ", "."), ("Of note, ", "."), ("", ", per team.")))
_DECOYS: dict[str, tuple[tuple[float, str, tuple[tuple[str, str], ...]], ...]] = {
    "diagnosis": (
        (0.28, "story", (
            ("Denies ", "."), ("No history of ", "."), ("Has not had ", "."), ("Negative for ", "."),
            ("Denies any recent fevers, chills or ", "."), ("No known ", "."),
        )),
        (0.52, "family", (
            ("Mother with ", ""), ("Father died of ", ""), ("Brother: ", ""), ("Sister has ", ""),
            ("No family history of ", ""), ("Several aunts with ", ""), ("Grandmother had ", " late in life"),
        )),
        (0.70, "results", (
            ("No evidence of ", "."), ("No radiographic signs of ", "."), ("", " is not seen."),
            ("Findings are not suggestive of ", "."), ("IMPRESSION: no ", "."),
        )),
        (0.92, "course", (
            ("There was initial concern for ", ", which was ruled out."), ("Without ", " at any point."),
            ("", " was thought unlikely."), ("Work-up for ", " was negative."),
            ("Monitored closely for ", ", which did not develop."), ("No signs of ", "."),
        )),
        (1.0, "instructions", (("Return at once if you have signs of ", "."), ("Ask about your risk of ", "."))),
    ),
    "procedure": (
        (0.7, "course", (
            ("", " was considered and deferred."), ("The family declined ", "."), ("No need for ", "."),
            ("Did not require ", "."), ("", " was cancelled."),
        )),
        (1.0, "instructions", (("You may need ", " one day."), ("We decided against ", " for now."))),
    ),
}  # fmt: skip


def mean_mentions(settings: HospitalSettings) -> float:
    """Mentions per code that is not silent, so that a tenth of the words bear on codes; >= 1."""
    told = settings.codes_per_admission * (1 - SILENT)
    return max(1.0, settings.words * EVIDENCE_SHARE / (told * WORDS_PER_MENTION))


def mentions_of(admission: Admission, registry: Registry, mean: float, dice: Random) -> list[Mention]:
    """Everything the summary will say of codes, assigned ones first."""
    codes, random = registry.population.codes, dice.random
    found: list[Mention] = []
    for n in admission.codes:
        found += _told(n, codes[n], mean, random)
    return found + list(_decoys(admission, registry, random))


def _told(n: int, code: Code, mean: float, random: Callable[[], float]) -> Iterator[Mention]:
    chance, hints = random(), signs(code)
    if chance < SILENT:
        return
    only_signs = bool(hints) and chance < SILENT + HIDDEN
    names = paraphrases(code)
    usual = _skewed(names, random)
    listed: set[str] = set()
    for _ in range(1 + poisson(mean - 1, random)):
        if only_signs or (hints and random() < SIGN):
            section, frames = _SIGNS
            before, after = frames[int(random() * len(frames))]
            yield Mention(section, before, hints[int(random() * len(hints))], after, n)
        else:
            name = usual if random() < SAME_WORDS else _skewed(names, random)
            mention = _framed(_NAMED[code.system], _typed(name, random), n, random)
            if mention.section in listed:
                mention = _framed(_COURSE[code.system], mention.phrase, n, random)
            elif mention.section in LISTS:
                listed.add(mention.section)
            yield mention


def _decoys(admission: Admission, registry: Registry, random: Callable[[], float]) -> Iterator[Mention]:
    """Other codes, common ones above all; never a sibling of an assigned one."""
    codes = registry.population.codes
    assigned = {codes[n].category for n in admission.codes}
    for _ in range(poisson(DECOYS * len(admission.codes), random)):
        code = codes[registry.population.draw(admission.service, random)]
        if code.category not in assigned:
            phrase = _typed(_skewed(paraphrases(code), random), random)
            yield _framed(_DECOYS[code.system], phrase, None, random)


def _framed(
    places: tuple[tuple[float, str, tuple[tuple[str, str], ...]], ...],
    phrase: str, code: int | None, random: Callable[[], float],
) -> Mention:  # fmt: skip
    """The phrase in a sentence of a section; `places` hold the sections' chances, summed up."""
    chance = random()
    section, frames = next((section, frames) for top, section, frames in places if chance < top)
    before, after = frames[int(random() * len(frames))]
    return Mention(section, before, phrase, after, code)


def _typed(phrase: str, random: Callable[[], float]) -> str:
    return misspelt(phrase, random) if random() < MISSPELT else phrase


def _skewed(choices: tuple[str, ...], random: Callable[[], float]) -> str:
    """The first choices more often: the cube of a uniform draw."""
    return choices[int(random() ** 3 * len(choices))]


def poisson(mean: float, random: Callable[[], float]) -> int:
    """By inversion, for the small means met here."""
    bound, product, count = exp(-mean), random(), 0
    while product > bound:
        product *= random()
        count += 1
    return count
