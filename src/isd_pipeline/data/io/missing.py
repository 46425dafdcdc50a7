r"""Cells that say that there is nothing: empty, blank, or a word such as NULL, nan, \N or #N/A.

Databases, pandas, R and spreadsheets each write a missing value in a way of their own. Read as it
stands it would be a value: sixty visits without a patient would become the visits of one patient
called NULL. So a cell that is nothing but such a word, in any case, is missing in every column. A
code alone may be one of these words, where the user's own table lists it.
"""

import pyarrow as pa
import pyarrow.compute as pc

_OF_SPREADSHEETS = ("#N/A", "#NA", "#N/A N/A", "#NULL!", "#VALUE!", "#REF!", "#NAME?", "#DIV/0!")
_OF_NUMBERS = ("NAN", "+NAN", "-NAN", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN", "#NUM!", "NAT")
_OF_DATABASES = (r"\N", "NULL", "(NULL)", "[NULL]", "<NULL>", "NONE", "(NONE)", "NIL", "<NA>")
_OF_PEOPLE = ("NA", "N/A", "N.A.", "N.A", "UNKNOWN", "?", "-", "--", "---", "–", "—", ".")
MISSING = frozenset(("", *_OF_SPREADSHEETS, *_OF_NUMBERS, *_OF_DATABASES, *_OF_PEOPLE))
_WORDS = pa.array(sorted(MISSING))
_LONGEST = 40  # bytes of a cell that may be such a word, with blanks around it
_BLANK = r"\A\s*\z"
_INVISIBLE = "[\u200b\u2060\ufeff]"  # no blanks to Unicode, and yet nothing


def is_missing(cell: str | None) -> bool:
    r"""Whether a cell says that there is nothing.

    >>> [is_missing(cell) for cell in (None, "  ", " NaN", r"\N", "<na>", "0", "naan", "no")]
    [True, True, True, True, True, False, False, False]
    """
    return cell is None or cell.translate(_NOTHING).strip().upper() in MISSING


_NOTHING = dict.fromkeys((0x200B, 0x2060, 0xFEFF))


def missing(column: pa.Array) -> pa.Array:
    """Which cells say that there is nothing: booleans, one for each cell."""
    is_short = pc.less_equal(pc.binary_length(column), _LONGEST)
    cells = pc.if_else(is_short, column, pa.scalar("long", pa.string()))
    if not pc.all(pc.string_is_ascii(cells)).as_py():  # to look for signs in every cell takes long
        cells = pc.replace_substring_regex(cells, _INVISIBLE, "")
    said = pc.is_in(pc.utf8_upper(pc.utf8_trim_whitespace(cells)), _WORDS)
    if not pc.all(is_short).as_py():
        said = pc.or_(said, pc.match_substring_regex(column, _BLANK))
    return pc.or_(pc.is_null(column), pc.fill_null(said, False))


def without_missing(column: pa.Array, gone: pa.Array | None = None) -> pa.Array:
    """The cells as they are, null where they say that there is nothing.

    `gone` is what `missing` says of the column, where that is known.
    """
    gone = missing(column) if gone is None else gone
    if not pc.any(gone).as_py():  # a copy of all texts less
        return column
    return pc.if_else(gone, pa.scalar(None), column)


def present(column: pa.Array, gone: pa.Array | None = None) -> pa.Array:
    """The cells without the blanks around them, null where they say that there is nothing."""
    return pc.utf8_trim_whitespace(without_missing(column, gone))


def count_words(column: pa.Array, gone: pa.Array | None = None) -> int:
    """How many cells hold a word for nothing; those that are empty or blank do not count."""
    cells = column.filter(missing(column) if gone is None else gone).drop_null()
    return len(cells) - (pc.sum(pc.match_substring_regex(cells, _BLANK)).as_py() or 0)
