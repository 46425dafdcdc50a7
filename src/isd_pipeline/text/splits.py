"""What is asked of all splits of a cohort together: their words, their fingerprints."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.data.io.tables import RecordStream
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.vocabulary import Vocabulary


def fingerprints(
    documents: Mapping[str, Documents], code_index: CodeIndex, vocabulary: Vocabulary
) -> dict[str, str]:
    """What the weights belong to: they fit nothing else."""
    data = hashlib.sha256()
    for split in ("train", "dev"):
        for part in ("tokens", "token_starts", "labels", "label_starts"):
            data.update(getattr(documents[split], part).tobytes())
    return {
        "vocabulary": vocabulary.fingerprint,
        "codes": code_index.fingerprint,
        "data": data.hexdigest()[:16],
    }


def words_of_splits(
    tokenized_notes: RecordStream, documents: Mapping[str, Documents]
) -> dict[str, list[list[str]]]:
    """The words of each split's documents, in the order of the documents."""
    ids = {split: those.ids.tolist() for split, those in documents.items()}
    words = iter(words_of_documents(tokenized_notes, list(chain.from_iterable(ids.values()))))
    return {split: [next(words) for _ in those] for split, those in ids.items()}


def words_of_documents(tokenized_notes: RecordStream, ids: Sequence[str]) -> list[list[str]]:
    """The words of some documents, in their order."""
    from isd_pipeline.text.tokens import words_of

    wanted = set(ids)
    words = {
        identifier: tokens
        for batch in tokenized_notes.select(["document_id", "tokens"])
        for identifier, tokens in zip(
            batch["document_id"].to_pylist(), words_of(batch), strict=True
        )
        if identifier in wanted
    }
    return [words[identifier] for identifier in ids]
