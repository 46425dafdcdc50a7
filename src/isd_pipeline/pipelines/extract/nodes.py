"""Hospital files > notes, codes, titles, mentions, splits."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.engine import read_engine
from isd_pipeline.config.expected_counts import check_published
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.data.cohorts import labels_of_cohort
from isd_pipeline.data.custom import source as own
from isd_pipeline.data.io.parts import LOOP, Engine
from isd_pipeline.data.io.tables import MENTIONS, Extraction, RecordStream, table_of
from isd_pipeline.data.quality import published_counts as published
from isd_pipeline.data.sources import (
    cantemist,
    codiesp,
    mdace,
    mimic2,
    mimic3,
    mimic4,
    planted_evidence,
)
from isd_pipeline.data.sources.selection import only_patients, only_systems
from isd_pipeline.data.splits import (
    move_documents,
    splits_by_patient,
    splits_from_feather,
    splits_from_lists,
    splits_stratified,
    with_dev_in_train,
)

LOG = logging.getLogger(__name__)


def extract_tables(
    cohorts: Mapping[str, Any], cohort: str, engine: Any = None, raw_files: Any = None
) -> tuple[RecordStream, RecordStream, RecordStream, pa.Table, Extraction]:
    """Read the source's files; the notes are a stream that is written as it is read.

    Where they lie the cohort's section says; `raw_files` has Kedro generate a hospital before.
    """
    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    found = read_source(settings, read_engine(engine))
    if settings.real:
        if settings.source == "mimic4":
            published.refuse_other_release(found.counts, settings.release)
        check_published(found.counts, settings)
    mentions = MENTIONS.empty_table() if found.mentions is None else found.mentions
    return found.notes, found.codes, found.titles, mentions, found


def read_source(settings: ExtractSettings, engine: Engine = LOOP) -> Extraction:
    """Read the files of a cohort by the reader of their layout."""
    raw = Path(settings.raw)
    match settings.source:
        case "mimic2":
            dev_lines = settings.dev_lines if settings.split == "laat" else None
            found = mimic2.extract(raw, dev_lines=dev_lines)
        case "mimic3":
            found = mimic3.extract(raw, engine=engine)
            if settings.patients == "carevue":
                found = only_patients(found, *mimic3.carevue_patients(raw))
            if settings.mdace:
                release, charts = settings.mdace_release, settings.mdace_set
                found = mdace.with_mentions(found, release, charts)
            elif (raw / "EVIDENCE.csv").is_file():  # the synthetic hospital says where codes stand
                found = replace(found, mentions=planted_evidence.read_mentions(raw))
        case "mimic4":
            found = mimic4.extract(raw, revision=settings.revision, label_space=settings.space)
        case "codiesp":
            kinds = codiesp.KINDS[settings.kind]
            language, mentions = settings.language, settings.mentions
            found = codiesp.extract(raw, language=language, systems=kinds, mentions=mentions)
        case "cantemist":
            found = cantemist.extract(raw, dev=settings.dev)
        case "custom":
            found = own.extract(raw, settings.custom, engine=engine)
    return found if settings.systems is None else only_systems(found, settings.systems)


def split_documents(
    notes: RecordStream, extraction: Extraction, cohorts: Mapping[str, Any], cohort: str
) -> tuple[pa.Table, pa.Table, dict[str, int]]:
    """The split of all documents, and of those of the cohort; they differ for the top 50 codes.

    Vocabulary and word vectors are of all documents also where a cohort keeps fewer.
    """
    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    settings.refuse_other_last(cohorts, cohort)
    everything, some, counts = _split_documents(notes, extraction, settings)
    if settings.last_of:
        everything, some = with_dev_in_train(everything), with_dev_in_train(some)
    return everything, some, counts


def _split_documents(
    notes: RecordStream, extraction: Extraction, settings: ExtractSettings
) -> tuple[pa.Table, pa.Table, dict[str, int]]:
    if extraction.splits is not None:
        return extraction.splits, extraction.splits, extraction.counts
    names = ["document_id", "patient_id"]  # once each, in the order of the notes
    rows = dict.fromkeys(zip(*notes.select(names).read().to_pydict().values(), strict=True))
    documents = table_of(rows, pa.schema([(name, pa.string()) for name in names]))
    some = None
    if settings.split == "edin":
        everything, counts = _split_of_edin(documents, extraction, settings)
    else:
        everything, counts = _split(documents, settings, "full")
        if settings.codes != "full" and settings.split != "patients":
            some, counts = _split(documents, settings, "50")
    return everything, everything if some is None else some, extraction.counts | counts


def _split(
    documents: pa.Table, settings: ExtractSettings, name: str
) -> tuple[pa.Table, dict[str, int]]:
    """By the id lists beside the files; ours by patient where there is none, or by choice."""
    folder = Path(settings.raw)
    if settings.split == "mdace":
        splits, counts = _split(documents, replace(settings, split="lists"), name)
        charts = mdace.mdace_splits(settings.mdace_release, settings.mdace_set)
        moved, counted = move_documents(documents, splits, charts)
        return moved, counts | counted
    if settings.split == "patients" or not any(folder.glob("*_hadm_ids.csv")):
        return splits_by_patient(documents, seed=settings.split_seed)
    lists = {split: folder / f"{split}_{name}_hadm_ids.csv" for split in ("train", "dev", "test")}
    return splits_from_lists(documents, lists, published=name if settings.real else None)


def _split_of_edin(
    documents: pa.Table, extraction: Extraction, settings: ExtractSettings
) -> tuple[pa.Table, dict[str, int]]:
    """By the file that the section names; our own, over the cohort's labels, where it is missing.

    A file that is named and missing is no error: who has none can still work, and is told.
    """
    path = Path(settings.raw) / settings.split_file
    if path.is_file():
        return splits_from_feather(documents, path)
    LOG.warning("%s: no split file of Edin et al. there (docs/data.md says where it is)", path)
    labels, _, _ = labels_of_cohort(
        documents,
        extraction.codes,
        label_space=settings.space,
        revision=settings.revision,
        min_documents=settings.min_documents,
    )
    return splits_stratified(documents, labels, seed=settings.split_seed)
