"""What a user may choose about the hospital that never was."""

from dataclasses import dataclass
from typing import Literal

RANGES = {
    "admissions": (200, 60_000),
    "words": (150, 5_000),
    "codes_per_admission": (3, 30),
    "code_pool": (100, 18_000),  # of the 18,449 codes of ICD-9-CM
    "other_notes": (0, 100),
    "dev_share": (0.01, 0.4),
    "test_share": (0.01, 0.4),
    "evidence_share": (0.05, 0.4),
    "noise": (0.0, 0.2),
}
CENSUS_ADMISSIONS = 58_976  # of MIMIC-III, which `census: mimic3` counts to the unit


@dataclass(frozen=True, kw_only=True)
class HospitalSettings:
    """The size and the shape of the hospital; the same settings give the same bytes.

    Raises ValueError, naming the setting, for a value outside its range.
    """

    admissions: int  # rows of ADMISSIONS; nine in ten of them have a discharge summary
    seed: int = 0
    words: int = 1_500  # mean words of an admission's summary text, numbers not counted
    codes_per_admission: float = 15.9  # mean, diagnoses and procedures together
    code_pool: int = 12_200  # codes this hospital may ever use; about 8,900 appear at full size
    other_notes: float = 2.0  # mean notes of other categories per admission; 34.3 in MIMIC-III
    dev_share: float = 0.10  # of the patients
    test_share: float = 0.15  # of the patients
    evidence_share: float = 0.10  # of a note's words bear on codes, as the paper counts
    compressed: bool = False  # NOTEEVENTS.csv.gz instead of NOTEEVENTS.csv
    layout: Literal["mimic2", "mimic3", "mimic4"] = "mimic3"  # of the files
    noise: float = 0.0  # typing errors, accents and the like in each report, as a share of `words`
    census: Literal["mimic3"] | None = None  # every published count of MIMIC-III, to the unit

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(
                    f"HospitalSettings: {name}={value} is not between {low} and {high}"
                )
        if self.census and (self.layout, self.admissions) != ("mimic3", CENSUS_ADMISSIONS):
            raise ValueError(
                f"HospitalSettings: census mimic3 needs layout mimic3 and admissions="
                f"{CENSUS_ADMISSIONS}, not {self.layout} and {self.admissions}"
            )
        if self.census and self.noise:
            raise ValueError("HospitalSettings: census mimic3 has rare words of its own: noise 0")
