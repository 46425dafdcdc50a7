"""The people of the hospital: patients, their admissions, and the codes of each.

Every patient has dice of his own, seeded by the hospital and his number. A second walk over the
patients therefore meets the same people, and nothing has to be kept in memory between walks.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import accumulate
from math import log
from random import Random

from isd_pipeline.synthetic.clinic import SERVICES
from isd_pipeline.synthetic.codes import Code, Population, population
from isd_pipeline.synthetic.settings import HospitalSettings

SUMMARY_SHARE = 0.894  # 52,726 of 58,976 admissions of MIMIC-III have a discharge summary
READMITTED = 0.21  # after each admission; gives 1.27 admissions per patient
SPREAD_OF_CODE_COUNTS = 0.5  # standard deviation of the logarithm
REPEATED = 0.05  # of the procedures are coded twice, as with a second transfusion
STAYS_KNOWN = 0.7  # a chronic disease is coded again at the next admission
EVERY_NULL, EVERY_CODELESS = 97, 1_009  # admissions, so that each kind occurs in any hospital


@dataclass(frozen=True)
class Admission:
    """One stay: `codes` are distinct positions in the population, the chief one first."""

    number: int  # from 0, over the whole hospital
    hadm_id: int
    service: str
    codes: tuple[int, ...]
    admitted: date
    discharged: date
    has_summary: bool
    has_null_code: bool  # one more row in DIAGNOSES_ICD, without a code


@dataclass(frozen=True)
class Patient:
    """One person and all of his or her admissions."""

    number: int
    subject_id: int
    sex: str
    born: date
    split: str
    admissions: tuple[Admission, ...]


@dataclass(frozen=True)
class Settled:
    """Who has what, once every figure is met; admissions and patients by their numbers."""

    codes: tuple[tuple[int, ...], ...]
    with_summary: frozenset[int]
    with_null_code: frozenset[int]
    second_reports: frozenset[int]
    addenda: frozenset[int]
    splits: tuple[str, ...]
    other_notes: tuple[int, ...]
    words: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # of reports, besides

    def patient(self, drawn: Patient) -> Patient:
        """A patient as drawn, with what was settled of him and his admissions."""
        stays = tuple(
            replace(
                stay,
                codes=self.codes[stay.number],
                has_summary=stay.number in self.with_summary,
                has_null_code=stay.number in self.with_null_code,
            )
            for stay in drawn.admissions
        )
        return replace(drawn, split=self.splits[drawn.number], admissions=stays)


class Registry:
    """The patients of a hospital, as often as one likes to walk over them.

    `settled` says what was changed of the draws, where a hospital is to count given figures.
    """

    def __init__(self, settings: HospitalSettings, settled: Settled | None = None) -> None:
        self.settings = settings
        self.settled = settled
        self.population: Population = population(settings.code_pool)
        # Ids are drawn as MIMIC's: without order, from a range about twice as large.
        ids = Random(f"{settings.seed}/ids")
        self._hadm_ids = ids.sample(range(100_001, 200_000), settings.admissions)
        self._subject_ids = ids.sample(range(2, 100_000), settings.admissions)
        self._service_sums = list(accumulate(share for share, _ in SERVICES.values()))
        # The chains overshoot the number wanted, and rounding adds half a code.
        self._log_mean = log(settings.codes_per_admission * 0.96) - SPREAD_OF_CODE_COUNTS**2 / 2

    def __iter__(self) -> Iterator[Patient]:
        """All patients, always the same, in the order of their numbers."""
        admissions = patients = 0
        while admissions < self.settings.admissions:
            patient = self._patient(patients, admissions)
            yield patient if self.settled is None else self.settled.patient(patient)
            patients += 1
            admissions += len(patient.admissions)

    def codes_of(self, admission: Admission) -> list[Code]:
        """The codes themselves, in the order of `admission.codes`."""
        return [self.population.codes[n] for n in admission.codes]

    def entered(self, admission: Admission) -> list[tuple[int, Code]]:
        """The codes as the coder entered them, and their positions: some procedures twice."""
        random = Random(f"{self.settings.seed}/coder/{admission.number}").random
        found = []
        for n in admission.codes:
            code = self.population.codes[n]
            repeats = 1 + (code.system == "procedure" and random() < REPEATED)
            found += [(n, code)] * repeats
        return found

    def _patient(self, number: int, first_admission: int) -> Patient:
        dice = Random(f"{self.settings.seed}/patient/{number}")
        sums = self._service_sums
        service = list(SERVICES)[bisect_right(sums, dice.random() * sums[-1])]
        stays = 1
        while dice.random() < READMITTED and service != "NEONATOLOGY":
            stays += 1
        end = min(first_admission + stays, self.settings.admissions)
        admissions = tuple(self._admissions(dice, service, range(first_admission, end)))
        age = 0 if service == "NEONATOLOGY" else int(min(95, max(18, dice.gauss(64, 16))))
        sex = self._sex(dice, admissions)
        days = age * 365 + (dice.randrange(365) if age else 0)
        return Patient(
            number=number,
            subject_id=self._subject_ids[number],
            sex=sex,
            born=admissions[0].admitted - timedelta(days=days),
            split=self._split(dice),
            admissions=admissions,
        )

    def _admissions(self, dice: Random, service: str, numbers: range) -> Iterator[Admission]:
        day = date(2100, 1, 1) + timedelta(days=dice.randrange(36_500))
        codes: list[int] = []
        for number in numbers:
            chronic = (c for c in codes if self.population.codes[c].is_chronic)
            known = [c for c in chronic if dice.random() < STAYS_KNOWN]
            wanted = max(1, round(dice.lognormvariate(self._log_mean, SPREAD_OF_CODE_COUNTS)))
            codes = self.population.codes_of_an_admission(service, wanted, known, dice)
            end = day + timedelta(days=1 + int(dice.expovariate(1 / 8)))
            has_none = number % EVERY_CODELESS == 101
            yield Admission(
                number=number,
                hadm_id=self._hadm_ids[number],
                service=service,
                codes=() if has_none else tuple(codes),
                admitted=day,
                discharged=end,
                has_summary=dice.random() < SUMMARY_SHARE or has_none,
                has_null_code=has_none or number % EVERY_NULL == 13,
            )
            day = end + timedelta(days=1 + int(dice.expovariate(1 / 200)))

    def _sex(self, dice: Random, admissions: tuple[Admission, ...]) -> str:
        """As the codes ask for: pregnancy and the organs of women, then those of men."""
        categories = {code.category for stay in admissions for code in self.codes_of(stay)}
        numbers = {int(category) for category in categories if category.isdigit()}
        if numbers & {*range(614, 680), *range(179, 185)}:
            return "F"
        if numbers & {*range(600, 609), *range(185, 188)}:
            return "M"
        return "F" if dice.random() < 0.44 else "M"

    def _split(self, dice: Random) -> str:
        chance = dice.random()
        if chance < self.settings.test_share:
            return "test"
        return "dev" if chance < self.settings.test_share + self.settings.dev_share else "train"
