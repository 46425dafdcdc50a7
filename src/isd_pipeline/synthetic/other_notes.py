"""Notes of the other fourteen categories: what a reader of NOTEEVENTS must pass over."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from isd_pipeline.synthetic.filler import lines
from isd_pipeline.synthetic.mentions import poisson
from isd_pipeline.synthetic.patients import Admission, Registry
from isd_pipeline.synthetic.settings import HospitalSettings

WITHOUT_ADMISSION = 0.11  # of the notes have no HADM_ID

# Category (some with a trailing blank, as in MIMIC-III): how many there are of it, what it is
# described as, the kind of its lines, its mean number of words, and whether it has a time of day.
CATEGORIES = (
    ("Nursing/other", 822_497, "Report", "NURSING", 170, True),
    ("Radiology", 522_279, "CHEST (PORTABLE AP)", "REPORTS", 200, True),
    ("Nursing", 223_556, "Nursing Progress Note", "NURSING", 330, True),
    ("ECG", 209_051, "Report", "REPORTS", 30, False),
    ("Physician ", 141_624, "Physician Resident Progress Note", "COURSE", 900, True),
    ("Echo", 45_794, "Report", "REPORTS", 300, False),
    ("Respiratory ", 31_739, "Respiratory Care Shift Note", "NURSING", 130, True),
    ("Nutrition", 9_418, "Clinical Nutrition Note", "NURSING", 250, True),
    ("General", 8_301, "Generic Note", "NURSING", 200, True),
    ("Rehab Services", 5_431, "Physical Therapy Evaluation Note", "REPORTS", 400, True),
    ("Social Work", 2_670, "Social Work Admission Note", "REPORTS", 300, True),
    ("Case Management ", 967, "Case Management Initial Assessment", "REPORTS", 200, True),
    ("Pharmacy", 103, "Generic Note", "NURSING", 300, True),
    ("Consult", 98, "Generic Note", "COURSE", 600, True),
)
_CUMULATIVE = [sum(c[1] for c in CATEGORIES[: n + 1]) for n in range(len(CATEGORIES))]


@dataclass(frozen=True)
class OtherNote:
    """A row of NOTEEVENTS but for its ids; times are text, empty where the table has none."""

    category: str
    description: str
    has_admission: bool
    date: str
    time: str
    is_error: bool
    text: str


def how_many(settings: HospitalSettings, admission: Admission) -> int:
    """Other notes of an admission, as they are drawn."""
    dice = Random(f"{settings.seed}/other/{admission.number}")
    return poisson(settings.other_notes, dice.random)


def other_notes(registry: Registry, admission: Admission) -> Iterator[OtherNote]:
    """The other notes of an admission."""
    settings, settled = registry.settings, registry.settled
    dice = Random(f"{settings.seed}/other/{admission.number}")
    count = poisson(settings.other_notes, dice.random)
    days = (admission.discharged - admission.admitted).days
    for _ in range(count if settled is None else settled.other_notes[admission.number]):
        (choice,) = dice.choices(CATEGORIES, cum_weights=_CUMULATIVE)
        category, _, description, kind, words, has_time = choice
        found, _ = lines()[kind].pick(int(dice.uniform(0.4, 1.6) * words), dice.random)
        day = (admission.admitted + timedelta(days=dice.randrange(days + 1))).isoformat()
        yield OtherNote(
            category=category,
            description=description,
            has_admission=dice.random() >= WITHOUT_ADMISSION,
            date=day,
            time=f"{day} {dice.randrange(24):02d}:{dice.randrange(60):02d}:00" if has_time else "",
            is_error=category.startswith("Nurs") and dice.random() < 0.001,
            text="\n".join(found),
        )
