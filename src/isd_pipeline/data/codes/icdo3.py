"""Morphology codes of ICD-O-3 as text, and what stands above them.

8140/3 is the histology 8140 with the behaviour 3 (0 benign, 1 uncertain, 2 in situ, 3 malignant,
6 metastatic, 9 malignant, primary or metastatic unknown). A sixth digit is the grade or the cell
lineage: 8140/33. CANTEMIST writes /H behind some codes: 8140/3/H.

The groups are those of ICD-O-3 (Fritz et al., WHO, 2000, with the revision of 2011), in words of
our own: its titles are WHO's and are not here.
"""

import re
from bisect import bisect_right

from isd_pipeline.data.custom.tree import TOP

_SHAPE = re.compile(r"[89][0-9]{3}/[012369][1-9]?(/H)?")


def is_morphology(code: str) -> bool:
    """Whether a code has the shape of a morphology, grade and CANTEMIST's /H allowed.

    >>> [is_morphology(code) for code in ("8140/3", "8140/33/H", "8140/5", "C50.9", "8140")]
    [True, True, False, False, False]
    """
    return _SHAPE.fullmatch(code) is not None


def above(code: str) -> list[str]:
    """What stands above a morphology, nearest first: histology, its first three digits, group.

    All behaviours and grades of a histology stand side by side, so that they are one category. A
    group of one number is one node with it; a number of no group is at the top.

    >>> above("8140/33/H"), above("8430/3"), above("9600/3")
    (['8140', '814', '814-838'], ['8430', '843'], ['9600', '960'])
    """
    histology = code[:4]
    group = _group(histology[:3])
    return list(dict.fromkeys([histology, histology[:3], *([group.split()[0]] if group else [])]))


def rows_over(code: str) -> list[tuple[str, str, str]]:
    """(code, parent, title) of what stands above a morphology; only the groups have a title.

    >>> rows_over("8140/3")[-1]
    ('814-838', '', 'adenomas and adenocarcinomas')
    """
    nodes = above(code)
    titles = [_title(node) for node in nodes]
    return list(zip(nodes, [*nodes[1:], TOP], titles, strict=True))


def _title(node: str) -> str:
    name = _group(node[:3]) if len(node) != 4 else ""
    return name.removeprefix(f"{node} ") if name.split(" ")[0] == node else ""


def _group(number: str) -> str:
    """The group of three digits, with its name; empty for what is in none."""
    group = _GROUPS[bisect_right(_GROUPS, f"{number}~") - 1]
    first, _, last = group.split()[0].partition("-")
    return group if first <= number <= (last or first) else ""


_NAMES = """
800 unspecified | 801-804 epithelial, unspecified | 805-808 squamous cell
| 809-811 basal cell | 812-813 transitional cell | 814-838 adenomas and adenocarcinomas
| 839-842 skin appendages | 843 mucoepidermoid | 844-849 cystic, mucinous and serous
| 850-854 ductal and lobular | 855 acinar cell | 856-857 complex epithelial
| 858 thymic | 859-867 gonadal | 868-871 paragangliomas and glomus
| 872-879 nevi and melanomas | 880 soft tissue, unspecified | 881-883 fibrous
| 884 myxomatous | 885-888 fatty | 889-892 of muscle | 893-899 mixed and stromal
| 900-903 fibroepithelial | 904 synovial | 905 mesothelial | 906-909 germ cell
| 910 trophoblastic | 911 mesonephric | 912-916 blood vessels | 917 lymphatic vessels
| 918-924 bone and cartilage | 925 giant cell | 926 other of bone | 927-934 odontogenic
| 935-937 other | 938-948 gliomas | 949-952 neuroepithelial | 953 meningiomas
| 954-957 nerve sheath | 958 granular cell and alveolar soft part
| 959 lymphomas, unspecified | 965-966 Hodgkin lymphomas
| 967-972 non-Hodgkin lymphomas | 973 plasma cell | 974 mast cell | 975 histiocytic
| 976 immunoproliferative | 980-994 leukaemias | 995-996 chronic myeloproliferative
| 997 other of blood | 998-999 myelodysplastic
"""
_GROUPS = tuple(name.strip() for name in _NAMES.split("|"))
