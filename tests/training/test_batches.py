from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from isd_pipeline.text.documents import Documents
from isd_pipeline.text.mentions import of_columns
from isd_pipeline.training.batches import (
    Batches,
    collate,
    epoch_batches,
    ordered_batches,
    training_batches,
)


def documents_of(tokens: list[list[int]], labels: list[list[int]]) -> Documents:
    def flat(lists: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
        starts = np.cumsum([0, *map(len, lists)]).astype(np.int64)
        return np.array([x for one in lists for x in one], dtype=np.int32), starts

    return Documents(np.array([f"d{i}" for i in range(len(tokens))]), *flat(tokens), *flat(labels))


THREE = documents_of([[1, 2, 3, 4], [5, 6], [7]], [[0, 2, 5], [], [1]])


def lengths_like_notes(n: int = 3_000) -> np.ndarray:
    return np.random.default_rng(0).lognormal(7.1, 0.6, n).astype(np.int64).clip(50, 4_000)


def test_a_batch_is_padded_to_its_longest_document_and_its_most_codes():
    batch = collate(THREE, np.array([2, 0]), 4_000)
    assert batch.tokens.tolist() == [[7, 0, 0, 0], [1, 2, 3, 4]]
    assert batch.gold.tolist() == [[1, -1, -1], [0, 2, 5]]
    assert batch.is_token.tolist() == [[True, False, False, False], [True] * 4]


def test_documents_without_a_code_still_have_a_column_of_gold():
    assert collate(THREE, np.array([1]), 4_000).gold.tolist() == [[-1]]


def test_a_long_document_loses_its_tail_and_no_code():
    batch = collate(THREE, np.array([0]), 3)
    assert batch.tokens.tolist() == [[1, 2, 3]]
    assert batch.gold.tolist() == [[0, 2, 5]]


def with_sentences(documents: Documents, *starts: list[int]) -> Documents:
    flat = np.array([start for one in starts for start in one], dtype=np.int32)
    return replace(documents, sentences=flat, sentence_starts=np.cumsum([0, *map(len, starts)]))


def test_a_batch_says_where_sentences_begin_only_where_a_system_asks():
    documents = with_sentences(THREE, [0, 2, 3], [0], [0])
    batch = collate(documents, np.array([1, 0]), 3, sentences=True)
    assert batch.begins is not None
    assert batch.begins.tolist() == [[True, False, False], [True, False, True]]
    assert collate(documents, np.array([1, 0]), 3).begins is None
    with pytest.raises(ValueError, match="do not say where sentences begin"):
        collate(THREE, np.array([0]), 3, sentences=True)


# document, code, mention, first, last
MENTIONS = of_columns(
    np.array([[0, 2, 0, 1, 2], [0, 2, 1, 3, 4], [0, 5, 2, 2, 4], [2, 1, 3, 0, 1]]).T
)


def test_a_batch_says_which_of_its_words_are_marked_for_which_code():
    marks = collate(THREE, np.array([2, 0]), 4_000, mentions=MENTIONS).marks
    assert marks is not None
    assert marks.codes.tolist() == [[1, -1], [2, 5]]
    assert marks.words.int().tolist() == [
        [[1, 0, 0, 0], [0, 0, 0, 0]],
        [[0, 1, 0, 1], [0, 0, 1, 1]],
    ]
    assert collate(THREE, np.array([0]), 4_000).marks is None


def test_a_mark_beyond_the_last_token_that_is_read_is_cut_and_with_it_its_code():
    cut = collate(THREE, np.array([0]), 3, mentions=MENTIONS).marks
    assert cut is not None
    assert (cut.codes.tolist(), cut.words.int().tolist()) == ([[2, 5]], [[[0, 1, 0], [0, 0, 1]]])
    shorter = collate(THREE, np.array([0]), 2, mentions=MENTIONS).marks
    assert shorter is not None
    assert (shorter.codes.tolist(), shorter.words.int().tolist()) == ([[2]], [[[0, 1]]])
    unmarked = collate(THREE, np.array([1]), 2, mentions=MENTIONS).marks
    assert unmarked is not None
    assert (unmarked.codes.tolist(), unmarked.words.any().item()) == ([[-1]], False)


def test_an_epoch_among_some_rows_reads_those_once():
    among = np.array([0, 2])
    batches = training_batches(THREE, 1, 4, seed=1, epoch=1, among=among, mentions=MENTIONS)
    assert sorted(int(batch.rows[0]) for batch in batches) == [0, 2]
    assert all(batch.tokens[0, 0] == 1 + 6 * (batch.rows[0] == 2) for batch in batches)


def test_every_document_comes_once_an_epoch():
    batches = epoch_batches(lengths_like_notes(), 32, seed=3, epoch=1)
    assert sorted(np.concatenate(batches).tolist()) == list(range(3_000))
    assert max(map(len, batches)) == 32


def test_the_order_is_a_function_of_seed_and_epoch():
    def order(seed: int, epoch: int) -> list[int]:
        np.random.random()  # what was drawn before does not matter
        batches = epoch_batches(lengths_like_notes(), 32, seed=seed, epoch=epoch)
        return np.concatenate(batches).tolist()

    assert order(3, 1) == order(3, 1)
    assert len({tuple(order(seed, epoch)) for seed in (3, 4) for epoch in (1, 2)}) == 4


def test_batches_change_their_company_and_not_only_their_order():
    first, second = (
        {frozenset(b.tolist()) for b in epoch_batches(lengths_like_notes(), 32, seed=0, epoch=e)}
        for e in (1, 2)
    )
    assert not first & second


def padding_share(lengths: np.ndarray, batches: Sequence[np.ndarray]) -> float:
    """How much of all batches together is padding, from 0 to 1."""
    cells = sum(len(rows) * int(lengths[rows].max()) for rows in batches)
    return 1 - sum(int(lengths[rows].sum()) for rows in batches) / cells


def test_little_of_a_batch_is_padding():
    lengths = lengths_like_notes()
    bucketed = padding_share(lengths, epoch_batches(lengths, 32, seed=0, epoch=1))
    shuffled = np.random.default_rng(0).permutation(3_000)
    plain = padding_share(lengths, [shuffled[i : i + 32] for i in range(0, 3_000, 32)])
    assert bucketed < 0.08 < 0.4 < plain


def test_long_batches_are_spread_over_the_epoch():
    lengths = lengths_like_notes()
    means = [lengths[rows].mean() for rows in epoch_batches(lengths, 32, seed=0, epoch=1)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3


def test_evaluation_reads_the_longest_documents_first():
    batches = ordered_batches(np.array([4, 2, 9, 4]), 2)
    assert [rows.tolist() for rows in batches] == [[2, 0], [3, 1]]


def test_an_epoch_can_be_read_again():
    long = documents_of([list(range(1, 60 + i)) for i in range(20)], [[0]] * 20)
    epoch = training_batches(long, 4, 10, seed=5, epoch=2)
    once, twice = ([batch.tokens.tolist() for batch in epoch] for _ in range(2))
    assert once == twice
    assert len(epoch) == len(once) == 5


def test_rows_say_where_the_documents_stand():
    batches = Batches(THREE, [np.array([2]), np.array([0, 1])], 4_000)
    assert [batch.rows.tolist() for batch in batches] == [[2], [0, 1]]
