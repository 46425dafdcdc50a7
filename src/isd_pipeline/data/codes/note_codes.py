"""The codes that a note of ICD-10-CM names in its prose: "gestational diabetes (O24.4-)".

A code stands for all that begin with it, `S00-T88` for all from the first to the last, and both may
be narrowed: "E08-E13 with .44" are the codes of these categories that go on with 44, "B27.- with
fifth character 2" those whose fifth character is 2, "I69. with final characters -23" those that end
so. A note whose narrowing is none of these ("with open fracture 7th character", "unless rheumatic
fever is also present") names nothing that could be judged: to leave a finding out is better than
to make one up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from isd_pipeline.data.codes.icd import undot

END = -1

_CODE = r"(?:[A-Z][0-9]|QA)[0-9A-Z](?:\.[0-9A-Z]{0,4})?(?:\.?-(?![0-9A-Z]))?"
_CODES = re.compile(rf"(?<![A-Z0-9.])({_CODE})(?:\s*(?:-|to)\s*({_CODE}))?(?![0-9A-Z])")
_PLACES = {"fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "final": END}
_ORDINAL = r"(?:([4-7])th|(fourth|fifth|sixth|seventh|final))"
_CHARACTERS = re.compile(
    rf"with\s+{_ORDINAL}(?:\s+to\s+\w+)?[\s-]+characters?\s+[.-]?([0-9A-Z]+)(?![a-z])"
)
_TAILS = re.compile(r"with\s+\.([0-9A-Z]+)(?:-\.([0-9A-Z]+)|-)?(?![0-9A-Za-z])")
_NARROWS = re.compile(r"\b(?:unless|characters?|with)\b")


@dataclass(frozen=True)
class CodeRange:
    """Codes from `first` to all that begin with `last`, undotted.

    Where `texts` are given, only those that have one of them from the character `place` on, which
    counts from 1; `END`: that end with one.
    """

    first: str
    last: str
    place: int = 0
    texts: tuple[str, ...] = ()

    def __contains__(self, code: str) -> bool:
        """Whether a code, dotted or not, is one of these.

        >>> "O24.410" in CodeRange("O244", "O244"), "K77.1" in CodeRange("K70", "K76")
        (True, False)
        """
        bare = undot(code)
        if not self.first <= bare or bare[: len(self.last)] > self.last:
            return False
        if self.place == END:
            return bare.endswith(self.texts)
        return not self.texts or bare.startswith(self.texts, self.place - 1)


def codes_named(note: str) -> tuple[CodeRange, ...]:
    """What a note names; empty where it names no code, or narrows them in words of its own.

    >>> codes_named("hearing loss as classified in H90.-")
    (CodeRange(first='H90', last='H90', place=0, texts=()),)
    >>> [(one.first, one.last) for one in codes_named("fracture (S00-T88, Z87.81)")]
    [('S00', 'T88'), ('Z8781', 'Z8781')]
    >>> codes_named("diabetic angiopathy (E08-E13 with .51-.52)")
    (CodeRange(first='E08', last='E13', place=4, texts=('51', '52')),)
    >>> codes_named("certain localized infections"), codes_named("S52.- with open fracture")
    ((), ())
    """
    found = list(_CODES.finditer(note))
    if not found:
        return ()
    told = note[found[0].start() :]
    place, texts = _narrowing(told)
    if not texts and _NARROWS.search(told):
        return ()
    ranges = ((_bare(one[1]), _bare(one[2] or one[1])) for one in found)
    return tuple(CodeRange(first, last, place, texts) for first, last in ranges)


def _narrowing(told: str) -> tuple[int, tuple[str, ...]]:
    if tails := _TAILS.search(told):
        return 4, tuple(text for text in tails.groups() if text)
    if characters := _CHARACTERS.search(told):
        digit, word, text = characters.groups()
        return int(digit) if digit else _PLACES[word], (text,)
    return 0, ()


def _bare(code: str) -> str:
    return undot(code).rstrip("-")
