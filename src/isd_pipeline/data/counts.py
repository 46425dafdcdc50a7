"""What real data should count, where it is known, and whether a run counted that.

Sources: N printed in CAML's notebook on the real data, S and E counted in published split files,
P counted in a published list of labels, R recalled from papers. A difference in N, S or E stops,
since another data set was read; in P or R it warns.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Expected:
    """A value, where it was seen, and how far off still counts as the same."""

    value: float
    source: Literal["N", "S", "E", "P", "R"]
    within: float = 0

    @property
    def is_firm(self) -> bool:
        """Whether a difference means that the data are not those of the papers."""
        return self.source in ("N", "S", "E")


MIMIC3 = {  # extraction, then the words of all admissions
    "note_records": Expected(2_083_180, "N"),
    "summaries": Expected(59_652, "R"),
    "reports": Expected(55_177, "R"),
    "addenda": Expected(4_475, "R"),
    "admissions_with_summary": Expected(52_726, "N"),
    "admissions_with_code_rows": Expected(58_976, "N"),
    "diagnosis_rows": Expected(651_047, "R"),
    "procedure_rows": Expected(240_095, "R"),
    "diagnosis_rows_without_code": Expected(47, "R"),
    "types": Expected(150_854, "N"),
    "tokens": Expected(79_801_387, "N"),
}
_FULL = {
    "admissions_with_summary_and_code_rows": Expected(52_726, "N"),
    "train_ids": Expected(47_723, "S"),
    "dev_ids": Expected(1_631, "S"),
    "test_ids": Expected(3_372, "S"),
    "train_documents_with_code": Expected(47_719, "E"),
    "dev_documents_with_code": Expected(1_631, "E"),
    "test_documents_with_code": Expected(3_372, "E"),
    "source_types": Expected(140_795, "N"),
    "vocabulary": Expected(51_917, "N"),
}
MIMIC3_COHORTS = {
    ("full", "caml"): {
        **_FULL,
        "caml_labels_before_filtering": Expected(8_994, "N"),
        "labels": Expected(8_921, "P"),
        "diagnosis_labels": Expected(6_918, "P"),
        "procedure_labels": Expected(2_003, "P"),
    },
    ("full", "clean"): {**_FULL, "labels": Expected(8_929, "R")},
    ("50", "caml"): {
        "train_ids": Expected(8_066, "S"),
        "dev_ids": Expected(1_573, "S"),
        "test_ids": Expected(1_729, "S"),
        "train_documents_with_code": Expected(8_066, "S"),
        "dev_documents_with_code": Expected(1_573, "S"),
        "test_documents_with_code": Expected(1_729, "S"),
        "labels": Expected(50, "S"),
    },
}


def check_counts(counts: Mapping[str, float], expected: Mapping[str, Expected]) -> list[str]:
    """Compare what was counted with what is known; names that only one of them has are passed over.

    Returns one line a comparison, for the log. Raises ValueError where a firm value differs, and
    the message gives every difference; logs a warning for the others.
    """
    lines, wrong = [], []
    for name in [name for name in expected if name in counts]:
        known, difference = expected[name], counts[name] - expected[name].value
        line = f"{name}: {counts[name]:,}, expected {known.value:,} ({known.source})"
        if abs(difference) > known.within:
            line += f", difference {difference:+,.10g}"
            LOG.warning("%s", line)
            if known.is_firm:
                wrong.append(line)
        lines.append(line)
    if wrong:
        raise ValueError(
            "these are not the counts of the real data: "
            + "; ".join(wrong)
            + ". Is a file cut off, or of another release?"
        )
    return lines


def refuse_other_top_50(found: tuple[str, ...], known: tuple[str, ...]) -> None:
    """On the real data CAML's rule gives CAML's 50 codes."""
    if set(found) != set(known):
        extra, missing = sorted(set(found) - set(known)), sorted(set(known) - set(found))
        raise ValueError(
            f"the top 50 codes are not CAML's: {', '.join(extra)} instead of {', '.join(missing)}"
        )
