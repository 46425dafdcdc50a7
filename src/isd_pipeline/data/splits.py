"""Which documents train, tune and test: by a published list or file, or drawn by patient."""

import hashlib
import logging
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import feather

from isd_pipeline.data.io.damage import DAMAGED, NUL
from isd_pipeline.data.io.files import sha256
from isd_pipeline.data.io.tables import LABELS, SPLITS

LOG = logging.getLogger(__name__)

PUBLISHED = {  # how the SHA-256 of caml-mimic's lists begins
    "full": {"train": "abc4601d", "dev": "5bc77377", "test": "2861293b"},
    "50": {"train": "aee261aa", "dev": "bcd69c3b", "test": "cc3d3c22"},
}
SPLIT_NAMES = ("train", "dev", "test")
DEV_AND_TEST = "dev_and_test"  # MIMIC-II as CAML had it: one set to choose on and to test on
_EDIN_NAMES = {"train": "train", "val": "dev", "test": "test"}

TRAIN_AND_DEV = "train_and_dev"  # of a last training: what was chosen on dev may train, too


def names_of(split: str) -> tuple[str, ...]:
    """What a document's row may say when it is in `split`: the name itself, or that of two."""
    both = {
        "train": (TRAIN_AND_DEV,),
        "dev": (DEV_AND_TEST, TRAIN_AND_DEV),
        "test": (DEV_AND_TEST,),
    }
    return (split, *both.get(split, ()))


def with_dev_in_train(splits: pa.Table) -> pa.Table:
    """The same splits, and the documents of dev train as well."""
    names = [TRAIN_AND_DEV if split == "dev" else split for split in splits["split"].to_pylist()]
    return splits.set_column(1, SPLITS.field("split"), pa.array(names, pa.string()))


def splits_from_lists(
    documents: pa.Table, lists: Mapping[str, Path], *, published: str | None = None
) -> tuple[pa.Table, dict[str, int]]:
    """Splits by files of one id a line, as {"train": path, "dev": path, "test": path}.

    `published="full"` or `"50"` says that these are caml-mimic's own lists, and checks it. An
    unknown id, an id or a patient in two places is refused with file and line; documents in no
    list are left out and counted.
    """
    patients = _patients(documents)
    if published is not None:
        _check_published(lists, published)
    rows = [
        (f"{path}, line {line}", document, split)
        for split, path in lists.items()
        for line, document in _read_list(Path(path))
    ]
    return _placed(documents, _checked(rows, patients), lists)


def splits_by_patient(
    documents: pa.Table, *, seed: int, dev: float = 0.1, test: float = 0.15
) -> tuple[pa.Table, dict[str, int]]:
    """Splits drawn by a hash of seed and patient, so a patient's split never depends on others."""
    if not (dev > 0 and test > 0 and dev + test < 1):
        raise ValueError(f"dev={dev} and test={test} must be above 0 and below 1 together")
    patients = _patients(documents)
    bounds, names = (test, test + dev), ("test", "dev", "train")
    drawn = {p: names[bisect_right(bounds, _draw(seed, p))] for p in patients.values()}
    table = _table(documents, {document: drawn[patient] for document, patient in patients.items()})
    counts = _sizes(table)
    LOG.warning(
        "no id lists given: split by patient with seed %d into %d / %d / %d documents, which is "
        "not the published split",
        seed,
        *counts.values(),
    )
    return table, counts


def splits_from_feather(documents: pa.Table, path: Path) -> tuple[pa.Table, dict[str, int]]:
    """Splits by a file of Edin et al.: `_id` is the admission, `split` train, val or test.

    The documents of an admission, `123` and `123-2`, go with it; `val` is dev. An unknown id, an
    id or a patient in two splits is refused; documents in no row are left out and counted.
    """
    owner = {admission_of(d): patient for d, patient in _patients(documents).items()}
    rows = []
    for row, (admission, split) in enumerate(_read_feather(Path(path)), start=1):
        if split not in _EDIN_NAMES:
            raise ValueError(f"{path}, row {row}, column split: none of {', '.join(_EDIN_NAMES)}")
        rows.append((f"{path}, row {row}", admission, _EDIN_NAMES[split]))
    split_of = _checked(rows, owner)
    ids = ((d, admission_of(d)) for d in documents["document_id"].to_pylist())
    return _placed(documents, {d: split_of[of] for d, of in ids if of in split_of})


