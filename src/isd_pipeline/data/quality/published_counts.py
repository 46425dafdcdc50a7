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
Source = Literal["N", "S", "E", "P", "D", "R"]


@dataclass(frozen=True)
class Expected:
    """A value, where it was seen, and how far off still counts as the same."""

    value: float
    source: Source
    within: float = 0

    @property
    def is_firm(self) -> bool:
        """Whether a difference means that the data are not those of the papers."""
        return self.source in ("N", "S", "E")


def _counts(source: Source, **values: float) -> dict[str, Expected]:
    return {name: Expected(value, source) for name, value in values.items()}


def _ids(source: Source, **sizes: int) -> dict[str, Expected]:
    return _counts(source, **{f"{split}_ids": size for split, size in sizes.items()})


def _coded(source: Source, **sizes: int) -> dict[str, Expected]:
    return _counts(source, **{f"{split}_documents_with_code": n for split, n in sizes.items()})


MIMIC3 = {
    **_counts("N", note_records=2_083_180, admissions_with_summary=52_726),
    **_counts("N", admissions_with_code_rows=58_976),
    **_counts("R", summaries=59_652, reports=55_177, addenda=4_475, diagnosis_rows=651_047),
    **_counts("R", procedure_rows=240_095, diagnosis_rows_without_code=47),
}
MIMIC3_WORDS = _counts("N", types=150_854, tokens=79_801_387)  # of all admissions
_FULL = {
    **_counts("N", admissions_with_summary_and_code_rows=52_726),
    **_ids("S", train=47_723, dev=1_631, test=3_372),
    **_coded("E", train=47_719, dev=1_631, test=3_372),
    **_counts("N", source_types=140_795, vocabulary=51_917),
}
MIMIC3_COHORTS = {
    ("full", "caml"): {
        **_FULL,
        **_counts("N", caml_labels_before_filtering=8_994),
        **_counts("P", labels=8_921, diagnosis_labels=6_918, procedure_labels=2_003),
    },
    ("full", "clean"): {**_FULL, **_counts("R", labels=8_929)},
    ("50", "caml"): {
        **_ids("S", train=8_066, dev=1_573, test=1_729),
        **_coded("S", train=8_066, dev=1_573, test=1_729),
        **_counts("S", labels=50),
    },
}


def _edin(train: int, dev: int, test: int, labels: int) -> dict[str, Expected]:
    """A cohort of Edin et al. (SIGIR 2023): its published split file, and its labels."""
    sizes = {"train": train, "dev": dev, "test": test}
    return {**_ids("E", **sizes), **_coded("E", **sizes), **_counts("R", labels=labels)}


MIMIC3_CLEAN = {
    **_edin(38_401, 5_577, 8_734, labels=3_681),
    **_counts("E", documents_in_no_list=14),
}
MIMIC4 = _counts("D", note_records=331_794)
MIMIC4_COHORTS = {  # note 2.2 and hosp 2.2
    "icd9": _edin(154_542, 21_980, 32_804, labels=6_150),
    "icd10": _edin(89_099, 13_378, 19_802, labels=7_942),
}
MIMIC4_RELEASES = {  # rows of diagnoses_icd and procedures_icd
    "2.1": _counts("D", diagnosis_rows=4_752_265, procedure_rows=668_993),
    "2.2": _counts("R", diagnosis_rows=4_756_326, procedure_rows=669_186),
    "3.1": _counts("R", diagnosis_rows=6_364_488, procedure_rows=859_655),
}
MIMIC2 = _counts("N", lines_kept=22_815, titles=7_042)
MIMIC2_COHORTS = {
    "caml": {
        **_ids("R", train=20_533, test=2_282),
        **_counts("N", source_types=77_895, vocabulary=30_688),
        **_counts("P", labels=5_031),
    },
    "laat": {**_ids("R", train=19_392, dev=1_141, test=2_282), **_counts("P", labels=5_031)},
}
LOOK_AT = {
    "mimic2": "Is MIMIC_RAW_DSUMS whole, and are the index files those that came with it?",
    "mimic3": "Is a file cut off, or of another release?",
    "mimic4": "Is a file cut off, is `release` what the tables are of, and is the split file that "
    "of this revision?",
}


def check_counts(
    counts: Mapping[str, float], expected: Mapping[str, Expected], look_at: str = LOOK_AT["mimic3"]
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
