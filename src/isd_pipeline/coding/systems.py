"""Which coding system a code of a bundle is of, and the system's address in FHIR."""

import re

from isd_pipeline.data.codes import coding_systems, icd

SYSTEMS = {
    ("icd9", icd.DIAGNOSIS): coding_systems.ICD9CM,
    ("icd9", icd.PROCEDURE): coding_systems.ICD9PROC,
    ("icd10", icd.DIAGNOSIS): coding_systems.ICD10CM,
    ("icd10", icd.PROCEDURE): coding_systems.ICD10PCS,
}
# As R4 ("Using ICD-[x] with FHIR") and HL7's register of code systems name them.
URIS = {
    coding_systems.ICD9CM: "http://hl7.org/fhir/sid/icd-9-cm",
    coding_systems.ICD9PROC: "http://hl7.org/fhir/sid/icd-9-cm",
    coding_systems.ICD10CM: "http://hl7.org/fhir/sid/icd-10-cm",
    coding_systems.ICD10PCS: "http://www.cms.gov/Medicare/Coding/ICD10",
}
CUT_PCS = re.compile(r"[0-9A-HJ-NP-Z]{3,7}")  # CodiEsp has half of them in four characters


def system_of(code: str, kind: icd.System, revision: str) -> str | None:
    """The coding system of a code, by its shape; None for one that is not ICD's.

    >>> system_of("0DQB0ZZ", "procedure", "icd10"), system_of("8140/3", "diagnosis", "icd10")
    ('icd10pcs', None)
    """
    bare = icd.undot(code)
    is_cut = (revision, kind) == ("icd10", icd.PROCEDURE) and CUT_PCS.fullmatch(bare)
    is_icd = is_cut or icd.is_undotted(bare, kind, revision)  # type: ignore[arg-type]
    return SYSTEMS[revision, kind] if is_icd else None


def uri_of(system: str | None, cohort: str) -> str:
    """The address of a coding system; of one that is not ICD's a name with its cohort's."""
    return URIS.get(system or "", f"urn:isd-pipeline:codes:{cohort}")
