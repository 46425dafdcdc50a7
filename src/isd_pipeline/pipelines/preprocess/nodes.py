"""Notes, codes, titles, splits > words with offsets, labels, vocabulary, encoded documents."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.engine import read_engine
from isd_pipeline.config.expected_counts import check_published
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.config.preprocess import PreprocessSettings, reads_normal_form
from isd_pipeline.data.cohorts import CAML_TOP_50, CodeIndex, Cohort, make_cohort
from isd_pipeline.data.io.tables import RecordStream
from isd_pipeline.data.quality import published_counts as published
from isd_pipeline.data.quality.scripts import MOSTLY, REMEDY, share_without_blanks
from isd_pipeline.text import vocabulary as words
from isd_pipeline.text.documents import encode_documents
from isd_pipeline.text.tokens import tokenize_notes
from isd_pipeline.text.vocabulary import Vocabulary

LOG = logging.getLogger(__name__)


def tokenize(
    notes: RecordStream, cohorts: Mapping[str, Any], cohort: str, engine: Any = None
) -> RecordStream:
    """One row per document: its words, and where each stands in its note."""
    settings = cohort_section(cohorts, cohort, "preprocess", PreprocessSettings)
    normal = reads_normal_form(cohorts, cohort)
    return tokenize_notes(notes, settings.tokeniser, read_engine(engine), normal=normal)


def label(
    tokenized_notes: RecordStream,
    codes: RecordStream,
    titles: RecordStream,
    cohort_splits: RecordStream,
    cohorts: Mapping[str, Any],
    cohort: str,
    engine: Any = None,
) -> tuple[pa.Table, pa.Table, CodeIndex, dict[str, int]]:
    """Each document's labels, the documents that stay, and the one order of the codes."""
    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    documents = tokenized_notes.select(["document_id", "patient_id"]).read()
    try:
        made = make_cohort(
            *(documents, codes, titles.read(), cohort_splits.read()),
            label_space=settings.space,
            revision=settings.revision,
            min_documents=settings.min_documents,
            top=_kept_codes(settings),
            keep_uncoded=settings.uncoded == "keep",
            engine=read_engine(engine),
        )
    except ValueError as error:  # of a list perhaps, whose codes nobody has
        where = f"{settings.codes_file}, the codes that are kept: " if settings.codes_file else ""
        raise ValueError(f"{where}{error}") from None
    if settings.listed_codes:
        _tell_of_absent(made, settings.codes_file)
    return made.labels, made.splits, made.codes, made.counts


def _kept_codes(settings: ExtractSettings) -> int | tuple[str, ...] | None:
    """How many of the most frequent codes are kept, or which codes; None: all."""
    if settings.codes == "full":
        return None
    # Counted clean, the top 50 would not be CAML's: it is pinned.
    pinned = settings.source == "mimic3" and settings.real and settings.label_space == "clean"
    return settings.listed_codes or (CAML_TOP_50 if pinned else 50)


def _tell_of_absent(made: Cohort, file: str) -> None:
    """Warn of codes of a list that no document has: they are misspelt, or of another data set."""
    found = set(pc.list_flatten(made.labels["labels"]).unique().to_pylist())
    if absent := [code for code in made.codes.codes if code not in found]:
        told = "%s: %d of %d codes are in no document (%s); are they written as the labels are?"
        LOG.warning(told, file, len(absent), len(made.codes), ", ".join(absent[:5]))


def count_words(
    tokenized_notes: RecordStream,
    splits: RecordStream,
    cohorts: Mapping[str, Any],
    cohort: str,
    engine: Any = None,
) -> tuple[Vocabulary, dict[str, int]]:
    """The words a model knows. Documents without a code count, as they do for CAML."""
    settings = cohort_section(cohorts, cohort, "preprocess", PreprocessSettings)
    made, counts = words.make_vocabulary(
        *(tokenized_notes, splits.read(), settings.vocabulary, settings.tokeniser),
        read_engine(engine),
    )
    if share_without_blanks(made.words) > MOSTLY:
        what = "the notes are in a script without blanks between words: a clause is one of the %d"
        LOG.warning(f"{what} words of the vocabulary; {REMEDY}", len(made))
    if cohort_section(cohorts, cohort, "extract", ExtractSettings).real:
        _, occurrences = words.count_words(tokenized_notes, engine=read_engine(engine))
        counts |= {"types": len(occurrences), "tokens": occurrences.total()}
    return made, counts


def check_cohort(
    extraction_counts: Mapping[str, int],
    labelling_counts: Mapping[str, int],
    vocabulary_counts: Mapping[str, int],
    code_index: CodeIndex,
    cohorts: Mapping[str, Any],
    cohort: str,
) -> dict[str, int]:
    """All that was counted, held against the published counts where data are said to be real."""
    found = {**extraction_counts, **labelling_counts, **vocabulary_counts}
    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    if settings.real:
        check_published(found, settings)
        if settings.source == "mimic3" and settings.codes == "top50":
            published.refuse_other_top_50(code_index.codes, CAML_TOP_50)
    return found


def encode(
    tokenized_notes: RecordStream,
    labels: pa.Table,
    kept_splits: pa.Table,
    vocabulary: Vocabulary,
    code_index: CodeIndex,
    cohorts: Mapping[str, Any],
    cohort: str,
    engine: Any = None,
) -> Callable[[Path], dict[str, int]]:
    """What writes the encoded documents of train, dev and test into a folder, as it reads."""
    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    return partial(
        encode_documents,
        *(tokenized_notes, labels, kept_splits, vocabulary, code_index),
        keep_uncoded=settings.uncoded == "keep",
        engine=read_engine(engine),
    )
