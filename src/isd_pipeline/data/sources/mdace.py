"""MDACE (Cheng et al., ACL 2023): what professional coders marked in notes of MIMIC-III.

The release is a zip, or the folder it unpacks to. It holds codes and places, no word of a note:

    data/{Inpatient,Profee}/ICD-9/1.0/HADM_ID-ICD-9.json    a chart, its notes, their annotations
    splits/{Inpatient,Profee}/MDace-ev-{train,val,test}.csv    its charts, an admission a line

`begin` and `end` count the characters of NOTEEVENTS' TEXT, which `mimic3.extract` leaves as it is.
Coders marked in ICD-10; the authors mapped their codes to ICD-9, so a mark may be of a code that
MIMIC-III's own tables do not give the admission.
"""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.codes import icd
from isd_pipeline.data.io import tables
from isd_pipeline.data.io.archives import read_texts
from isd_pipeline.data.sources.mimic3_notes import SUMMARY

LOG = logging.getLogger(__name__)

Charts = Literal["Inpatient", "Profee"]
SYSTEMS: dict[str, icd.System] = {"ICD-9-CM": icd.DIAGNOSIS, "ICD-9-PCS": icd.PROCEDURE}
_SPLITS = {"train": "MDace-ev-train.csv", "dev": "MDace-ev-val.csv", "test": "MDace-ev-test.csv"}
_FIELDS = {"begin": int, "end": int, "code": str, "code_system": str}


@dataclass(frozen=True)
class Annotation:
    """A stretch of a note, `where` it stands in the release, and the code that it is marked for."""

    where: str
    admission: str
    note: str
    category: str
    code_system: str
    code: str
    begin: int
    end: int

    @property
    def row(self) -> tuple[str, str, str, str, int, int]:
        """The row of `MENTIONS` that this is, but for its number."""
        system = SYSTEMS[self.code_system]
        return self.admission, self.note, system, self.code, self.begin, self.end


def with_mentions(
    found: tables.Extraction, path: Path, charts: Charts = "Inpatient"
) -> tables.Extraction:
    """A cohort of MIMIC-III with the mentions that the release marks in its notes.

    What the cohort has no note for is left out, counted by category, and told, and so is what is of
    another code system (CPT) or stands twice. Raises ValueError with counts and the first place
    where a mark does not fit: a note of another admission or none of its own, a stretch that is
    empty, white space or beyond the note, a code that is no ICD-9.
    """
    marks = read_annotations(path, f"data/{charts}/ICD-9")
    wanted = [mark for mark in marks if mark.code_system in SYSTEMS]
    texts, admissions = _texts(found.notes, wanted)
    faults = [(fault, mark) for mark in wanted if (fault := _fault(mark, texts, admissions))]
    _refuse(faults, len(wanted), path)
    kept = [mark for mark in wanted if (mark.admission, mark.note) in texts]
    left = Counter(
        mark.category if mark.admission in admissions else "admissions not here"
        for mark in wanted
        if (mark.admission, mark.note) not in texts
    )
    rows = list(dict.fromkeys(mark.row for mark in kept))
    titled = set(found.titles.read()["code"].to_pylist())
    counts = {
        "marks": len(rows),
        "marked_documents": len({row[0] for row in rows}),
        "marks_twice": len(kept) - len(rows),
        "marks_of_other_systems": len(marks) - len(wanted),
        "marks_of_codes_without_title": sum(row[3] not in titled for row in rows),
        "marks_that_cut_a_word": sum(_cuts(texts[row[:2]], row[4], row[5]) for row in rows),
        **{f"marks_left_out_{_name(kind)}": n for kind, n in left.most_common()},
    }
    _tell(path, counts, len(marks))
    mentions = tables.table_of(((*row, n) for n, row in enumerate(rows)), tables.MENTIONS)
    counted = {f"mdace_{name}": count for name, count in counts.items()}
    return replace(found, mentions=mentions, counts=found.counts | counted)


def mdace_splits(path: Path, charts: Charts = "Inpatient") -> dict[str, set[str]]:
    """The admissions of each split of the charts, `MDace-ev-*`; `val` is dev here.

    Raises ValueError where a list is missing, holds another thing than ids, or shares one.
    """
    found: dict[str, set[str]] = {}
    files = dict(_files(path, lambda name: name.match(f"splits/{charts}/*.csv")))
    for split, name in _SPLITS.items():
        text = files.get(name)
        ids = (text or "").split()
        if not ids or not all(one.isdigit() for one in ids):
            raise ValueError(
                f"{path}, splits/{charts}/{name}: not a list of admissions; unpack it again"
            )
        for other, theirs in found.items():
            if shared := theirs & set(ids):
                raise ValueError(f"{path}: admission {min(shared)} is in {other} and in {split}")
        found[split] = set(ids)
    return found


