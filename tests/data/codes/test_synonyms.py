"""What codes are called."""

from isd_pipeline.data.codes.hierarchy import names_of
from isd_pipeline.data.cohorts import CodeIndex


def test_a_diagnosis_of_icd_10_has_the_conditions_filed_under_it_beside_its_title() -> None:
    index = CodeIndex(
        ("0DB6", "R50.9", "Z99.X"),
        ("procedure", "diagnosis", "diagnosis"),
        ("Cut", "Fever", "None"),
    )
    procedure, fever, unknown = names_of(index, "icd10")
    assert fever[0] == "Fever"
    assert "Pyrexia NOS" in fever[1:]
    assert (procedure, unknown) == (["Cut"], ["None"])
    assert names_of(index, "icd9") == [["Cut"], ["Fever"], ["None"]]
