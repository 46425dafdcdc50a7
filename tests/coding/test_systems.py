"""Which system a code is of, by its shape, and the address that FHIR has for it."""

import pytest

from isd_pipeline.coding.systems import system_of, uri_of


@pytest.mark.parametrize(
    ("code", "kind", "revision", "uri"),
    [
        ("R50.9", "diagnosis", "icd10", "http://hl7.org/fhir/sid/icd-10-cm"),
        ("I10.", "diagnosis", "icd10", "http://hl7.org/fhir/sid/icd-10-cm"),
        ("0DB78ZX", "procedure", "icd10", "http://www.cms.gov/Medicare/Coding/ICD10"),
        ("0DQB", "procedure", "icd10", "http://www.cms.gov/Medicare/Coding/ICD10"),
        ("038.9", "diagnosis", "icd9", "http://hl7.org/fhir/sid/icd-9-cm"),
        ("99.15", "procedure", "icd9", "http://hl7.org/fhir/sid/icd-9-cm"),
        ("8140/3", "diagnosis", "icd10", "urn:isd-pipeline:codes:ours"),
        ("k11", "diagnosis", "icd10", "urn:isd-pipeline:codes:ours"),
    ],
)
def test_each_code_has_the_uri_of_its_system(code: str, kind: str, revision: str, uri: str) -> None:
    assert uri_of(system_of(code, kind, revision), "ours") == uri  # type: ignore[arg-type]
