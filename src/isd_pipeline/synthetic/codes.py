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
from isd_pipeline.synthetic import clinic

MOST_CODES_OF_AN_ADMISSION = 60
NEWBORN_ONLY = re.compile(r"V3\d|V290|V053|p9955|p9983|p640$")
RARE_WORDS_OF_NO_BODY_PART = {"other", "and", "the", "with", "without", "unspecified", "specified"}

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
        bounds = clinic.DIAGNOSIS_CHAPTERS if of_disease else clinic.PROCEDURE_CHAPTERS
        return next(name for bound, name in bounds if number < bound)

    @cached_property
    def category(self) -> str:
        """The code without its finer digits: 250.60 -> 250, p36.15 -> p36."""
        return self.key[: 4 if self.code[0] == "E" else 3]

    @cached_property
    def is_chronic(self) -> bool:
        """Stays with the patient from one admission to the next."""
        return self.category in _CHRONIC


_CHRONIC = frozenset(clinic.CHRONIC.split())


def catalogue() -> tuple[Code, ...]:
    """Every entry of D_ICD_DIAGNOSES and D_ICD_PROCEDURES (version 32), and the withdrawn codes."""
    return (*_read_titles(icd.DIAGNOSIS), *_read_titles(icd.PROCEDURE), *_withdrawn())


def listed_codes(system: str) -> Iterator[Code]:
    """Those that have a row in D_ICD_*."""
    return (code for code in catalogue() if code.system == system and code.is_listed)


def _read_titles(system: icd.System) -> Iterator[Code]:
    for (code, short), (_, long) in zip(
        icd.icd9_table(system, "SHORT"), icd.icd9_table(system), strict=True
    ):
        plain = long.strip().replace("é", "e").replace("è", "e").encode("ascii", "ignore").decode()
        yield Code(system, code, short.strip(), plain)


def _withdrawn() -> Iterator[Code]:
    for line in clinic.WITHDRAWN.strip().splitlines():
        key, title = line.split(" | ")
        system = "procedure" if key[0] == "p" else "diagnosis"
        yield Code(system, key.removeprefix("p"), title[:24], title, is_listed=False)


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
    weights = [
        (rank + 6) ** -HEAD * (1 + rank / BEND) ** -(TAIL - HEAD) for rank in range(len(codes))
    ]
    pairs = list(zip(weights, codes, strict=True))
    cumulative = {
        service: list(accumulate(weight * _liking(service, code) for weight, code in pairs))
        for service in clinic.SERVICES
    }
    return Population(codes, _followers(codes), cumulative)


def _by_frequency(codes: Sequence[Code]) -> tuple[Code, ...]:
    """The common codes as ranked by hand, then the others in a fixed random order."""
    known = {code.key: code for code in codes}
    common = [*dict.fromkeys(key for key in clinic.COMMON.split() if key in known)]
    named = [key for anchor, pairs in chains().items() for key in (anchor, *pairs) if key in known]
    first = dict.fromkeys([*common, *named])
    dice = Random("the rare codes")
    # An exponential clock for each code: the smaller the chapter's weight, the later it rings.
    rings = {code.key: dice.expovariate(clinic.UNCOMMON.get(code.chapter, 1.0)) for code in codes}
    others = sorted((key for key in known if key not in first), key=rings.__getitem__)
    return tuple(known[key] for key in (*first, *others))


@lru_cache(maxsize=1)
def chains() -> dict[str, dict[str, float]]:
    """The chains written by hand: of each code, its followers and their chances."""
    found = {}
    for line in clinic.CHAINS.strip().splitlines():
        anchor, followers = line.split(": ")
        pairs = (pair.split() for pair in followers.split(", "))
        found[anchor] = {key: float(chance) for key, chance in pairs}
    return found


def _followers(codes: Sequence[Code]) -> tuple[tuple[tuple[int, float], ...], ...]:
    position = {code.key: n for n, code in enumerate(codes)}
    nearby = _nearby(codes)
    found = []
    for n, code in enumerate(codes):
        pairs = chains().get(code.key)
        known = tuple((position[k], p) for k, p in (pairs or {}).items() if k in position)
        found.append(nearby.get(n, ()) if pairs is None else known)
    return tuple(found)


def _nearby(codes: Sequence[Code]) -> dict[int, tuple[tuple[int, float], ...]]:
    """Chains of the codes nobody wrote any for: a companion of the chapter, and a procedure.

    The companion is the next one in frequency, so that a chain of rare codes is made of rare
    codes and the long tail stays long. The procedure shares the rarest word with the title. A
    common code, whose company is known, has none.
    """
    procedures: dict[str, list[int]] = {}
    for n, code in enumerate(codes):
        for word in _words(code) if code.system == "procedure" else ():
            procedures.setdefault(word, []).append(n)
    found, last = dict[int, tuple[tuple[int, float], ...]](), dict[str, int]()
    for n in range(len(codes) - 1, len(set(clinic.COMMON.split())) - 1, -1):
        code = codes[n]
        if code.system == "diagnosis":
            shared = [procedures[w] for w in sorted(_words(code)) if w in procedures]
            rarer = [m for m in min(shared, key=len, default=[]) if m > n][:1]
            companion = [last[code.chapter]] if code.chapter in last else []
            found[n] = tuple((m, 0.25) for m in (*companion, *rarer))
        last[code.chapter] = n
    return found


def _words(code: Code) -> set[str]:
    words = set(re.findall(r"[a-z]{5,}", code.long_title.lower()))
    return words - RARE_WORDS_OF_NO_BODY_PART


def _liking(service: str, code: Code) -> float:
    """How much more (or less) the service sees of a code than the hospital does."""
    is_newborn = code.chapter == "perinatal" or bool(NEWBORN_ONLY.match(code.key))
    if service == "NEONATOLOGY":
        return 25.0 if is_newborn else _LIKINGS[service].get(code.chapter, 0.02)
    return 0.0 if is_newborn else _LIKINGS[service].get(code.chapter, 1.0)


_LIKINGS = {
    service: {pair.rsplit(" ", 1)[0]: float(pair.rsplit(" ", 1)[1]) for pair in likes.split(", ")}
    for service, (_, likes) in clinic.SERVICES.items()
}
