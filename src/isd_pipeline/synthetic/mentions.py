"""Which words of a summary speak of a code, and where in the summary they stand.

An assigned code may be silent (nothing in the text tells of it, as in real coding), hidden (only
a treatment or a result tells of it) or named, once or several times and mostly by the same
paraphrase. Codes that are not assigned are named too: denied, ruled out, or a relative's.
"""

from collections.abc import Callable, Iterator
from math import exp
from random import Random
from typing import NamedTuple

from isd_pipeline.synthetic.codes import Code
from isd_pipeline.synthetic.frames import COURSE, DENIED, NAMED, SIGNS, Places
from isd_pipeline.synthetic.paraphrase import misspelt, paraphrases, signs
from isd_pipeline.synthetic.patients import Admission, Registry
from isd_pipeline.synthetic.settings import HospitalSettings

SILENT, HIDDEN = 0.05, 0.10  # shares of the assigned codes
SIGN = 0.15  # of the mentions of a named code that has signs
SAME_WORDS = 0.7  # a later mention repeats the paraphrase of the first
MISSPELT = 0.04
LISTS = ("past", "operations", "final")  # sections that name a code once
DECOYS = 0.5  # mentions of other codes, for each code assigned
WORDS_PER_MENTION = 3.3  # measured over a full-size hospital


class Mention(NamedTuple):
    """A phrase in its sentence; `code` is None where the phrase codes nothing."""

    section: str
    before: str
    phrase: str
    after: str
    code: int | None  # position in the population


def mean_mentions(settings: HospitalSettings) -> float:
    """Mentions per code that is not silent, so that the share of words bears on codes; >= 1."""
    told = settings.codes_per_admission * (1 - SILENT)
    return max(1.0, settings.words * settings.evidence_share / (told * WORDS_PER_MENTION))


def mentions_of(
    admission: Admission, registry: Registry, mean: float, dice: Random
) -> list[Mention]:
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
            section, frames = SIGNS
            before, after = frames[int(random() * len(frames))]
            yield Mention(section, before, hints[int(random() * len(hints))], after, n)
        else:
            name = usual if random() < SAME_WORDS else _skewed(names, random)
            mention = _framed(NAMED[code.system], _typed(name, random), n, random)
            if mention.section in listed:
                mention = _framed(COURSE[code.system], mention.phrase, n, random)
            elif mention.section in LISTS:
                listed.add(mention.section)
            yield mention


def _decoys(
    admission: Admission, registry: Registry, random: Callable[[], float]
) -> Iterator[Mention]:
    """Other codes, common ones above all; never a sibling of an assigned one."""
    codes = registry.population.codes
    assigned = {codes[n].category for n in admission.codes}
    for _ in range(poisson(DECOYS * len(admission.codes), random)):
        code = codes[registry.population.draw(admission.service, random)]
        if code.category not in assigned:
            phrase = _typed(_skewed(paraphrases(code), random), random)
            yield _framed(DENIED[code.system], phrase, None, random)


def _framed(places: Places, phrase: str, code: int | None, random: Callable[[], float]) -> Mention:
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
