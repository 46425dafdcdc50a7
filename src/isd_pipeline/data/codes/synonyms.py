"""What a code is called: its title, and what the tabular list files under it."""

from isd_pipeline.data.codes import icd
from isd_pipeline.data.codes.hierarchy import Revision
from isd_pipeline.data.cohorts import CodeIndex


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
