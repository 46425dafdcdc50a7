"""The cues of a language, read from a file that is edited by hand, and found in a text.

`cues_en.toml`, `cues_es.toml`. Phrases are written in small letters without accents, as notes are
compared; `{a,b}` is either, so "{no,without} pain" is two phrases; `*` stands for letters. Of the
lists of a kind

    list       stands before a list of findings ("denies fever, chills or cough")
    item       stands before one finding, or several joined by "or" ("possible pneumonia")
    sentence   holds for all that follows in its sentence ("if", "mother")
    after      stands behind the findings ("was ruled out")
    around     stands between two ("versus")

`ends` are phrases at which cues stop, of every kind or of one. `no_cue` looks like a cue and is
none ("no further"): where phrases overlap the longest counts, and the first of all.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any, Literal, NamedTuple, get_args

from isd_pipeline.text.languages import function_word_shares

Kind = Literal["denied", "family", "hypothetical", "historical", "uncertain"]
KINDS: tuple[Kind, ...] = get_args(Kind)
REACHES = ("list", "item", "sentence", "after", "around")
FILES = {"en": "cues_en.toml", "es": "cues_es.toml"}
LANGUAGES = tuple(FILES)
_EXPRESSIONS = {" ": r"\s+", "*": r"\w*"}
_PLAIN = dict(zip("áàâäãéèêëíìîïóòôöõúùûüñç’", "aaaaaeeeeiiiiooooouuuunc'", strict=True))
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_WORD = re.compile(r"\w+")


class Role(NamedTuple):
    """What a phrase does: a cue of a kind with a reach, or an end of a kind (`reach` "ends")."""

    kind: Kind
    reach: str


@dataclass(frozen=True)
class Cues:
    """Those of one language, ready to be looked for.

    `roles` of each phrase; a phrase without any is no cue. `joining` words stand between the
    items of a list, and of them `going_on` say that it goes on. An item with one of the `verbs`
    is a clause.
    """

    roles: Mapping[str, tuple[Role, ...]]
    pattern: re.Pattern[str]
    joining: frozenset[str]
    going_on: frozenset[str]
    verbs: frozenset[str]

    def find(self, plain: str, begin: int, end: int) -> Iterator[tuple[int, int, tuple[Role, ...]]]:
        """Every phrase between two places of a text that `plain` made: begin, end, roles."""
        for found in self.pattern.finditer(plain, begin, end):
            roles = self.roles.get(" ".join(found[0].split()), ())
            yield found.start(), found.end(), roles


def plain(text: str) -> str:
    """In small letters without accents; every code point stays at its place."""
    lower = text.lower()
    if len(lower) != len(text):  # a capital I with a dot becomes two
        lower = "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)
    return _FOREIGN.sub(lambda letter: _PLAIN.get(letter[0], letter[0]), lower)


@cache
def cues_of(language: str) -> Cues:
    """The cues of `en` or `es`."""
    read = tomllib.loads(files(__package__).joinpath(FILES[language]).read_text("utf-8"))
    roles: dict[str, list[Role]] = {}
    for phrase, *role in _phrases(read):
        roles.setdefault(phrase, []).extend(role)
    words = (frozenset(read[name]) for name in ("joining", "going_on", "verbs"))
    return Cues({phrase: tuple(of) for phrase, of in roles.items()}, any_of(roles), *words)


def language_of(text: str) -> str:
    """That of `LANGUAGES` whose function words come more often; the first of equals."""
    shares = function_word_shares(_WORD.findall(text.lower()))
    return max(LANGUAGES, key=lambda name: shares[name])


def _phrases(read: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Each phrase of a file with its role, if it has one."""
    for kind in KINDS:
        for reach, phrases in read[kind].items():
            if reach not in REACHES:
                raise ValueError(f"cues of {kind}: no reach '{reach}'; known are {REACHES}")
            yield from ((one, Role(kind, reach)) for phrase in phrases for one in spelled(phrase))
        ends = (*read["ends"]["every"], *read["ends"].get(kind, ()))
        yield from ((one, Role(kind, "ends")) for phrase in ends for one in spelled(phrase))
    yield from ((one,) for phrase in read["no_cue"]["phrases"] for one in spelled(phrase))


def spelled(phrase: str) -> Iterator[str]:
    """All that a phrase with braces stands for."""
    parts = re.split(r"\{([^}]*)\}", phrase)
    choices = [part.split(",") if n % 2 else [part] for n, part in enumerate(parts)]
    return (" ".join("".join(one).split()) for one in product(*choices))


def any_of(phrases: Iterable[str]) -> re.Pattern[str]:
    """Finds any of some phrases as whole words, the longest of those that begin at one place."""
    words = {one for one in phrases if re.match(r"[\w*]", one)}
    signs = set(phrases) - words
    either = [rf"(?<!\w){_either(words)}"] * bool(words) + [_either(signs)] * bool(signs)
    return re.compile("|".join(either))


def _either(tails: Iterable[str], last: str = "") -> str:
    """Any of what may follow the sign `last`: sign by sign, for what begins alike is read once."""
    by_sign: dict[str, set[str]] = {}
    for tail in tails:
        by_sign.setdefault(tail[:1], set()).add(tail[1:])
    ends = [r"(?!\w)" if re.match(r"[\w*]", last) else ""] if by_sign.pop("", None) else []
    signs = sorted(by_sign, key=lambda sign: (sign == "*", sign))
    branches = [_EXPRESSIONS.get(one) or re.escape(one) for one in signs]
    found = [
        branch + _either(by_sign[one], one) for branch, one in zip(branches, signs, strict=True)
    ]
    return found[0] if len(found + ends) == 1 and found else f"(?:{'|'.join(found + ends)})"
