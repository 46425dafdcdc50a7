"""What a custom data set is like before it is extracted: sizes, language, a seed to split by."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from isd_pipeline.data.custom import source
from isd_pipeline.data.custom.layout import CustomLayout
from isd_pipeline.data.io.tables import NOTES, Extraction, table_of
from isd_pipeline.data.quality.findings import Findings
from isd_pipeline.data.splits import splits_by_patient
from isd_pipeline.studies.choice import Sizes
from isd_pipeline.text.languages import function_word_shares, language_of

SEEDS = 50  # of which the first is taken that leaves enough documents to tune and to test on
ENOUGH = {"dev": 0.06, "test": 0.1}  # of the documents; a tenth and 15 % are drawn on average
LEAST = (5, 1)  # documents of dev and of test; one, where five cannot be had
LOOKED_AT = 200  # notes, for their language


@dataclass(frozen=True)
class Looked:
    """`language` is ISO 639-1, None where no known one is found; `seed` None where splits came."""

    sizes: Sizes
    documents: int
    language: str | None
    seed: int | None


def look(raw: Path, layout: CustomLayout) -> Looked | None:
    """Read a folder once; None where something is wrong with it, which `isd check` says."""
    findings = Findings()
    data = source.read_own(raw, layout, findings)
    if data is None or any(one.level == "error" for one in findings):
        return None
    found = source.tables(data)
    words, patients, language = _read(found)
    seed, splits = _splits(found, patients)
    train = {name for name, split in splits.items() if split == "train"}
    codes = found.codes.read()
    labelled = set(codes["document_id"].to_pylist())
    described = language == "en" or layout.table != ""
    sizes = Sizes(
        notes=len(train & labelled),
        codes=len(set(codes["code"].to_pylist())),
        words=sum(words[name] for name in train),
        marked=_is_marked(found, train),
        described=described,
    )
    return Looked(sizes, len(labelled), language, seed)


def _read(found: Extraction) -> tuple[Counter[str], dict[str, str], str | None]:
    """Words by document, the patient of each, the language of the first notes."""
    words, patients = Counter[str](), dict[str, str]()
    shares: list[dict[str, float]] = []
    for batch in found.notes.select(["document_id", "patient_id", "text"]):
        for row in batch.to_pylist():
            of_note = (row["text"] or "").lower().split()
            words[row["document_id"]] += len(of_note)
            patients.setdefault(row["document_id"], row["patient_id"])
            if len(shares) < LOOKED_AT:
                shares.append(function_word_shares(of_note))
    return words, patients, language_of(shares) if shares else None


def _splits(found: Extraction, patients: dict[str, str]) -> tuple[int | None, dict[str, str]]:
    """The first seed that leaves enough in each split, and each document's split."""
    if found.splits is not None:
        return None, _by_document(found.splits)
    schema = pa.schema([NOTES.field("document_id"), NOTES.field("patient_id")])
    documents = table_of(patients.items(), schema)
    labelled = set(found.codes.read()["document_id"].to_pylist())
    tried = ((least, seed) for least in LEAST for seed in range(1, SEEDS + 1))
    for least, seed in tried:
        with contextlib.suppress(ValueError):  # a split without a document
            drawn = _drawn(documents, seed)
            sizes = Counter(split for name, split in drawn.items() if name in labelled)
            if all(
                sizes[name] >= max(least, share * len(labelled)) for name, share in ENOUGH.items()
            ):
                return seed, drawn
    return 1, dict.fromkeys(patients, "train")  # so few that the check stops at the splits


def _drawn(documents: pa.Table, seed: int) -> dict[str, str]:
    """The split of each document, without the warning that it is not a published one."""
    logger = logging.getLogger("isd_pipeline.data.splits")
    before, logger.disabled = logger.disabled, True
    try:
        return _by_document(splits_by_patient(documents, seed=seed)[0])
    finally:
        logger.disabled = before


def _by_document(splits: pa.Table) -> dict[str, str]:
    return dict(zip(splits["document_id"].to_pylist(), splits["split"].to_pylist(), strict=True))


def _is_marked(found: Extraction, train: set[str]) -> bool:
    """Whether coders marked words of a training document."""
    if found.mentions is None:
        return False
    return not train.isdisjoint(found.mentions["document_id"].to_pylist())
