"""MIMIC-II's discharge summaries as Perotte et al. (JAMIA 2014) gave them, with their split.

A line of MIMIC_RAW_DSUMS is an admission: its summary, and its diagnoses with their dots. The
index files number the lines that say something, so the order of the lines is part of the data.
There is no dev set: LAAT makes one of the last training lines, CAML chose its best epoch on test.
"""

import csv
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from isd_pipeline.data.codes import icd
from isd_pipeline.data.io import tables
from isd_pipeline.data.io.check_sums import check_sum
from isd_pipeline.data.io.content import refuse_no_text, unpacked
from isd_pipeline.data.io.delimited import find_one
from isd_pipeline.data.io.missing import is_missing
from isd_pipeline.data.io.records import lines_of
from isd_pipeline.data.splits import DEV_AND_TEST

LOG = logging.getLogger(__name__)

SUMMARIES, MAPPING = "MIMIC_RAW_DSUMS", "MIMIC_ICD9_mapping"
INDICES = {"train": "training_indices.data", "test": "testing_indices.data"}
FIELDS = 7  # subject_id, hadm_id, charttime, two that nobody reads, codes, text
# What says nothing in a summary: marks of what was taken out, headings, and what ends it.
_EMPTY = [
    re.compile(r"\[[^\]]+\]"),
    re.compile(r"(admission date|discharge date|date of birth|sex|service):", re.IGNORECASE),
    re.compile(r"(dictated by|completed by|signed electronically by):.*", re.IGNORECASE),
]
_TERM = re.compile(r"[A-Za-z]{2}")
_CODE = re.compile(r"([0-9]{3}|V[0-9]{2})(\.[0-9]{1,2})?|E[0-9]{3}(\.[0-9])?")


@dataclass(frozen=True)
class _Admission:
    """A line of the file that says something; the header is row 1."""

    row: int
    patient: str
    admission: str
    codes: str
    text: str


@dataclass(frozen=True)
class _Document:
    """What an admission becomes, its text left in the file."""

    name: str
    patient: str
    split: str
    codes: tuple[str, ...]


def extract(folder: Path, *, dev_lines: int | None = 1_141) -> tables.Extraction:
    """Read Perotte et al.'s four files.

    The last `dev_lines` training documents of the file are dev, as LAAT has it. None makes no dev
    set: test documents get the split "dev_and_test", since CAML chose its best epoch on them.
    Documents of less than two words are left out and counted. Raises ValueError or
    FileNotFoundError with one line: file, row, what, remedy.
    """
    folder = Path(folder)
    path, indices = _find(folder, SUMMARIES), _read_indices(folder)
    counts = Counter(lines=0, lines_kept=0, lines_in_no_index=0, documents_of_one_word_or_none=0)
    documents = _documents(path, indices, counts)
    _refuse_beyond(indices, folder, counts["lines_kept"])
    titles = _read_titles(_find(folder, MAPPING))
    splits, sizes = _splits(documents.values(), dev_lines)
    return tables.Extraction(
        tables.RecordStream(tables.NOTES, lambda: _notes(path, documents)),
        tables.stream_table(tables.table_of(_code_rows(documents.values()), tables.CODES)),
        tables.stream_table(tables.table_of(titles, tables.TITLES)),
        {**counts, **sizes, "titles": len(titles)},
        splits=tables.table_of(splits, tables.SPLITS),
    )


def says_something(text: str) -> bool:
    """Whether a raw summary holds a word beside headings, marks and signatures."""
    for pattern in _EMPTY:
        text = pattern.sub(" ", text)
    return _TERM.search(text) is not None


def has_one_word_or_none(text: str) -> bool:
    """Whether less than two words are left after the rule of `text.tokens`."""
    words = (run for run in re.findall(r"\w+", text) if not run.isnumeric())
    return len(list(islice(words, 2))) < 2


def _documents(
    path: Path, split_of: Mapping[int, str], counts: Counter[str]
) -> dict[int, _Document]:
    """The documents that stay, by the number of their line among those that say something."""
    documents, met = {}, Counter[str]()
    for number, found in enumerate(_admissions(path, counts)):
        counts["lines_kept"] += 1
        met[found.admission] += 1
        again = met[found.admission]
        if number not in split_of:
            counts["lines_in_no_index"] += 1
        elif has_one_word_or_none(found.text):
            counts["documents_of_one_word_or_none"] += 1
        else:
            name = found.admission if again == 1 else f"{found.admission}-{again}"
            codes = _codes(found, path)
            documents[number] = _Document(name, found.patient, split_of[number], codes)
    counts["repeated_admissions"] = met.total() - len(met)
    for what in ("lines_in_no_index", "documents_of_one_word_or_none", "repeated_admissions"):
        if counts[what]:
            LOG.warning("%s: %d %s", path, counts[what], what.replace("_", " "))
    return documents


def _admissions(path: Path, counts: Counter[str] | None = None) -> Iterator[_Admission]:
    """The lines of the file but the header and those that say nothing, in order."""
    lines = _lines(path)
    if next(lines, "").split("|")[0].strip('"').isdigit():
        raise ValueError(f"{path}, row 1: no header; put back the line with the column names")
    for row, line in enumerate(lines, start=2):
        raw = line.split("|")
        if counts is not None:
            counts["lines"] += 1
        if len(raw) < FIELDS and line.strip():
            raise ValueError(
                f"{path}, row {row}: {len(raw)} fields where there are {FIELDS}; the file is cut "
                "off or a line is broken in two: copy it again"
            )
        if line.strip() and says_something(raw[FIELDS - 1]):
            yield _admission(line, row, path)


