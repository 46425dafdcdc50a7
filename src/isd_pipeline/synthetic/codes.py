"""Which codes an admission gets: a long tail, and codes that come in chains.

The population is a function of nothing but the size of its pool: two hospitals of different
seeds draw different patients out of the same country.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from random import Random

from isd_pipeline.data.codes import icd
from isd_pipeline.synthetic.clinic import (
    CHAINS,
    CHRONIC,
    COMMON,
    DIAGNOSIS_CHAPTERS,
    PROCEDURE_CHAPTERS,
    SERVICES,
    UNCOMMON,
    WITHDRAWN,
)

MOST_CODES_OF_AN_ADMISSION = 60
NEWBORN_ONLY = re.compile(r"V3\d|V290|V053|p9955|p9983|p640$")
NO_BODY_PART = {"other", "and", "the", "with", "without", "unspecified", "specified"}

# The weight of the code at rank r is (r + 6)^-HEAD * (1 + r / BEND)^-(TAIL - HEAD): Zipf among
# the common codes and steeper among the rare ones. Found by trial at full size, so that the top
# tenth of the codes hold 85 % of the occurrences and 22 % of the codes occur once.
HEAD, TAIL, BEND = 0.85, 4.5, 4_500


@dataclass(frozen=True)
class Code:
    """One entry of ICD-9-CM as MIMIC-III writes it."""

    system: str  # "diagnosis" or "procedure"
    code: str  # undotted: 0389, V3001, E8788
    short_title: str
    long_title: str
    is_listed: bool = True  # has a row in D_ICD_*

    @cached_property
    def key(self) -> str:
        """Unique over both systems, which share codes such as 311."""
        return self.code if self.system == "diagnosis" else f"p{self.code}"

    @cached_property
    def chapter(self) -> str:
        """The chapter of the classification, by which a service prefers it."""
        if self.code[0] in "EV":
            return "external" if self.code[0] == "E" else "factors"
        of_disease = self.system == "diagnosis"
        number = int(self.code[: 3 if of_disease else 2])
        bounds = DIAGNOSIS_CHAPTERS if of_disease else PROCEDURE_CHAPTERS
        return next(name for bound, name in bounds if number < bound)

    @cached_property
    def category(self) -> str:
        """The code without its finer digits: 250.60 -> 250, p36.15 -> p36."""
        return self.key[: 4 if self.code[0] == "E" else 3]

    @cached_property
    def is_chronic(self) -> bool:
        """Stays with the patient from one admission to the next."""
        return self.category in CHRONIC.split()


def catalogue() -> tuple[Code, ...]:
    """Every entry of D_ICD_DIAGNOSES and D_ICD_PROCEDURES (version 32), and the withdrawn codes."""
    found = []
    for system in (icd.DIAGNOSIS, icd.PROCEDURE):
        short_titles = dict(icd.icd9_table(system, "SHORT"))
        for code, title in icd.icd9_table(system):
            plain = title.strip().replace("é", "e").replace("è", "e").encode("ascii", "ignore")
            found.append(Code(system, code, short_titles[code].strip(), plain.decode()))
    for line in WITHDRAWN.strip().splitlines():
        key, title = line.split(" | ")
        system = icd.PROCEDURE if key[0] == "p" else icd.DIAGNOSIS
        found.append(Code(system, key.removeprefix("p"), title[:24], title, is_listed=False))
    return tuple(found)


def listed_codes(system: str) -> Iterator[Code]:
    """Those that have a row in D_ICD_*."""
    return (code for code in catalogue() if code.system == system and code.is_listed)


@dataclass(frozen=True)
class Population:
    """The codes in use, most frequent first, with what each draws after it."""

    codes: tuple[Code, ...]
    followers: tuple[tuple[tuple[int, float], ...], ...]  # of each code: (position, chance)
    cumulative: dict[str, list[float]]  # of each service: the codes' weights, summed up

    def draw(self, service: str, random: Callable[[], float]) -> int:
        """One code, as likely as it is frequent in the service."""
        sums = self.cumulative[service]
        return bisect_right(sums, random() * sums[-1])

    def codes_of_an_admission(
        self, service: str, wanted: int, known: Sequence[int], dice: Random
    ) -> list[int]:
        """At least `wanted` distinct codes, the chains of each behind it; `known` come first."""
        random = dice.random
        found = dict.fromkeys(known)
        for code in known:
            self._follow(code, found, random)
        while len(found) < wanted:
            code = self.draw(service, random)
            if code not in found:
                found[code] = None
                self._follow(code, found, random)
        return list(found)[:MOST_CODES_OF_AN_ADMISSION]

    def _follow(self, code: int, found: dict[int, None], random: Callable[[], float]) -> None:
        for follower, chance in self.followers[code]:
            if random() < chance and follower not in found:
                found[follower] = None
                self._follow(follower, found, random)


@lru_cache(maxsize=2)
def population(pool: int) -> Population:
    """The `pool` most frequent codes of the country."""
    codes = _by_frequency(catalogue())[:pool]
    weights = [(r + 6) ** -HEAD * (1 + r / BEND) ** -(TAIL - HEAD) for r in range(len(codes))]
    pairs = list(zip(weights, codes, strict=True))
    cumulative = {
        service: list(accumulate(weight * _liking(service, code) for weight, code in pairs))
        for service in SERVICES
    }
    return Population(codes, _followers(codes), cumulative)


def _by_frequency(codes: Sequence[Code]) -> tuple[Code, ...]:
    """The common codes as ranked by hand, then the others in a fixed random order."""
    known = {code.key: code for code in codes}
    named = [key for anchor, pairs in chains().items() for key in (anchor, *pairs)]
    first = dict.fromkeys(key for key in (*COMMON.split(), *named) if key in known)
    dice = Random("the rare codes")
    # An exponential clock for each code: the smaller the chapter's weight, the later it rings.
    rings = {code.key: dice.expovariate(UNCOMMON.get(code.chapter, 1.0)) for code in codes}
    others = sorted((key for key in known if key not in first), key=rings.__getitem__)
    return tuple(known[key] for key in (*first, *others))


@lru_cache(maxsize=1)
def chains() -> dict[str, dict[str, float]]:
    """The chains written by hand: of each code, its followers and their chances."""
    return {
        anchor: {key: float(chance) for key, chance in map(str.split, followers.split(", "))}
        for anchor, followers in (line.split(": ") for line in CHAINS.strip().splitlines())
    }


def _followers(codes: Sequence[Code]) -> tuple[tuple[tuple[int, float], ...], ...]:
    """The chains written by hand; else a companion of the chapter, and a procedure.

    The companion is the next one in frequency, so that a chain of rare codes is made of rare
    codes and the long tail stays long. The procedure shares the rarest word with the title.
    A common code, whose company is known, and a procedure have none but what was written.
    """
    position = {code.key: n for n, code in enumerate(codes)}
    words = [set(re.findall(r"[a-z]{5,}", c.long_title.lower())) - NO_BODY_PART for c in codes]
    procedures: dict[str, list[int]] = {}
    for n, code in enumerate(codes):
        for word in words[n] if code.system == "procedure" else ():
            procedures.setdefault(word, []).append(n)
    common, found = len(set(COMMON.split())), []
    next_of: dict[str, int] = {}  # of each chapter, the code met last
    for n, code in reversed(list(enumerate(codes))):
        pairs: list[tuple[int, float]] = []
        if code.key in chains():
            pairs = [(position[k], p) for k, p in chains()[code.key].items() if k in position]
        elif n >= common and code.system == "diagnosis":
            shared = [procedures[word] for word in sorted(words[n]) if word in procedures]
            rarer = [m for m in min(shared, key=len, default=[]) if m > n]
            companion = [next_of[code.chapter]] if code.chapter in next_of else []
            pairs = [(m, 0.25) for m in companion + rarer[:1]]
        found.append(tuple(pairs))
        next_of[code.chapter] = n
    return tuple(reversed(found))


def _liking(service: str, code: Code) -> float:
    """How much more (or less) the service sees of a code than the hospital does."""
    is_newborn = code.chapter == "perinatal" or bool(NEWBORN_ONLY.match(code.key))
    if service == "NEONATOLOGY":
        return 25.0 if is_newborn else _LIKINGS[service].get(code.chapter, 0.02)
    return 0.0 if is_newborn else _LIKINGS[service].get(code.chapter, 1.0)


_LIKINGS = {
    service: {pair.rsplit(" ", 1)[0]: float(pair.rsplit(" ", 1)[1]) for pair in likes.split(", ")}
    for service, (_, likes) in SERVICES.items()
}