def splits_stratified(
    documents: pa.Table, labels: pa.Table, *, seed: int, dev: float = 0.1, test: float = 0.15
) -> tuple[pa.Table, dict[str, int]]:
    """Our own split where a published file is wanting: patients, stratified by all their labels.

    Iterative stratification (Sechidis et al., 2011), first of test, then of dev from the rest, as
    Edin et al. made theirs; of `documents`, those with a label. The order of rows is no matter.
    """
    owner = _patients(documents)
    held = dict(zip(*(labels[n].to_pylist() for n in LABELS.names), strict=True))
    of_patient: dict[str, set[str]] = {}
    for document, row in held.items():
        if row:
            of_patient.setdefault(owner[document], set()).update(row)
    patients = sorted(of_patient)
    table = _label_matrix([of_patient[patient] for patient in patients])
    LOG.warning(
        "no split file given: %d patients are split by iterative stratification over %d codes, "
        "seed %d. This is our own split, not a published one; on all of MIMIC-IV it takes hours. "
        "%d of %d documents have no code and are in no split",
        *table.shape,
        seed,
        sum(not held.get(document) for document in owner),
        len(owner),
    )
    rest, tested = _stratify(table, np.arange(len(patients)), test, seed)
    trained, tuned = _stratify(table, rest, dev / (1 - test), seed)
    parts = {"train": trained, "dev": tuned, "test": tested}
    drawn = {patients[n]: name for name, rows in parts.items() for n in rows}
    placed = {d: drawn[owner[d]] for d, row in held.items() if row}
    found = _table(documents, placed)
    return found, {
        **_sizes(found),
        "documents_in_no_list": len(owner) - len(placed),
        "split_is_ours": 1,
    }


def move_documents(
    documents: pa.Table, splits: pa.Table, lists: Mapping[str, Collection[str]]
) -> tuple[pa.Table, dict[str, int]]:
    """`splits` with the documents of `lists` where those say; what is in no split stays so.

    A moved document may part its patient's documents. Such patients are counted and told, for a
    document of test is then not of a patient whom the model has never met.
    """
    patient_of = _patients(documents)
    place = {document: split for split, ids in lists.items() for document in ids}
    columns = (splits[name].to_pylist() for name in SPLITS.names)
    before: dict[str, str] = dict(zip(*columns, strict=True))
    after = {document: place.get(document, split) for document, split in before.items()}
    moved = [document for document, split in before.items() if after[document] != split]
    of_patient: dict[str, set[str]] = {}
    for document, split in after.items():
        of_patient.setdefault(patient_of[document], set()).add(split)
    parted = sum(len(some) > 1 for some in of_patient.values())
    LOG.warning("%d documents moved; %d patients are in more than one split", len(moved), parted)
    if nowhere := len({document for document in place if document in patient_of} - before.keys()):
        LOG.warning("%d documents that were to be moved are in no split: left out", nowhere)
    table = _table(documents, after)
    counts = {"documents_moved": len(moved), "patients_in_two_splits": parted}
    return table, {**_sizes(table), **counts}


def admission_of(document: str) -> str:
    """The admission of a document: `123` of `123-2`, its second note."""
    return document.partition("-")[0]


def _read_feather(path: Path) -> list[tuple[str, str]]:
    try:
        table = feather.read_table(path)
    except (pa.ArrowInvalid, OSError):
        raise ValueError(f"{path}: not a whole feather file; download it again") from None
    for name in ("_id", "split"):
        if name not in table.column_names:
            raise ValueError(f"{path}: no column {name} among {', '.join(table.column_names)}")
    nameless = pc.is_null(table["_id"], nan_is_null=True)
    if pc.any(nameless).as_py():
        row = pc.index(nameless, True).as_py() + 1
        raise ValueError(f"{path}, row {row}, column _id: missing, so the row is of no admission")
    numbers = table["_id"]
    if pa.types.is_floating(numbers.type):  # pandas makes ids so where one is missing
        numbers = pc.cast(numbers, pa.int64())
    ids = pc.cast(numbers, pa.string()).to_pylist()
    return list(zip(ids, table["split"].to_pylist(), strict=True))