def _admission(line: str, row: int, path: Path) -> _Admission:
    try:
        fields = next(csv.reader([line], delimiter="|"))
    except csv.Error as error:
        raise ValueError(f"{path}, row {row}: cannot be read as CSV ({error})") from None
    patient, admission = (fields[n].strip() if len(fields) >= FIELDS else "" for n in (0, 1))
    for column, cell in (("1, the patient", patient), ("2, the admission", admission)):
        if not cell.isascii() or not cell.isdigit():
            raise ValueError(f"{path}, row {row}, field {column}: not a whole number; correct it")
    text = fields[FIELDS - 1].replace("[NEWLINE]", "\n")
    return _Admission(row, patient, admission, fields[FIELDS - 2], text)


def _codes(found: _Admission, path: Path) -> tuple[str, ...]:
    cells = (code.strip(' "') for code in found.codes.split(","))
    codes = tuple(code for code in cells if not is_missing(code))
    for code in codes:
        if not _CODE.fullmatch(code):
            raise ValueError(
                f"{path}, row {found.row}, field 6, the codes: not a dotted ICD-9 diagnosis such "
                "as 038.9; were codes read as numbers, or is it ICD-10?"
            )
    return codes


def _notes(path: Path, documents: Mapping[int, _Document]) -> Iterator[pa.RecordBatch]:
    rows = (
        (documents[n].name, found.patient, documents[n].name, found.text)
        for n, found in enumerate(_admissions(path))
        if n in documents
    )
    while block := list(islice(rows, tables.ROWS)):
        yield from tables.table_of(block, tables.NOTES).to_batches()


def _code_rows(documents: Iterable[_Document]) -> list[tuple[str, ...]]:
    return [(d.name, d.patient, icd.DIAGNOSIS, code) for d in documents for code in d.codes]


def _read_indices(folder: Path) -> dict[int, str]:
    """The number of a line, from 0 and among those that say something, to its split."""
    split_of: dict[int, str] = {}
    for split, name in INDICES.items():
        path = _find(folder, name)
        for row, line in enumerate(_lines(path), start=1):
            if not line.strip():
                continue
            if not line.strip().isascii() or not line.strip().isdigit():
                raise ValueError(f"{path}, line {row}: not a whole number; take the file as given")
            if int(line) in split_of:
                raise ValueError(f"{path}, line {row}: the number stands in an earlier line too")
            split_of[int(line)] = split
    return split_of


def _refuse_beyond(split_of: Mapping[int, str], folder: Path, lines: int) -> None:
    beyond = sum(number >= lines for number in split_of)
    if beyond:
        raise ValueError(
            f"{folder}: {beyond} numbers of the index files are beyond the {lines} lines of "
            f"{SUMMARIES} that say something; is that file whole, and do they belong together?"
        )


def _splits(
    documents: Iterable[_Document], dev_lines: int | None
) -> tuple[list[tuple[str, str]], dict[str, int]]:
    """Split each document; LAAT's dev set is the end of training, in the order of the file."""
    train = [d for d in documents if d.split == "train"]
    test = [d for d in documents if d.split == "test"]
    if dev_lines is None:
        LOG.warning(
            "MIMIC-II without a dev set: the best epoch is chosen on TEST, as CAML chose it, so "
            "the numbers are too good. Say so beside them, or take split: laat"
        )
        cut, of_test = len(train), DEV_AND_TEST
    else:
        cut, of_test = len(train) - dev_lines, "test"
    if cut <= 0:
        raise ValueError(f"{dev_lines} dev lines leave none of {len(train)} for training")
    parts = {"train": train[:cut], "dev": train[cut:], of_test: test}
    splits = [(d.name, split) for split, part in parts.items() for d in part]
    sizes = {"train_ids": cut, "dev_ids": len(train) - cut, "test_ids": len(test)}
    patients = [{d.patient for d in part} for part in parts.values()]
    shared = sum(map(len, patients)) - len(set().union(*patients))
    if shared:
        LOG.warning("MIMIC-II's published split has %d patients in two splits", shared)
    return splits, sizes | {"patients_in_two_splits": shared, "dev_is_test": int(dev_lines is None)}


def _read_titles(path: Path) -> list[tuple[str, str, str]]:
    """Code and title, as fields 2 and 3 have them; of two titles of a code the last, as in CAML."""
    titles = {}
    for row, fields in enumerate(csv.reader(_lines(path)), start=1):
        if fields and len(fields) < 3:
            raise ValueError(f"{path}, row {row}: {len(fields)} fields, the title is the third")
        if fields and row > 1:
            titles[fields[1].strip()] = fields[2].strip()
    return sorted((code, icd.DIAGNOSIS, title) for code, title in titles.items() if code)


def _find(folder: Path, name: str) -> Path:
    """A file, plain or gzipped."""
    found = find_one(folder, [name, f"{name}.gz"])
    if found is None:
        raise FileNotFoundError(
            f"{folder}: holds neither {name} nor {name}.gz; docs/data.md says how to get it"
        )
    return found


def _lines(path: Path) -> Iterator[str]:
    check_sum(path)
    refuse_no_text(path, "latin-1")
    return (line.decode("latin-1") for line in lines_of(unpacked(path)))
