"""The preparation by this library: the steps of the stages `extract` and `preprocess`."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd  # noqa: F401 (pyarrow would load it within the first step)
import pyarrow as pa
from measuring import Measured, step

from isd_pipeline.data.cohorts import make_cohort
from isd_pipeline.data.io.tables import open_parquet, write_parquet
from isd_pipeline.data.sources.mimic3 import extract
from isd_pipeline.data.splits import splits_from_lists
from isd_pipeline.text.documents import encode_documents
from isd_pipeline.text.tokens import tokenize_notes
from isd_pipeline.text.vocabulary import VocabularyConfig, make_vocabulary


def prepare(folder: Path, out: Path) -> Measured:
    pa.set_cpu_count(1)
    measured: Measured = []
    with step("extract", measured):
        found = extract(folder, scratch=out)
        write_parquet(found.notes, out / "notes.parquet")
        write_parquet(found.codes, out / "codes.parquet")
        titles = found.titles.read()
        del found
    with step("tokenize", measured):
        notes = open_parquet(out / "notes.parquet")
        write_parquet(tokenize_notes(notes), out / "tokenized_notes.parquet")
    with step("labels", measured):
        tokenized = open_parquet(out / "tokenized_notes.parquet")
        documents = tokenized.select(["document_id", "patient_id"]).read()
        lists = {name: folder / f"{name}_full_hadm_ids.csv" for name in ("train", "dev", "test")}
        splits, _ = splits_from_lists(documents, lists)
        codes = open_parquet(out / "codes.parquet")
        cohort = make_cohort(documents, codes, titles, splits, label_space="clean")
    with step("vocabulary", measured):
        vocabulary, _ = make_vocabulary(tokenized, splits, VocabularyConfig(min_docs=3))
    with step("encode", measured):
        encode_documents(
            tokenized, cohort.labels, cohort.splits, vocabulary, cohort.codes, out / "documents"
        )
        (out / "words.json").write_text(json.dumps(vocabulary.words))
        (out / "codes.json").write_text(json.dumps(cohort.codes.codes))
    return measured
