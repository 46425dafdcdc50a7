"""Words without their endings, so that a title's "fractures" finds the note's "fracture"."""

from collections.abc import Callable
from functools import cache
from typing import Literal

Language = Literal["en", "es"]
_SNOWBALL = {"en": "english", "es": "spanish"}


@cache
def stemmer(language: Language) -> Callable[[str], str]:
    """Snowball's stemmer of a language (Porter, 2001); it remembers the words it has cut."""
    from snowballstemmer import stemmer as snowball

    cut: Callable[[str], str] = snowball(_SNOWBALL[language]).stemWord
    return cache(cut)
