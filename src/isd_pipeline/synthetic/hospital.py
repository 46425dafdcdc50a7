"""Writes the hospital that never was, in MIMIC-III v1.4's file layout.

Two walks over the same patients: the first writes the tables of codes and people and counts the
codes, the second writes the notes and the lists of the splits (the lists of the 50 most frequent
codes need the counts). A walk keeps nothing of a patient it has passed.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import TextIO

from isd_pipeline.synthetic.census import settle
from isd_pipeline.synthetic.census_figures import mimic3_figures
from isd_pipeline.synthetic.codes import Code, listed_codes
from isd_pipeline.synthetic.other_notes import OtherNote, other_notes
from isd_pipeline.synthetic.patients import Admission, Patient, Registry
from isd_pipeline.synthetic.rare_words import mimic3_words, words_to_add
from isd_pipeline.synthetic.settings import HospitalSettings
from isd_pipeline.synthetic.summaries import Note, Summarist
from isd_pipeline.synthetic.tables import heading, quoted, writing, writing_all

SPLITS = ("train", "dev", "test")
FREQUENT = 50
WAITING = 64  # notes shuffled among each other, so that an addendum may precede its report
COLUMNS = {
    "NOTEEVENTS": "ROW_ID SUBJECT_ID HADM_ID CHARTDATE CHARTTIME STORETIME CATEGORY DESCRIPTION "
    "CGID ISERROR TEXT",
    "DIAGNOSES_ICD": "ROW_ID SUBJECT_ID HADM_ID SEQ_NUM ICD9_CODE",
    "PROCEDURES_ICD": "ROW_ID SUBJECT_ID HADM_ID SEQ_NUM ICD9_CODE",
    "D_ICD_DIAGNOSES": "ROW_ID ICD9_CODE SHORT_TITLE LONG_TITLE",
    "D_ICD_PROCEDURES": "ROW_ID ICD9_CODE SHORT_TITLE LONG_TITLE",
    "ADMISSIONS": "ROW_ID SUBJECT_ID HADM_ID ADMITTIME DISCHTIME DEATHTIME ADMISSION_TYPE "
    "ADMISSION_LOCATION DISCHARGE_LOCATION INSURANCE LANGUAGE RELIGION MARITAL_STATUS ETHNICITY "
    "EDREGTIME EDOUTTIME DIAGNOSIS HOSPITAL_EXPIRE_FLAG HAS_CHARTEVENTS_DATA",
    "PATIENTS": "ROW_ID SUBJECT_ID GENDER DOB DOD DOD_HOSP DOD_SSN EXPIRE_FLAG",
    "EVIDENCE": "ROW_ID HADM_ID SYSTEM ICD9_CODE BEGIN END",
}


def write_hospital(folder: Path, settings: HospitalSettings) -> None:
    """Write the eight tables and the six lists of splits into `folder`.

    Every file is whole or absent, and a function of `settings` alone, byte by byte.

    Raises ValueError, naming the figure, where a census cannot be met.
    """
    folder = Path(folder)
    registry = _registry(settings)
    _write_titles(folder)
    frequent = _write_codes_and_people(folder, registry)
    _write_notes(folder, registry)
    _write_splits(folder, registry, frequent)


def _registry(settings: HospitalSettings) -> Registry:
    """The patients; with a census, settled until they count what MIMIC-III counts."""
    if settings.census is None:
        return Registry(settings)
    settled = settle(Registry(settings), mimic3_figures())
    words = words_to_add(Registry(settings, settled), mimic3_words())
    return Registry(settings, replace(settled, words=words))


def _table(folder: Path, name: str, ending: str = "csv") -> AbstractContextManager[TextIO]:
    return writing(folder / f"{name}.{ending}", heading(COLUMNS[name]))


def _write_titles(folder: Path) -> None:
    for system, name in (("diagnosis", "D_ICD_DIAGNOSES"), ("procedure", "D_ICD_PROCEDURES")):
        with _table(folder, name) as table:
            for row, code in enumerate(listed_codes(system), start=1):
                titles = f"{quoted(code.short_title)},{quoted(code.long_title)}"
                table.write(f"{row},{quoted(code.code)},{titles}\n")


def _write_codes_and_people(folder: Path, registry: Registry) -> Counter[int]:
    """Also counts the codes of the admissions that have a summary."""
    counts: Counter[int] = Counter()
    with (
        _table(folder, "DIAGNOSES_ICD") as diagnoses,
        _table(folder, "PROCEDURES_ICD") as procedures,
        _table(folder, "ADMISSIONS") as admissions,
        _table(folder, "PATIENTS") as patients,
    ):
        tables = (("diagnosis", diagnoses, count(1)), ("procedure", procedures, count(1)))
        for patient in registry:
            patients.write(_patient_row(patient))
            for admission in patient.admissions:
                codes = registry.entered(admission)
                admissions.write(_admission_row(patient, admission, codes))
                for system, table, numbers in tables:
                    rows = _code_cells(system, codes, admission)
                    ids = f"{patient.subject_id},{admission.hadm_id}"
                    table.writelines(f"{next(numbers)},{ids},{cells}\n" for cells in rows)
                if admission.has_summary:
                    counts.update(n for n, _ in codes)
    return counts


def _code_cells(system: str, codes: list[tuple[int, Code]], admission: Admission) -> list[str]:
    """Place and code of the rows of DIAGNOSES_ICD or PROCEDURES_ICD."""
    of_system = (code for _, code in codes if code.system == system)
    cells = [f'{place},"{code.code}"' for place, code in enumerate(of_system, start=1)]
    return [*cells, ","] if admission.has_null_code and system == "diagnosis" else cells


def _patient_row(patient: Patient) -> str:
    return (
        f'{patient.number + 1},{patient.subject_id},"{patient.sex}",{patient.born} 00:00:00,,,,0\n'
    )


def _admission_row(patient: Patient, admission: Admission, codes: list[tuple[int, Code]]) -> str:
    newborn = admission.service == "NEONATOLOGY"
    reason = next((c.short_title for _, c in codes if c.system == "diagnosis"), "")
    return (
        f"{admission.number + 1},{patient.subject_id},{admission.hadm_id},"
        f"{admission.admitted} 12:26:00,{admission.discharged} 15:54:00,,"
        f'"{"NEWBORN" if newborn else "EMERGENCY"}",'
        f'"{"PHYS REFERRAL/NORMAL DELI" if newborn else "EMERGENCY ROOM ADMIT"}",'
        f'"HOME","Medicare","ENGL","UNOBTAINABLE","SINGLE","UNKNOWN/NOT SPECIFIED",,,'
        f"{quoted(reason.upper()) if reason else ''},0,1\n"
    )


def _write_notes(folder: Path, registry: Registry) -> None:
    dice = Random(f"{registry.settings.seed}/order of the notes")
    ending = "csv.gz" if registry.settings.compressed else "csv"
    with _table(folder, "NOTEEVENTS", ending) as notes, _table(folder, "EVIDENCE") as evidence:
        waiting: list[str] = []
        for row, found in enumerate(_note_rows(registry), start=1):
            patient, admission, note = found
            if isinstance(note, Note):
                line = _summary_row(row, patient, admission, note)
                evidence.writelines(_evidence_rows(row, admission, note, registry))
            else:
                line = _other_row(row, patient, admission, note)
            if len(waiting) < WAITING:
                waiting.append(line)
                continue
            place = int(dice.random() * WAITING)
            notes.write(waiting[place])
            waiting[place] = line
        notes.writelines(waiting)


def _note_rows(registry: Registry) -> Iterator[tuple[Patient, Admission, Note | OtherNote]]:
    summarist = Summarist(registry)
    for patient in registry:
        for admission in patient.admissions:
            if admission.has_summary:
                for note in summarist.notes(patient, admission):
                    yield patient, admission, note
            for other in other_notes(registry, admission):
                yield patient, admission, other


def _summary_row(row: int, patient: Patient, admission: Admission, note: Note) -> str:
    late = timedelta(days=1 if note.description == "Addendum" else 0)
    return (
        f"{row},{patient.subject_id},{admission.hadm_id},{admission.discharged + late},,,"
        f'"Discharge summary","{note.description}",,,{quoted(note.text)}\n'
    )


def _other_row(row: int, patient: Patient, admission: Admission, note: OtherNote) -> str:
    hadm_id = admission.hadm_id if note.has_admission else ""
    return (
        f"{row},{patient.subject_id},{hadm_id},{note.date},{note.time},{note.time},"
        f'"{note.category}","{note.description}",{15_000 + row % 900 if note.time else ""},'
        f"{1 if note.is_error else ''},{quoted(note.text)}\n"
    )


def _evidence_rows(row: int, admission: Admission, note: Note, registry: Registry) -> Iterator[str]:
    for n, begin, end in note.evidence:
        code = registry.population.codes[n]
        yield f'{row},{admission.hadm_id},"{code.system}","{code.code}",{begin},{end}\n'


def _write_splits(folder: Path, registry: Registry, counts: Counter[int]) -> None:
    """The lists of the full splits, and of their admissions with one of the 50 commonest codes."""
    frequent = set(sorted(counts, key=lambda n: (-counts[n], n))[:FREQUENT])
    names = [f"{split}_{size}_hadm_ids" for split in SPLITS for size in ("full", "50")]
    with writing_all({folder / f"{name}.csv": "" for name in names}) as lists:
        for patient in registry:
            for admission in patient.admissions:
                if admission.has_summary:
                    lists[f"{patient.split}_full_hadm_ids"].write(f"{admission.hadm_id}\n")
                    if frequent.intersection(admission.codes):
                        lists[f"{patient.split}_50_hadm_ids"].write(f"{admission.hadm_id}\n")
