"""Words of the notes > vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isd_pipeline.embeddings.words import WordVectors, learn_word_vectors
from isd_pipeline.pipelines.sections import EmbedSettings, cohort_section

if TYPE_CHECKING:
    from isd_pipeline.data.tables import RecordStream
    from isd_pipeline.text.vocabulary import Vocabulary


def learn_vectors(
    tokenized_notes: RecordStream,
    splits: RecordStream,
    vocabulary: Vocabulary,
    cohorts: Mapping[str, Any],
    cohort: str,
) -> tuple[WordVectors, WordVectors]:
    """The words' own vectors, and those that the code vectors are means of."""
    settings = cohort_section(cohorts, cohort, "embed", EmbedSettings)
    learn = partial(
        learn_word_vectors, tokenized_notes, splits.read(), vocabulary, seed=settings.seed
    )
    return learn(settings.words), learn(settings.codes)


def open_vectors(folder: Path) -> Callable[[Vocabulary], WordVectors]:
    """What reads the vectors, given the vocabulary that they must belong to."""
    return partial(WordVectors.open, folder)
