"""Scripts that put no blanks between words, so that a clause would be taken for one word."""

import re
from collections.abc import Sequence

_NO_BLANKS = re.compile(  # Thai, Lao, Burmese, Khmer, Japanese, Chinese
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
_LETTER = re.compile(r"[^\W\d_]")
MOSTLY = 0.5  # of all letters
REMEDY = "put blanks between the words first, with a segmenter of the language"


def share_without_blanks(texts: Sequence[str]) -> float:
    """The share of their letters that are of such a script; 0 where there is no letter."""
    found = sum(len(_NO_BLANKS.findall(text)) for text in texts if not text.isascii())
    if not found:  # letters need not be counted, which takes long
        return 0.0
    letters = sum(len(_LETTER.findall(text)) for text in texts)
    return min(found / letters, 1.0) if letters else 0.0
