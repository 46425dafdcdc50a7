"""Words of the notes > vectors."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.embed import EmbedSettings
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.tables import RecordStream
from isd_pipeline.embeddings.codes import average_titles
from isd_pipeline.embeddings.words import Embedding, learn_word_vectors
from isd_pipeline.text.vocabulary import Vocabulary


def learn_vectors(
    tokenized_notes: RecordStream,
    splits: RecordStream,
    vocabulary: Vocabulary,
    code_index: CodeIndex,
    cohorts: Mapping[str, Any],
    cohort: str,
) -> tuple[Embedding, Embedding, Embedding]:
    """The words' own vectors, a set as wide as the code vectors, and these: means over titles."""
    settings = cohort_section(cohorts, cohort, "embed", EmbedSettings)
    learn = partial(
        learn_word_vectors, tokenized_notes, splits.read(), vocabulary, seed=settings.seed
    )
    words, words_of_codes = learn(settings.words), learn(settings.codes)
    return words, words_of_codes, average_titles(code_index, vocabulary, words_of_codes)
