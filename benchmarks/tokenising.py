"""Words of a hospital's texts: how many a CPU second, in whole arrays and a match at a time.

    python benchmarks/tokenising.py

Made-up notes of MIMIC's mean length with as many distinct words as its vocabulary: in ASCII; with
accents; with accents and signs beyond Latin-1; and a mixture in which 28 % of the notes have such
letters. `a match at a time` is the rule's regular expression over each note; `normal form` is the
reading of notes that have all of one form. The three alternate and each says its fastest of five.
It ends with an error if one word or offset differs.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable

from measuring import cpu_seconds

from isd_pipeline.text.normal_form import normal_form
from isd_pipeline.text.runs import RULES
from isd_pipeline.text.tokens import tokenize_all

WORDS, KINDS, REPEATS = 1_485, 51_917, 5  # a note; the vocabulary of MIMIC-III
PLAIN = "abcdefghijklmnopqrstuvwxyz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notes", type=int, default=1_280)
    notes = parser.parse_args().notes
    made = Notes(random.Random(1))
    texts = {
        "ASCII": [made.note("ascii") for _ in range(notes)],
        "accents": [made.note("accents") for _ in range(notes)],
        "signs": [made.note("signs") for _ in range(notes)],
        "mixture": [made.note(made.any_kind()) for _ in range(notes)],
    }
    print(f"{notes} notes of {WORDS} words; million words a CPU second")
    for name, some in texts.items():
        compare(name, some)


class Notes:
    """Notes of words that are as often as words of a language are."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.words = ["".join(chance.choices(PLAIN, k=chance.randint(2, 12))) for _ in range(KINDS)]

    def note(self, kind: str) -> str:
        """One of `ascii`, `accents`, `signs`."""
        ranks = (int(self.chance.paretovariate(0.6)) - 1 for _ in range(WORDS))
        words = [self.words[min(rank, KINDS - 1)] for rank in ranks]
        if kind != "ascii":
            for place in self.chance.sample(range(WORDS), 90):
                words[place] = words[place][:2] + self.chance.choice("áéíóñü°½") + words[place][2:]
        if kind == "signs":
            for place in self.chance.sample(range(WORDS), 15):
                words[place] += self.chance.choice("’“”–•≥")
        return " ".join(words)

    def any_kind(self) -> str:
        """28 in 100 notes hold a letter that is not ASCII."""
        return self.chance.choices(["ascii", "accents", "signs"], weights=[72, 20, 8])[0]


def compare(name: str, texts: list[str]) -> None:
    expected = match_by_match(texts)
    found = tokenize_all(texts)
    if expected != [*zip(found.words.to_pylist(), found.begins, found.ends, strict=True)]:
        sys.exit(f"{name}: words or offsets differ")
    ways: dict[str, Callable[[], object]] = {
        "arrays": lambda: tokenize_all(texts),
        "a match at a time": lambda: match_by_match(texts),
        "normal form": lambda: [normal_form(text) for text in texts],
    }
    rounds = [{way: cpu_seconds(call) for way, call in ways.items()} for _ in range(REPEATS)]
    best = {way: min(one[way] for one in rounds) for way in ways}
    speeds = "".join(f", {way} {len(expected) / best[way] / 1e6:.1f}" for way in ways)
    print(
        f"{name:8}{speeds}; ratio {best['a match at a time'] / best['arrays']:.1f} times",
        flush=True,
    )


def match_by_match(texts: list[str]) -> list[tuple[str, int, int]]:
    """By the definition."""
    rule = RULES["caml"]
    found = (match for text in texts for match in rule.run.finditer(text))
    return [(rule.spell(one[0]), *one.span()) for one in found if not rule.is_numeral(one[0])]


if __name__ == "__main__":
    main()
