"""What real data should count, where it is known, and whether a run counted that.

Sources: N printed in CAML's notebook on the real data, S and E counted in published split files,
P counted in a published list of labels, D stated in MIMIC's own documentation and repositories,
R recalled from papers. A difference in N, S or E stops, since another data set was read; in P, D
or R it warns.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Expected:
    """A value, where it was seen, and how far off still counts as the same."""

    value: float
    source: Literal["N", "S", "E", "P", "D", "R"]
    within: float = 0

    @property
    def is_firm(self) -> bool:
        """Whether a difference means that the data are not those of the papers."""
        return self.source in ("N", "S", "E")


MIMIC3 = {
    "note_records": Expected(2_083_180, "N"),
    "summaries": Expected(59_652, "R"),
    "reports": Expected(55_177, "R"),
    "addenda": Expected(4_475, "R"),
    "admissions_with_summary": Expected(52_726, "N"),
    "admissions_with_code_rows": Expected(58_976, "N"),
    "diagnosis_rows": Expected(651_047, "R"),
    "procedure_rows": Expected(240_095, "R"),
    "diagnosis_rows_without_code": Expected(47, "R"),
}
MIMIC3_WORDS = {  # of all admissions
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


def _edin(train: int, dev: int, test: int, labels: int) -> dict[str, Expected]:
    """A cohort of Edin et al. (SIGIR 2023): its published split file, and its labels."""
    sizes = {"train": train, "dev": dev, "test": test}
    return {
        **{f"{name}_ids": Expected(size, "E") for name, size in sizes.items()},
        **{f"{name}_documents_with_code": Expected(size, "E") for name, size in sizes.items()},
        "labels": Expected(labels, "R"),
    }


MIMIC3_CLEAN = {
    **_edin(38_401, 5_577, 8_734, labels=3_681),
    "documents_in_no_list": Expected(14, "E"),
}
MIMIC4 = {"note_records": Expected(331_794, "D")}
MIMIC4_COHORTS = {  # note 2.2 and hosp 2.2
    "icd9": _edin(154_542, 21_980, 32_804, labels=6_150),
    "icd10": _edin(89_099, 13_378, 19_802, labels=7_942),
}
MIMIC4_RELEASES = {  # rows of diagnoses_icd and procedures_icd
    "2.1": {"diagnosis_rows": Expected(4_752_265, "D"), "procedure_rows": Expected(668_993, "D")},
    "2.2": {"diagnosis_rows": Expected(4_756_326, "R"), "procedure_rows": Expected(669_186, "R")},
    "3.1": {"diagnosis_rows": Expected(6_364_488, "R"), "procedure_rows": Expected(859_655, "R")},
}
MIMIC2 = {"lines_kept": Expected(22_815, "N"), "titles": Expected(7_042, "N")}
MIMIC2_COHORTS = {
    "caml": {
        "train_ids": Expected(20_533, "R"),
        "test_ids": Expected(2_282, "R"),
        "source_types": Expected(77_895, "N"),
        "vocabulary": Expected(30_688, "N"),
        "labels": Expected(5_031, "P"),
    },
    "laat": {
        "train_ids": Expected(19_392, "R"),
        "dev_ids": Expected(1_141, "R"),
        "test_ids": Expected(2_282, "R"),
        "labels": Expected(5_031, "P"),
    },
}
LOOK_AT = {
    "mimic2": "Is MIMIC_RAW_DSUMS whole, and are the index files those that came with it?",
    "mimic3": "Is a file cut off, or of another release?",
    "mimic4": "Is a file cut off, is `release` what the tables are of, and is the split file that "
    "of this revision?",
}


def check_counts(
    counts: Mapping[str, float],
    expected: Mapping[str, Expected],
    look_at: str = LOOK_AT["mimic3"],
) -> list[str]:
    """Compare what was counted with what is known; names that only one of them has are passed over.

    Returns one line a comparison, for the log. Raises ValueError where a firm value differs, and
    the message gives every difference and then `look_at`; logs a warning for the others.
    """
    lines, wrong = [], []
    for name in (name for name in expected if name in counts):
        known, difference = expected[name], counts[name] - expected[name].value
        line = f"{name}: {counts[name]:,}, expected {known.value:,} ({known.source})"
        if abs(difference) > known.within:
            line += f", difference {difference:+,.10g}"
            LOG.warning("%s", line)
            if known.is_firm:
                wrong.append(line)
        lines.append(line)
    if wrong:
        told = "; ".join(wrong)
        raise ValueError(f"these are not the counts of the real data: {told}. {look_at}")
    return lines


def refuse_other_release(counts: Mapping[str, float], release: str) -> None:
    """MIMIC-IV's code tables are of the release that is named, as far as its rows are known."""
    for name, expected in MIMIC4_RELEASES.items():
        if name != release and all(counts[each] == n.value for each, n in expected.items()):
            raise ValueError(
                f"the code tables have the rows of MIMIC-IV {name}, not of {release}: set "
                f'release: "{name}", or take the tables of {release}'
            )
    if release not in MIMIC4_RELEASES:
        LOG.warning("MIMIC-IV %s: its counts are not known, so nothing is compared", release)


def refuse_other_top_50(found: tuple[str, ...], known: tuple[str, ...]) -> None:
    """On the real data CAML's rule gives CAML's 50 codes."""
    if set(found) != set(known):
        extra, missing = sorted(set(found) - set(known)), sorted(set(known) - set(found))
        raise ValueError(
            f"the top 50 codes are not CAML's: {', '.join(extra)} instead of {', '.join(missing)}"
        )
