"""Where an answer is to be taken with caution: its note is not like those that the bundle knows.

A caution changes no code and no score. Its bounds are those of the dev notes (`usual.py`), fitted
when the bundle was made: each kind calls about 1 in 100 notes unusual that are like these. That no
word of a note is evidence for any of its codes, or that its script parts no words, needs no bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from isd_pipeline.coding.usual import Usual, known_share
from isd_pipeline.data.quality.scripts import MOSTLY, share_without_blanks
from isd_pipeline.shapes import Float, Int
from isd_pipeline.text.languages import function_word_shares, margin

if TYPE_CHECKING:
    from isd_pipeline.coding.coder import Suggestion

Caution = dict[str, str | float]  # its `kind`, and the figures that say how far from usual

WITHOUT = "made before cautions were: no answer has any; make it again with `isd bundle`"


def of_words(
    whole: Usual | None, words: Sequence[str], tokens: Int[np.ndarray, " N"], unknown: int
) -> list[Caution]:
    """What a note's words say; nothing of a note without a word."""
    usual = whole.words if whole else None
    if usual is None or not len(tokens):
        return []
    found: list[Caution] = []
    share = known_share(tokens, unknown)
    if len(tokens) < usual.length.low:
        few: Caution = {"kind": "few_words", "words": float(len(tokens))}
        found.append(few | {"usual": usual.length.median, "least": usual.length.low})
    if share < usual.known.low:
        known: Caution = {"kind": "few_known_words", "share": share}
        found.append(known | {"usual": usual.known.median, "least": usual.known.low})
    if (unparted := share_without_blanks(words)) > MOSTLY:
        found.append({"kind": "no_blanks", "share": unparted})
    if usual.language is not None and usual.other is not None:
        shares = function_word_shares(words)
        more, other = margin(shares, usual.language)
        if more > max(0.0, usual.other.high):
            told: Caution = {"kind": "other_language", "language": other, "share": shares[other]}
            found.append(told | {"usual": usual.language, "usual_share": shares[usual.language]})
    return found


def of_scores(
    usual: Usual | None, scores: Float[np.ndarray, " L"], temperature: float
) -> list[Caution]:
    """What the highest of a note's scores says, which are log-odds before calibration."""
    highest = float(expit(float(scores.max()) / temperature))
    if usual is None or highest >= usual.codes.highest.low:
        return []
    spread = usual.codes.highest
    weak: Caution = {"kind": "weak_codes", "score": highest}
    return [weak | {"usual": spread.median, "least": spread.low}]


def of_codes(usual: Usual | None, codes: Sequence[Suggestion]) -> list[Caution]:
    """What is said where the codes above the threshold are there whatever the note says."""
    above = [code for code in codes if code.above_threshold]
    if usual is None or not above or any(code.evidence for code in above):
        return []
    return [{"kind": "no_evidence", "codes": float(len(above))}]


def missing(usual: Usual | None) -> str | None:
    """What has to be said of a bundle that cannot tell all kinds; None where it can."""
    if usual is None:
        return WITHOUT
    if usual.words is not None and usual.words.language is None:
        return "the language of its training notes is none that is known here: no `other_language`"
    return None


def sentence(caution: Caution) -> str:
    """A caution for people."""
    return _SENTENCES[str(caution["kind"])](caution)


def _percent(share: str | float) -> str:
    return f"{100 * float(share):.0f} %"


_SENTENCES: Mapping[str, Callable[[Caution], str]] = {
    "few_words": lambda c: (
        f"it has {float(c['words']):.0f} words, usual are {float(c['usual']):.0f}"
    ),
    "no_blanks": lambda c: (
        "it is in a script without blanks between words, and the model takes a clause for a word"
    ),
    "no_evidence": lambda c: (
        f"no word of it is evidence for any code above the threshold ({float(c['codes']):.0f})"
    ),
    "few_known_words": lambda c: (
        f"the model knows {_percent(c['share'])} of the words, usual are {_percent(c['usual'])}"
    ),
    "other_language": lambda c: (
        f"it reads like another language ({c['language']}) than the training notes ({c['usual']})"
    ),
    "weak_codes": lambda c: (
        f"no code is likely: the highest score is {float(c['score']):.2f}, "
        f"usual is {float(c['usual']):.2f}"
    ),
}
