"""Lines of filler, made once and picked ever after: the nine tenths of a note that code nothing."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from isd_pipeline.synthetic import vocabulary

_SLOT = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"\w+")
SIZES = {"STORY": 2_000, "COURSE": 2_500, "EXAM": 600, "LABS": 3_000, "MEDICATIONS": 3_000,
         "INSTRUCTIONS": 1_200, "SOCIAL": 300, "NURSING": 2_500, "REPORTS": 2_500}  # fmt: skip


@lru_cache(maxsize=65_536)  # the same phrases come again and again
def count_words(text: str) -> int:
    """Runs of letters, digits and underscores that are not all digits, as CAML counts tokens."""
    return sum(not word.isnumeric() for word in _WORD.findall(text))


@dataclass(frozen=True)
class Lines:
    """Many lines of one kind, with the words of each."""

    texts: list[str]
    words: list[int]

    def pick(self, wanted: int, random: Callable[[], float]) -> tuple[list[str], int]:
        """Lines until `wanted` words are reached (none for 0); also how many words they have."""
        texts, words, found, total = self.texts, self.words, [], 0
        while total < wanted:
            n = int(random() * len(texts))
            found.append(texts[n])
            total += words[n]
        return found, total


@lru_cache(maxsize=1)
def lines() -> dict[str, Lines]:
    """Every kind of filler line, the same in every hospital."""
    return {kind: _lines(kind, size) for kind, size in SIZES.items()}


def _lines(kind: str, size: int) -> Lines:
    dice = Random(f"filler {kind}")
    templates = getattr(vocabulary, kind).strip().splitlines()
    texts = [_filled(templates[n % len(templates)], dice.random) for n in range(size)]
    return Lines(texts, [count_words.__wrapped__(text) for text in texts])


def _filled(template: str, random: Callable[[], float]) -> str:
    def value(slot: re.Match[str]) -> str:
        choices = vocabulary.SLOTS[slot[1]]
        return choices[int(random() * len(choices))]

    return _SLOT.sub(value, template)
