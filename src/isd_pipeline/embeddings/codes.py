"""Code vectors out of the codes' titles.

Axes: V words, E width, L codes, M words of the longest title.
"""

import numpy as np

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.embeddings.words import Embedding
from isd_pipeline.text.vocabulary import Vocabulary


def average_titles(codes: CodeIndex, vocabulary: Vocabulary, words: Embedding) -> Embedding:
    """The mean vector of each code's title, out of word vectors of the same vocabulary."""
    matrix, without = code_vectors(description_ids(codes, vocabulary), words.matrix)
    made_of = {"codes": codes.fingerprint, "vocabulary": vocabulary.fingerprint}
    return Embedding(matrix, {**made_of, "titles_without_known_word": without})


def description_ids(codes: CodeIndex, vocabulary: Vocabulary) -> np.ndarray:
    """Token ids of each code's title, int64 [L, M], padded with 0 at the end.

    A title is tokenised like the notes, by the vocabulary's rule. A code whose title has no
    word gets one unknown word, so that every code can be read.
    """
    titles = [vocabulary.read(title) for title in codes.titles]
    longest = max([1, *map(len, titles)])
    ids = np.zeros((len(codes), longest), dtype=np.int64)
    for row, title in zip(ids, titles, strict=True):
        row[: len(title)] = title
    ids[ids[:, 0] == 0, 0] = vocabulary.unknown
    return ids


def code_vectors(ids: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, int]:
    """The mean vector of the known words of each title, and how many titles have none.

    Args:
        ids: as `description_ids` gives them, [L, M].
        matrix: word vectors float32 [V + 2, E] of the same vocabulary.

    Returns:
        float32 [L, E], and the number of codes that got the unknown word's vector instead.
    """
    unknown = len(matrix) - 1
    if ids.max(initial=0) > unknown:
        raise ValueError(f"word number {ids.max()} in the titles, but vectors for {unknown}")
    known = (ids != 0) & (ids != unknown)
    counts = known.sum(axis=1)
    sums = np.stack(
        [matrix[row[of]].sum(axis=0, dtype=np.float64) for row, of in zip(ids, known, strict=True)]
    )
    vectors = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], matrix[unknown])
    return vectors.astype(np.float32), int((counts == 0).sum())
