"""An example of a custom data set: made-up notes of a clinic that never was, coded with ICD-10-CM.

Small enough to look at and to train on in a minute. It shows what the schema can do: several notes
of an id, a note by date, codes with and without their dot, a patient who comes twice, and marks
where each code is spoken of.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from isd_pipeline.data.io.files import replacing, write_text

Rows = list[dict[str, Any]]

SAID = {  # a code, and ways to speak of it
    "I10": ("high blood pressure", "hypertension on two drugs", "raised pressure at home"),
    "E11.9": ("diabetes, tablets only", "type 2 diabetes", "sugar controlled by metformin"),
    "E78.5": ("high cholesterol", "lipids above target", "takes a statin for lipids"),
    "J44.1": ("COPD, worse this week", "flare of chronic bronchitis", "COPD exacerbation"),
    "J18.9": ("pneumonia", "infiltrate in the right lower lobe", "lung infection on the film"),
    "I48.91": ("atrial fibrillation", "irregular pulse, known fibrillation", "AF on apixaban"),
    "I50.9": ("heart failure", "swollen ankles, weak heart", "congestion, ejection fraction low"),
    "N39.0": ("urinary infection", "burning and nitrites in the urine", "UTI"),
    "N18.3": ("chronic kidney disease, stage three", "creatinine up for a year", "CKD 3"),
    "D64.9": ("anaemia", "haemoglobin low, cause open", "pale, low blood count"),
    "F32.9": ("depression", "low mood for months", "treated for a depressive episode"),
    "K21.9": ("reflux", "heartburn at night", "acid regurgitation"),
    "M54.5": ("low back pain", "lumbago after lifting", "pain in the lower back"),
    "E03.9": ("underactive thyroid", "hypothyroidism", "takes thyroxine"),
    "Z87.891": ("smoked until last year", "former smoker", "gave up cigarettes"),
}
SHARES = (9, 8, 7, 4, 4, 5, 5, 4, 4, 4, 3, 4, 3, 3, 5)  # how often, in the order of SAID
DENIED = ("No fever.", "No chest pain.", "Denies falls.", "No allergies known.", "Not pregnant.")
FILLER = (
    "Seen with the daughter, who helps at home.",
    "Slept well and ate half of breakfast.",
    "Walks with a stick, stairs with one stop.",
    "Medication was reviewed and explained.",
    "Weight unchanged since the last visit.",
    "Will see the family doctor in two weeks.",
    "Abdomen soft, bowel sounds present.",
    "Discharged home in good condition.",
)


def write_example(folder: Path, form: str = "csv", *, seed: int = 1, documents: int = 160) -> None:
    """Write `notes`, `codes` and `mentions` as csv, jsonl or parquet into a new or empty folder.

    Raises FileExistsError where the folder holds something, so that nothing of a user's is lost.
    """
    folder = Path(folder)
    if form not in WRITERS:
        raise ValueError(f"format={form!r} is none of {', '.join(WRITERS)}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder}: is there already and not empty; name a new folder")
    for name, rows in zip(("notes", "codes", "mentions"), example(seed, documents), strict=True):
        WRITERS[form](folder / f"{name}.{form}", rows)


def example(seed: int, documents: int) -> tuple[Rows, Rows, Rows]:
    """The rows of notes, of codes and of mentions: a function of the seed."""
    random = Random(seed)
    notes, codes, mentions = [], [], []
    patients = [f"P{number:03}" for number in range(1, documents * 3 // 4 + 1)]
    for number in range(1, documents + 1):
        name, patient = f"V{number:04}", random.choice(patients)
        day = date(2031, 1, 1) + timedelta(days=random.randrange(700))
        size = random.choices(range(1, 7), (1, 3, 4, 4, 2, 1))[0]
        chosen = list(dict.fromkeys(random.choices(list(SAID), SHARES, k=size)))
        later = chosen[-1:] if len(chosen) > 2 and random.random() < 0.3 else []
        first = [code for code in chosen if code not in later]
        told = [(day, "discharge", first), (day + timedelta(days=2), "addendum", later)]
        for order, (when, kind, some) in enumerate(told if later else told[:1], start=1):
            note = {"id": name, "note": f"n{order}"}
            of = {"patient": patient, "date": when.isoformat(), "type": kind}
            text, marks = _text(some, random)
            notes.append({**note, **of, "text": text})
            mentions += [{**note, "code": c, "begin": b, "end": e} for c, b, e in marks]
        codes += [{"id": name, "code": code, "system": "icd10cm"} for code in chosen]
    return notes, codes, mentions


def _text(codes: Sequence[str], random: Random) -> tuple[str, list[tuple[str, int, int]]]:
    """A note of these codes, and of each where it is spoken of: code, begin, end."""
    told = [f"{random.choice(SAID[code]).capitalize()}." for code in codes]
    rest = random.sample(FILLER, 4) + random.sample(DENIED, 2)
    sentences = told + rest
    random.shuffle(sentences)
    half = len(sentences) // 2
    text = f'"Course"\n{" ".join(sentences[:half])}\n\nPlan: {" ".join(sentences[half:])}'
    begins = [text.index(sentence) for sentence in told]
    ends = [begin + len(sentence) - 1 for begin, sentence in zip(begins, told, strict=True)]
    return text, list(zip(codes, begins, ends, strict=True))  # without the full stop


def _write_csv(path: Path, rows: Rows) -> None:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, file.getvalue())


def _write_jsonl(path: Path, rows: Rows) -> None:
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _write_parquet(path: Path, rows: Rows) -> None:
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows), temporary)


WRITERS: Mapping[str, Callable[[Path, Rows], None]] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}
