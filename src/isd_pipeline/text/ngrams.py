"""N-grams of words: how they are counted in training notes, and where they stand in a note.

Axes: D documents, G n-grams, O of their occurrences in a note, N words of it, K codes asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from isd_pipeline.shapes import Float

# What scikit-learn says of it.
_NONE_LEFT = ("no terms remain", "empty vocabulary", "max_df corresponds to < documents")


def vectorizer_settings(*, longest: int, min_documents: int, at_most: int | None) -> dict[str, Any]:
    """What a vectoriser of scikit-learn is told, for notes whose words are joined by spaces.

    An n-gram has up to `longest` words and stands in at least `min_documents` notes; `at_most`
    keeps only the most frequent ones.
    """
    return {
        "lowercase": False,
        "token_pattern": r"\S+",
        "ngram_range": (1, longest),
        "min_df": min_documents,
        "max_features": at_most,
    }


@contextmanager
def refusing_none(documents: int, min_documents: int) -> Iterator[None]:
    """Tell in plain words that no n-gram stands in so many of the training documents."""
    try:
        yield
    except ValueError as error:
        if not any(text in str(error) for text in _NONE_LEFT):
            raise
        raise ValueError(
            f"no word or n-gram stands in min_df={min_documents} of the {documents} training "
            "documents, so nothing can be learned from them; give more notes, or lower min_df"
        ) from None


class Occurrences(NamedTuple):
    """Where n-grams stand in a note: their numbers, first words and lengths, [O] each."""

    ngrams: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray


@dataclass(frozen=True)
class NGrams:
    """The n-grams that are looked for, [G], the words of each parted by a space."""

    known: Sequence[str]

    def find(self, words: Sequence[str]) -> Occurrences:
        """All places of them in a note."""
        places = [
            (self._numbers[ngram], begin, length)
            for length in range(1, self._longest + 1)
            for begin in range(len(words) - length + 1)
            if (ngram := " ".join(words[begin : begin + length])) in self._numbers
        ]
        return Occurrences(*np.array(places, dtype=np.int64).reshape(-1, 3).T)

    def held(self, documents: Iterable[Sequence[str]]) -> sparse.csr_matrix:
        """Which document holds which of them: 1 or nothing, [D, G]."""
        found = [np.unique(self.find(words).ngrams) for words in documents]
        starts = np.cumsum([0, *map(len, found)])
        columns = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
        return sparse.csr_matrix(
            (np.ones(len(columns)), columns, starts), (len(found), len(self.known))
        )

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {ngram: number for number, ngram in enumerate(self.known)}

    @cached_property
    def _longest(self) -> int:
        return max((ngram.count(" ") + 1 for ngram in self.known), default=0)


def on_words(
    found: Occurrences, weights: Float[np.ndarray, "O K"], n_words: int
) -> Float[np.ndarray, "K N"]:
    """What n-grams weigh for each code, on the words of a note.

    `weights` has at each occurrence the weight of its n-gram. An n-gram counts once, so its weight
    is shared by all its places, evenly by their words.
    """
    times = np.bincount(found.ngrams)
    share = weights / (times[found.ngrams] * found.lengths)[:, None]
    by_word = np.zeros((n_words, weights.shape[1]))
    for word in range(found.lengths.max(initial=0)):
        inside = found.lengths > word
        np.add.at(by_word, found.starts[inside] + word, share[inside])
    return by_word.T
