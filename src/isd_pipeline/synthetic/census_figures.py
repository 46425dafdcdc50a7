"""What a hospital is to count, and what MIMIC-III counts."""

from collections.abc import Mapping
from dataclasses import dataclass

from isd_pipeline.data.quality.published_counts import MIMIC3, MIMIC3_COHORTS, Expected


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a hospital is to count, in rows, admissions and distinct labels."""

    note_records: int
    reports: int
    addenda: int
    admissions_with_summary: int
    train: int
    dev: int
    test: int
    without_code: int  # training admissions that have a row of codes, an empty one
    diagnosis_rows: int
    procedure_rows: int
    diagnosis_rows_without_code: int
    diagnosis_labels: int  # of admissions with a summary
    clean_labels: int  # of these, diagnoses and procedures
    caml_labels: int  # the same in CAML's space
    caml_labels_before_filtering: int  # of all admissions, with no code as one more


def mimic3_figures() -> Figures:
    """Those of MIMIC-III v1.4, as published."""
    caml, clean = (MIMIC3_COHORTS["full", space] for space in ("caml", "clean"))

    def value(known: Mapping[str, Expected], name: str) -> int:
        return int(known[name].value)

    of_files = ("note_records", "reports", "addenda", "admissions_with_summary", "diagnosis_rows",
                "procedure_rows", "diagnosis_rows_without_code")  # fmt: skip
    of_caml = ("diagnosis_labels", "caml_labels_before_filtering")
    return Figures(
        **{name: value(MIMIC3, name) for name in of_files},
        **{name: value(caml, name) for name in of_caml},
        **{split: value(caml, f"{split}_ids") for split in ("train", "dev", "test")},
        without_code=value(caml, "train_ids") - value(caml, "train_documents_with_code"),
        clean_labels=value(clean, "labels"),
        caml_labels=value(caml, "labels"),
    )
