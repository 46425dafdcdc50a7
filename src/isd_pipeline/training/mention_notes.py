"""Mentions with the words around them as short notes of their own, which an epoch also reads.

Axes: D documents, M notes made of mentions.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from isd_pipeline.text.documents import Documents
from isd_pipeline.text.mentions import Mentions, of_columns


def with_mention_notes(
    documents: Documents, mentions: Mentions, context: int
) -> tuple[Documents, Mentions]:
    """The documents and, behind them, each mention with `context` words on either side.

    A mention note has the codes of all mentions that lie within it whole. It does not pass the
    borders of its document, and what two mentions give alike comes once. The mentions that come
    back are those of the documents and of the notes made of them.

    Args:
        documents: D of them.
        mentions: of gold codes of these documents.
        context: how many words.
    """
    document, first, last = _extents(mentions)
    lengths = documents.lengths[document]
    begin, end = np.maximum(first - context, 0), np.minimum(last + context, lengths)
    distinct = np.unique(np.stack([document, begin, end]), axis=1)
    windows = [(d, a, b) for d, a, b in distinct.T.tolist()]
    parts = [_within(mentions, *window) for window in windows]
    return _appended(documents, windows, parts), _joined(mentions, parts, len(documents))


def rows_of_epoch(
    n_documents: int, n_notes: int, share: float | int, *, seed: int, epoch: int
) -> np.ndarray:
    """The rows that an epoch reads: all documents, and a share of the notes behind them.

    Which of them is drawn anew every epoch, by (seed, epoch) alone.
    """
    generator = np.random.default_rng((seed, epoch, 1))
    drawn = generator.permutation(n_notes)[: round(share * n_notes)]
    return np.concatenate([np.arange(n_documents), n_documents + np.sort(drawn)])


def _extents(mentions: Mentions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Document, first word and the word behind the last of each whole mention."""
    pairs = np.stack([mentions.document, mentions.mention])
    (document, _), which = np.unique(pairs, axis=1, return_inverse=True)
    first = np.full(len(document), np.iinfo(np.int64).max)
    last = np.zeros(len(document), dtype=np.int64)
    np.minimum.at(first, which, mentions.first)
    np.maximum.at(last, which, mentions.last)
    return document, first, last


def _within(mentions: Mentions, document: int, begin: int, end: int) -> Mentions:
    """The mentions of a document that lie whole between two words, counted from the first."""
    mine = mentions.of_document(document)
    outside = (mine.first < begin) | (mine.last > end)
    whole = mine.where(~np.isin(mine.mention, mine.mention[outside]))
    return replace(whole, first=whole.first - begin, last=whole.last - begin)


def _appended(
    documents: Documents, windows: list[tuple[int, int, int]], parts: list[Mentions]
) -> Documents:
    """The documents, and behind them these stretches of them: document, first word, end."""
    ids = [f"{documents.ids[d]}:{a}-{b}" for d, a, b in windows]
    tokens = [documents.tokens_of(d)[a:b] for d, a, b in windows]
    labels = [np.unique(of_note.code).astype(np.int32) for of_note in parts]
    found = replace(
        documents,
        ids=np.concatenate([documents.ids, np.array(ids, dtype=str)]),
        tokens=np.concatenate([documents.tokens, *tokens]),
        token_starts=_more_starts(documents.token_starts, tokens),
        labels=np.concatenate([documents.labels, *labels]),
        label_starts=_more_starts(documents.label_starts, labels),
    )
    if documents.sentences is None or documents.sentence_starts is None:
        return found
    starts = [_sentences(documents.sentences_of(d), a, b) for d, a, b in windows]
    return replace(
        found,
        sentences=np.concatenate([documents.sentences, *starts]),
        sentence_starts=_more_starts(documents.sentence_starts, starts),
    )


def _sentences(starts: np.ndarray, begin: int, end: int) -> np.ndarray:
    """Where sentences begin in a stretch, whose first word begins one, counted from there."""
    inside = starts[(starts > begin) & (starts < end)] - begin
    return np.append(0, inside).astype(np.int32)


def _more_starts(starts: np.ndarray, lists: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([starts, starts[-1] + np.cumsum([len(one) for one in lists])])


def _joined(mentions: Mentions, parts: list[Mentions], n_documents: int) -> Mentions:
    """The mentions of the documents and of the notes behind them, a note's under its own row."""
    placed = [
        replace(of_note, document=np.full(len(of_note), n_documents + n))
        for n, of_note in enumerate(parts)
    ]
    return of_columns(np.concatenate([one.columns for one in (mentions, *placed)], axis=1))
