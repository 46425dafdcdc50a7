"""The title of a code, or of its nearest relative that has one: one rule for every table of codes.

Tables of ICD-9-CM list what may be assigned: 780.60, and neither 780.6 nor 780. A code that a table
lacks takes the title of the nearest code above it, else of one below it. Never of another: 780.6
is no febrile convulsion, though 780.31 is the first "unspecified" of its category.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Title:
    """A title, and the code that it is of: the code itself, or the relative that lends it."""

    text: str
    of: str

    def lender(self, code: str) -> str | None:
        """Whose it is, None if the code's own."""
        return None if self.of == code else self.of

    def relation(self, code: str) -> str:
        """Whose it is, seen from a code: "own", "descendant" or "ancestor"."""
        if self.of == code:
            return "own"
        return "descendant" if self.of.startswith(code) else "ancestor"


def called(title: str, lender: str | None) -> str:
    """A title as people read it, with the code that it is of if that is another.

    >>> called("Fever, unspecified", "780.60")
    'Fever, unspecified (title of 780.60)'
    """
    return f"{title} (title of {lender})" if lender else title


def nearest_title(
    code: str, titles: Mapping[str, str], above: Iterable[str], listed: Sequence[str]
) -> Title | None:
    """A code's own title; else of the nearest above; else of what begins with it, if anything does.

    Of those the first that is "unspecified", for it says the least, else the first. `listed` are
    the codes of `titles`, sorted.

    >>> titles = {"780.31": "Febrile convulsions, unspecified", "780.60": "Fever, unspecified"}
    >>> nearest_title("780.6", titles, ["780"], sorted(titles))
    Title(text='Fever, unspecified', of='780.60')
    >>> nearest_title("780.7", titles, ["780"], sorted(titles))
    """
    for known in (code, *above):
        if known in titles:
            return Title(titles[known], known)
    stem = code if "." in code else f"{code}."
    first, last = bisect_left(listed, stem), bisect_left(listed, f"{stem}\U0010ffff")
    below = listed[first:last]
    vague = [known for known in below if "unspecified" in titles[known].lower()]
    return Title(titles[[*vague, *below][0]], [*vague, *below][0]) if below else None
