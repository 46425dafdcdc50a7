"""Notes made of mentions: their words, codes and marks, and which of them an epoch reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from isd_pipeline.text.documents import Documents
from isd_pipeline.text.mentions import Mentions, of_columns
from isd_pipeline.training.mention_notes import rows_of_epoch, with_mention_notes

# Two documents: words 1 to 9 with codes 0, 2, 5, and words 11 to 13 with code 1
DOCUMENTS = Documents(
    ids=np.array(["a", "b"]),
    tokens=np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13], dtype=np.int32),
    token_starts=np.array([0, 9, 12]),
    labels=np.array([0, 2, 5, 1], dtype=np.int32),
    label_starts=np.array([0, 3, 4]),
    sentences=np.array([0, 4, 8, 0], dtype=np.int32),
    sentence_starts=np.array([0, 3, 4]),
)


def marks(*rows: tuple[int, int, int, int, int]) -> Mentions:
    """Each row: document, code, mention, first, last."""
    return of_columns(np.array(sorted(rows)).T)


def words(documents: Documents) -> list[list[int]]:
    return [documents.tokens_of(i).tolist() for i in range(len(documents))]


def test_a_mention_note_has_the_context_within_its_document_and_its_own_sentences() -> None:
    found, mentions = with_mention_notes(DOCUMENTS, marks((0, 2, 7, 3, 5), (1, 1, 8, 0, 1)), 2)
    assert words(found)[:2] == words(DOCUMENTS)
    assert words(found)[2:] == [[2, 3, 4, 5, 6, 7], [11, 12, 13]]
    assert [found.labels_of(i).tolist() for i in range(4)] == [[0, 2, 5], [1], [2], [1]]
    assert found.sentences_of(2).tolist() == [0, 3]  # the fourth word begins the second sentence
    assert mentions.of_document(2).columns.T.tolist() == [[2, 2, 7, 2, 4]]
    assert mentions.of_document(0).columns.T.tolist() == [[0, 2, 7, 3, 5]]
    assert len(set(found.ids.tolist())) == 4


def test_a_note_has_the_codes_of_all_mentions_that_lie_within_it_whole() -> None:
    near, cut = (0, 0, 1, 1, 2), (0, 5, 2, 6, 9)
    found, mentions = with_mention_notes(DOCUMENTS, marks((0, 2, 3, 3, 4), near, cut), 3)
    of_code_2 = words(found).index([1, 2, 3, 4, 5, 6, 7])
    assert found.labels_of(of_code_2).tolist() == [0, 2]  # of the third mention a word, not all
    assert mentions.of_document(of_code_2).code.tolist() == [0, 2]


def test_the_parts_of_a_mention_are_one_note_which_two_codes_may_share() -> None:
    parts = [(0, 0, 1, 2, 3), (0, 0, 1, 5, 6)]
    alike = [(0, 2, 2, 2, 3), (0, 2, 2, 5, 6)]
    found, _ = with_mention_notes(DOCUMENTS, marks(*parts, *alike), 1)
    assert words(found)[2:] == [[2, 3, 4, 5, 6, 7]]
    assert found.labels_of(2).tolist() == [0, 2]


def test_documents_that_do_not_know_their_sentences_still_give_notes() -> None:
    blind = replace(DOCUMENTS, sentences=None, sentence_starts=None)
    found, _ = with_mention_notes(blind, marks((0, 2, 7, 3, 5)), 0)
    assert (words(found)[2:], found.sentences) == ([[4, 5]], None)


def test_an_epoch_reads_all_documents_and_a_share_of_the_notes_drawn_by_seed_and_epoch() -> None:
    rows = [rows_of_epoch(5, 100, 0.3, seed=1, epoch=epoch) for epoch in range(1, 4)]
    assert all(row[:5].tolist() == [0, 1, 2, 3, 4] for row in rows)
    assert all(len(set(row.tolist())) == 35 and row.max() < 105 for row in rows)
    assert rows[0].tolist() == rows_of_epoch(5, 100, 0.3, seed=1, epoch=1).tolist()
    assert len({tuple(row.tolist()) for row in rows}) == 3
    assert rows_of_epoch(5, 100, 0.3, seed=2, epoch=1).tolist() != rows[0].tolist()
    assert rows_of_epoch(5, 100, 1, seed=1, epoch=1).tolist() == list(range(105))
