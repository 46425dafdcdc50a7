"""Hospital files > notes, codes, titles, splits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isd_pipeline.pipelines.sections import ExtractSettings, cohort_section

if TYPE_CHECKING:
    import pyarrow as pa

    from isd_pipeline.data.tables import Extraction, RecordStream


def extract_tables(
    cohorts: Mapping[str, Any], cohort: str
) -> tuple[RecordStream, RecordStream, RecordStream, Extraction]:
    """Read the source's files; the notes are a stream that is written as it is read."""
    from isd_pipeline.data.counts import MIMIC3, check_counts

    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    found = read_source(settings)
    if settings.real:
        check_counts(found.counts, MIMIC3)
    return found.notes, found.codes, found.titles, found


def read_source(settings: ExtractSettings) -> Extraction:
    """Read the files of a cohort by the reader of their layout."""
    from isd_pipeline.data import codiesp, mimic3, own

    if settings.source == "own":
        return own.extract(Path(settings.raw), settings.own)
    if settings.source == "codiesp":
        kinds = codiesp.KINDS[settings.kind]
        return codiesp.extract(Path(settings.raw), language=settings.language, systems=kinds)
    return mimic3.extract(Path(settings.raw))


def split_documents(
    notes: RecordStream, extraction: Extraction, cohorts: Mapping[str, Any], cohort: str
) -> tuple[pa.Table, pa.Table, dict[str, int]]:
    """The split of all documents, and of those of the cohort; they differ for the top 50 codes.

    Vocabulary and word vectors are of all documents also where a cohort keeps fewer.
    """
    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    if extraction.splits is not None:
        return extraction.splits, extraction.splits, extraction.counts
    documents = list_documents(notes)
    everything, counts = _split(documents, settings, "full")
    if settings.codes == "full":
        return everything, everything, extraction.counts | counts
    some, counts = _split(documents, settings, "50")
    return everything, some, extraction.counts | counts


def list_documents(notes: RecordStream) -> pa.Table:
    """Each document and its patient once, in the order of the notes."""
    import pyarrow as pa

    rows = {
        row: None
        for batch in notes.select(["document_id", "patient_id"])
        for row in zip(
            batch["document_id"].to_pylist(), batch["patient_id"].to_pylist(), strict=True
        )
    }
    columns = list(zip(*rows, strict=True)) or [(), ()]
    names = ["document_id", "patient_id"]
    return pa.table([pa.array(column, pa.string()) for column in columns], names=names)


def _split(
    documents: pa.Table, settings: ExtractSettings, name: str
) -> tuple[pa.Table, dict[str, int]]:
    """By the id lists beside the files; ours by patient where there is none at all."""
    from isd_pipeline.data.splits import splits_by_patient, splits_from_lists

    folder = Path(settings.raw)
    if not any(folder.glob("*_hadm_ids.csv")):
        return splits_by_patient(documents, seed=settings.split_seed)
    lists = {split: folder / f"{split}_{name}_hadm_ids.csv" for split in ("train", "dev", "test")}
    return splits_from_lists(documents, lists, published=name if settings.real else None)