def read_annotations(path: Path, folder: str) -> list[Annotation]:
    """Every annotation below a folder of the release, such as `data/Inpatient/ICD-9`, in order.

    Those of the systems in `predictions/` have the same form.
    """
    pattern = f"{folder}/*/*.json" if folder.startswith("data/") else f"{folder}/*.json"
    charts = sorted(_files(path, lambda name: name.match(pattern)))
    if not charts:
        raise FileNotFoundError(f"{path}: holds no {pattern}; give mdace.zip or its folder")
    return [mark for name, text in charts for mark in _chart(text, f"{path}, {name}")]


def _files(path: Path, wanted: Callable[[PurePosixPath], bool]) -> Iterator[tuple[str, str]]:
    """Name and text of the files that are asked for; nothing is unpacked."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; give mdace.zip or its unpacked folder")
    texts = read_texts(path, lambda name: name if wanted(PurePosixPath("/", name)) else None)
    yield from ((PurePosixPath(name).name, text) for name, text in texts.items())


def _chart(text: str, where: str) -> Iterator[Annotation]:
    try:
        chart = json.loads(text)
        notes = [(str(n["note_id"]), n["category"], n["annotations"]) for n in chart["notes"]]
        admission = str(chart["hadm_id"])
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{where}: not a whole chart of MDACE; unpack the release again") from None
    for note, category, marks in notes:
        for number, mark in enumerate(marks, start=1):
            place = f"{where}, note {note}, annotation {number}"
            yield Annotation(place, admission, note, category, **_fields(mark, place))


def _fields(mark: Mapping[str, Any], place: str) -> dict[str, Any]:
    fields = {}
    for name, kind in _FIELDS.items():
        value = mark.get(name)
        if type(value) is not kind:
            raise ValueError(f"{place}: no {name} that is a {kind.__name__}; unpack it again")
        fields[name] = value
    return {"code_system": fields.pop("code_system"), **fields}


def _texts(
    notes: tables.RecordStream, marks: Iterable[Annotation]
) -> tuple[dict[tuple[str, str], str], set[str]]:
    """The text of each marked note by admission and note, and which marked admissions there are."""
    marks = list(marks)
    wanted = pa.array(sorted({mark.admission for mark in marks}), pa.string())
    note_ids = pa.array(sorted({mark.note for mark in marks}), pa.string())
    texts, admissions = {}, set()
    for batch in notes.select(["document_id", "note_id", "text"]):
        here = pc.is_in(batch["document_id"], wanted)
        admissions.update(batch["document_id"].filter(here).to_pylist())
        for document, note, text in zip(
            *batch.filter(pc.is_in(batch["note_id"], note_ids)).to_pydict().values(), strict=True
        ):
            texts[document, note] = text
    return texts, admissions


def _fault(
    mark: Annotation, texts: Mapping[tuple[str, str], str], admissions: set[str]
) -> str | None:
    """What is wrong with a mark; nothing where the cohort lacks its note for a reason."""
    code = icd.undot(mark.code)
    system = SYSTEMS[mark.code_system]
    if not icd.is_undotted(code, system) or icd.dot(code, system) != mark.code:
        return "of a code that is no ICD-9"
    text = texts.get((mark.admission, mark.note))
    if text is None:
        if any(note == mark.note for _, note in texts):
            return "in a note of another admission"
        is_missing = mark.admission in admissions and mark.category == SUMMARY
        return "in a summary that its admission lacks" if is_missing else None
    if not 0 <= mark.begin < mark.end:
        return "empty"
    if mark.end > len(text):
        return "beyond the end of the note"
    return None if text[mark.begin : mark.end].strip() else "of white space alone"


def _refuse(faults: list[tuple[str, Annotation]], total: int, path: Path) -> None:
    if faults:
        kinds = Counter(fault for fault, _ in faults)
        told = ", ".join(f"{count} {fault}" for fault, count in kinds.most_common())
        raise ValueError(
            f"{path}: {len(faults)} of {total} marks do not fit the notes: {told}; the first is "
            f"{faults[0][1].where.removeprefix(f'{path}, ')}; take NOTEEVENTS of v1.4 as published"
        )


def _cuts(text: str, begin: int, end: int) -> bool:
    """Whether a stretch begins or ends within a word."""
    return any(
        text[max(at - 1, 0) : at].isalnum() and text[at : at + 1].isalnum() for at in (begin, end)
    )


def _tell(path: Path, counts: Mapping[str, int], total: int) -> None:
    told = (f"{name.replace('_', ' ')} {count}" for name, count in counts.items() if count)
    LOG.warning("%s, of %d annotations: %s", path, total, ", ".join(told))


def _name(kind: str) -> str:
    return kind.strip().lower().replace(" ", "_")
