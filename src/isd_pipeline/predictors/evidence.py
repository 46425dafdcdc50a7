"""Which words of a note are evidence for a code, as far as a model's attention tells.

Axes: K codes asked for, L all codes, Q shared representations, N words of a document.

    evidence of code i on word n = sum_q  w_iq  spread(alpha_q)_n

alpha_q is what representation q attends to. w_iq is how much the score of code i changes with its
match <shared_q, e_i>: under the maximum of Eq. 11 that is 1 for the winner and 0 for all others,
so that the sum is the winner's attention. (A softmax over the matches in its stead found the words
that CodiEsp's experts marked no better.) Where every code reads the note for itself, alpha_i is
its own attention and nothing is shared.
Attention is not the whole reason for a score: decoder layers read the note once more.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from isd_pipeline.models.system import ReadsByCode
from isd_pipeline.predictors.attention import (
    Reading,
    Windows,
    code_attention,
    read_note,
    shares_representations,
    top_words,
    words_seen,
)
from isd_pipeline.shapes import Float, Int


def has_evidence(model: nn.Module) -> bool:
    """Whether `code_evidence` can say which words are evidence for a code: not of a Bi-GRU."""
    return shares_representations(model) or isinstance(model, ReadsByCode)


def code_evidence(
    model: Any,
    tokens: Int[np.ndarray, " N"],
    codes: Int[np.ndarray, " K"],
    *,
    max_tokens: int,
    note_starts: Sequence[int] = (0,),
    sentences: Int[np.ndarray, " X"] | None = None,
    reading: Reading | None = None,
) -> Float[np.ndarray, "K N"]:
    """The evidence of some codes in a document: a row of weights that sums to 1 for each.

    It costs memory for the codes asked for and no others. A system without evidence is refused by
    a ValueError; of a CNN see `code_attention`.

    Args:
        model: any system's.
        tokens: token ids; those beyond `max_tokens` are not read and have no weight.
        note_starts: the number of each note's first word.
        sentences: the words at which they begin, for a system that reads them.
        reading: what `read_note` gave of the same words, where it is there already; of use where
            codes share representations.
    """
    read = tokens[:max_tokens]
    if shares_representations(model):
        reading = reading or read_note(model, read)
        attention = reading.attention[reading.winners[codes]]
    else:
        attention = code_attention(model, read, codes, sentences)
    residual = getattr(model, "residual", 0.0)
    found = spread_over_windows(attention, model.windows, residual, note_starts)
    return np.pad(found, ((0, 0), (0, len(tokens) - found.shape[1])))


def spread_over_windows(
    attention: Float[np.ndarray, "K N"],
    kernel_sizes: Sequence[int],
    residual: float = 0.0,
    note_starts: Sequence[int] = (0,),
) -> Float[np.ndarray, "K N"]:
    """Hand the weight of a state on to the words that it was made of; every row keeps its sum.

        H_n = [conv_k(x around n) for every kernel size k] + residual * x_n       (Eq. 2, and ours)

    Of the weight on H_n, 1 / (1 + residual) goes to the convolutions, in equal shares, and each
    spreads its share evenly over the words of its window, not beyond their note; the rest stays
    with word n. Spread evenly over the longest window alone, evidence loses its place.

    Args:
        attention: of any model, a row a code.
        kernel_sizes: the window of an even one holds one word more before than behind its own.
        note_starts: the number of each note's first word.
    """
    total = residual * attention.astype(np.float64)
    for size in kernel_sizes:
        before, after = size // 2, (size - 1) // 2
        first, last = words_seen(attention.shape[1], before, note_starts, after)
        share = attention / ((last - first + 1) * len(kernel_sizes))
        for word in range(-before, after + 1):
            _add_shifted(total, share, word, first, last)
    spread: np.ndarray = total / (1 + residual)
    return spread


def _add_shifted(
    total: np.ndarray, share: np.ndarray, by: int, first: np.ndarray, last: np.ndarray
) -> None:
    """Add each word's share to the word `by` places further, if its window holds that word."""
    target = np.arange(len(first)) + by
    inside = (first <= target) & (target <= last)
    total[:, target[inside]] += share[:, inside]


def representations_read(
    reading: Reading,
    windows: Windows,
    codes: Sequence[str],
    *,
    threshold: float = 0.0,
    count: int = 3,
    apart: int = 1,
) -> list[dict[str, Any]]:
    """Table 5 of one note: what the representations that predict a code read, and the codes.

    A row for each representation that wins a code scored above `threshold` (log-odds), the one
    with most such codes first. Its `words` are the `count` heaviest, `apart` as in `top_words`:
    note, begin and end of the word's window, weight. Its `codes` come with their probability,
    the likeliest first. Rows hold places, never a word: they may go where the text may not.
    """
    predicted = np.flatnonzero(reading.scores > threshold)
    predicted = predicted[np.argsort(-reading.scores[predicted], kind="stable")]
    winners = reading.winners[predicted]
    queries, wins = np.unique(winners, return_counts=True)
    return [
        {
            "representation": int(query),
            "words": _words(reading.attention[query], windows, count, apart),
            "codes": [_code(reading, codes, code) for code in predicted[winners == query]],
        }
        for query in queries[np.argsort(-wins, kind="stable")]
    ]


def _words(
    weights: Float[np.ndarray, " N"], windows: Windows, count: int, apart: int
) -> list[dict[str, Any]]:
    return [
        {
            "note": int(windows.note[word]),
            "begin": int(windows.begins[word]),
            "end": int(windows.ends[word]),
            "weight": float(weights[word]),
        }
        for word in top_words(weights, count, apart)
    ]


def _code(reading: Reading, codes: Sequence[str], code: int) -> dict[str, Any]:
    probability = 1 / (1 + np.exp(-float(reading.scores[code])))
    return {"code": codes[code], "probability": float(probability)}
