"""Which code books the codes of a cohort can be looked up in."""

from collections.abc import Mapping
from typing import Any

from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.extract import ExtractSettings, revision_of
from isd_pipeline.data.codes.book import pack
from isd_pipeline.data.codes.book_sources import book_of
from isd_pipeline.data.codes.coding_systems import ICD9CM, ICD9PROC, ICD10CM, OFFICIAL, kind_of
from isd_pipeline.data.cohorts import CodeIndex


def packed_books(cohorts: Mapping[str, Any], cohort: str, codes: CodeIndex) -> dict[str, bytes]:
    """The books of a cohort's codes by their systems, as a bundle carries them.

    Where some codes are of a user's own system there is none: a code alone does not say whose it
    is.
    """
    if codes.custom is not None:
        return {}
    systems = (one for one in systems_of(cohorts, cohort) if kind_of(one) in codes.systems)
    return {system: pack(book_of(system)) for system in systems}


def systems_of(cohorts: Mapping[str, Any], cohort: str) -> tuple[str, ...]:
    """The coding systems of a cohort's codes of which there is a book.

    CodiEsp's diagnoses are looked up in ICD-10-CM, of which CIE-10-ES is the Spanish edition. What
    CAML made of procedure codes (33.1 of 03.31) is looked up nowhere.
    """
    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    own = settings.source == "custom" and settings.custom.system not in OFFICIAL
    if own or settings.source == "cantemist":
        return ()
    if revision_of(cohorts, cohort) == "icd10":
        return (ICD10CM,)
    return (ICD9CM,) if settings.label_space == "caml" else (ICD9CM, ICD9PROC)