def _checked(rows: Iterable[tuple[str, str, str]], owner: Mapping[str, str]) -> dict[str, str]:
    """The split of each id of rows (place, id, split); `owner` is the patient of known ids."""
    place_of: dict[str, str] = {}
    split_of: dict[str, str] = {}
    patient_in: dict[str, tuple[str, str]] = {}
    for place, name, split in rows:
        if name in place_of:
            raise ValueError(f"{place}: the id stands in {place_of[name]} already")
        if name not in owner:
            raise ValueError(
                f"{place}: unknown id: no note has it; are splits and notes of one source and "
                "release?"
            )
        other, where = patient_in.setdefault(owner[name], (split, place))
        if other != split:
            raise ValueError(f"{place}: a patient of {split} is in {other} too ({where})")
        place_of[name], split_of[name] = place, split
    return split_of


def _placed(
    documents: pa.Table, split_of: Mapping[str, str], names: Iterable[str] = SPLIT_NAMES
) -> tuple[pa.Table, dict[str, int]]:
    """The splits as a table; documents in none are left out and counted."""
    table = _table(documents, split_of)
    left = documents.num_rows - table.num_rows
    if left:
        LOG.warning("%d of %d documents are in no list: left out", left, documents.num_rows)
    return table, {**_sizes(table, names), "documents_in_no_list": left}


def _label_matrix(rows: list[set[str]]) -> np.ndarray:
    """Which row has which label, bool [rows, labels by code point]."""
    columns = {label: n for n, label in enumerate(sorted(set().union(*rows)))}
    table = np.zeros((len(rows), len(columns)), dtype=bool)
    for n, row in enumerate(rows):
        table[n, [columns[label] for label in row]] = True
    return table


def _stratify(
    table: np.ndarray, rows: np.ndarray, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Part `rows` of the table into the larger rest and a share of them."""
    from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit

    draw = MultilabelStratifiedShuffleSplit(n_splits=1, test_size=share, random_state=seed)
    rest, taken = next(draw.split(rows, table[rows]))
    return rows[rest], rows[taken]


def _patients(documents: pa.Table) -> dict[str, str]:
    """Document id -> patient id."""
    if not documents.num_rows:
        raise ValueError("there are no notes to split: the table of notes has no row")
    columns = (documents[name].to_pylist() for name in ("document_id", "patient_id"))
    return dict(zip(*columns, strict=True))


def _check_published(lists: Mapping[str, Path], name: str) -> None:
    if name not in PUBLISHED:
        raise ValueError(f"published={name!r} is none of {', '.join(PUBLISHED)}")
    for split, begin in PUBLISHED[name].items():
        if split not in lists:
            raise ValueError(f"no {split} list among the {name} id lists")
        digest = sha256(_existing(Path(lists[split])))
        if not digest.startswith(begin):
            raise ValueError(
                f"{lists[split]}: its SHA-256 begins {digest[:8]}, that of caml-mimic's "
                f"{split}_{name}_hadm_ids.csv begins {begin}; take the list as published"
            )


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such id list")
    return path


def _read_list(path: Path) -> list[tuple[int, str]]:
    """Line number and id; ids are whole numbers written without a header."""
    rows = []
    lines = _existing(path).read_text("utf-8-sig").splitlines()
    for number, line in enumerate(lines, start=1):
        if NUL in line:
            raise ValueError(f"{path}, line {number}: {DAMAGED}")
        if line.strip():
            if any(letter in line.strip() for letter in " ,;\t"):
                raise ValueError(f"{path}, line {number}: not one id; one a line, no header")
            rows.append((number, line.strip()))
    if not rows:
        raise ValueError(f"{path}: holds no id")
    return rows


def _draw(seed: int, patient: str) -> float:
    digest = hashlib.sha256(f"{seed} {patient}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _table(documents: pa.Table, split_of: Mapping[str, str]) -> pa.Table:
    ids = [i for i in documents["document_id"].to_pylist() if i in split_of]
    return pa.table([pa.array(ids, pa.string()), [split_of[i] for i in ids]], schema=SPLITS)


def _sizes(table: pa.Table, names: Iterable[str] = SPLIT_NAMES) -> dict[str, int]:
    found = Counter(table["split"].to_pylist())
    for name in names:
        if not found[name]:
            raise ValueError(f"split {name} would have no document; give more data or other shares")
    return {f"{name}_ids": found[name] for name in names}
