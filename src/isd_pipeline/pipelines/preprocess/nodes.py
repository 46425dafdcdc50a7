"""Notes, codes, titles, splits > words with offsets, labels, vocabulary, encoded documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isd_pipeline.pipelines.sections import ExtractSettings, PreprocessSettings, cohort_section

if TYPE_CHECKING:
    import pyarrow as pa

    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.data.tables import RecordStream
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.vocabulary import Vocabulary


def tokenize(notes: RecordStream) -> RecordStream:
    """One row per document: its words, and where each stands in its note."""
    from isd_pipeline.text.tokens import tokenize_notes

    return tokenize_notes(notes)


def label(
    tokenized_notes: RecordStream,
    codes: RecordStream,
    titles: RecordStream,
    cohort_splits: RecordStream,
    cohorts: Mapping[str, Any],
    cohort: str,
) -> tuple[pa.Table, pa.Table, CodeIndex, dict[str, int]]:
    """Each document's labels, the documents that stay, and the one order of the codes."""
    from isd_pipeline.data.cohorts import make_cohort

    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    space = "dotted" if settings.source == "codiesp" else settings.label_space
    made = make_cohort(
        tokenized_notes.select(["document_id", "patient_id"]).read(),
        codes.read(),
        titles.read(),
        cohort_splits.read(),
        label_space=space,
        top=50 if settings.codes == "top50" else None,
    )
    return made.labels, made.splits, made.codes, made.counts


def count_words(
    tokenized_notes: RecordStream,
    splits: RecordStream,
    cohorts: Mapping[str, Any],
    cohort: str,
) -> Vocabulary:
    """The words a model knows. Documents without a code count, as they do for CAML."""
    from isd_pipeline.text.vocabulary import make_vocabulary

    settings = cohort_section(cohorts, cohort, "preprocess", PreprocessSettings)
    vocabulary, _ = make_vocabulary(tokenized_notes, splits.read(), settings.vocabulary)
    return vocabulary


def encode(
    tokenized_notes: RecordStream,
    labels: pa.Table,
    kept_splits: pa.Table,
    vocabulary: Vocabulary,
    code_index: CodeIndex,
) -> Callable[[Path], None]:
    """What writes the encoded documents of train, dev and test into a folder, as it reads."""
    from isd_pipeline.text.documents import encode_documents

    def write(folder: Path) -> None:
        encode_documents(tokenized_notes, labels, kept_splits, vocabulary, code_index, folder)

    return write


def open_splits(folder: Path) -> dict[str, Documents]:
    """The encoded documents of train, dev and test, their words left on disk."""
    from isd_pipeline.text.documents import Documents

    return {split: Documents.open(folder / split) for split in ("train", "dev", "test")}
