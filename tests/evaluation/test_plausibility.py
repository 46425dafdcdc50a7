from __future__ import annotations

from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import average_precision_score

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.tables import MENTIONS, NOTES, stream_table
from isd_pipeline.evaluation.plausibility import (
    Rationales,
    agreement,
    agreement_by_chance,
    compare_evidence,
    marked_words,
    mean_agreement,
)
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.tokens import tokenize_notes

YES, NO = True, False


def test_agreement_by_hand() -> None:
    evidence = np.array([0.1, 0.5, 0.2, 0.0, 0.9, 0.3])  # order: 4 1 5 2 0 3
    marked = np.array([NO, YES, YES, NO, NO, YES])  # hits: no yes yes yes no no
    found = agreement(evidence, marked, top=2)
    assert found == {
        "first": 0,
        "precision_at_2": 1 / 2,
        "recall_at_2": 1 / 3,
        "iou_at_2": 1 / 4,  # words 1 of 4, 1, 2, 5
        "r_precision": 2 / 3,
        "average_precision": pytest.approx((1 / 2 + 2 / 3 + 3 / 4) / 3),
    }


def test_evidence_on_just_the_marked_words_agrees_fully() -> None:
    marked = np.array([NO, YES, YES, NO, NO, YES])
    assert set(agreement(marked.astype(float), marked, top=3).values()) == {1.0}
    worst = agreement(-marked.astype(float), marked, top=3)
    assert worst.pop("average_precision") == pytest.approx((1 / 4 + 2 / 5 + 3 / 6) / 3)
    assert set(worst.values()) == {0.0}


def test_agreement_depends_on_the_order_of_the_words_alone() -> None:
    generator = np.random.default_rng(0)
    evidence, marked = generator.random(40), generator.random(40) < 0.2
    assert agreement(evidence, marked) == agreement(7 * evidence, marked)
    assert agreement(evidence, marked) == agreement(np.exp(evidence) - 3, marked)


def test_average_precision_is_scikit_learns() -> None:
    generator = np.random.default_rng(1)
    for _ in range(20):
        evidence, marked = generator.random(30), generator.random(30) < 0.2
        marked[3] = True
        expected = average_precision_score(marked, evidence)
        assert agreement(evidence, marked)["average_precision"] == pytest.approx(expected)


def test_of_equal_words_the_earlier_counts_as_the_higher() -> None:
    assert agreement(np.zeros(3), np.array([YES, NO, NO]), top=1)["first"] == 1
    assert agreement(np.zeros(3), np.array([NO, NO, YES]), top=1)["first"] == 0


@pytest.mark.parametrize(("n_words", "n_marked"), [(5, 1), (6, 2), (6, 6), (2, 1), (1, 1)])
def test_chance_is_the_mean_over_all_orders(n_words: int, n_marked: int) -> None:
    marked = np.arange(n_words) < n_marked
    every = [agreement(np.array(order), marked, 3) for order in permutations(range(n_words))]
    chance = agreement_by_chance(n_words, n_marked, 3)
    assert chance.keys() == every[0].keys()
    for name, value in chance.items():
        assert value == pytest.approx(np.mean([found[name] for found in every]))


# Document 7 has two notes. Its words: fever and cough | no fever today
TEXTS = [
    ("7", "7", "n1", "Fever, and cough."),
    ("7", "7", "n2", "No fever 2day"),
    ("8", "8", "n3", "Fall"),
]
INDEX = CodeIndex(("R05", "R50", "W19"), ("diagnosis",) * 3, ("cough", "fever", "fall"))


def table(rows: list[tuple], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)


def marks_of(spans: list[tuple], labels: list[list[int]]) -> list[Rationales]:
    documents = Documents(
        np.array(["8", "7"]),
        np.array([1, 2, 3, 4, 5, 2, 6], dtype=np.int32),
        np.array([0, 1, 7]),
        np.concatenate(labels).astype(np.int32),
        np.cumsum([0, *map(len, labels)]),
    )
    tokenized = stream_table(tokenize_notes(stream_table(table(TEXTS, NOTES))).read())
    rows = [(d, note, "diagnosis", *rest, n) for n, (d, note, *rest) in enumerate(spans)]
    return list(marked_words(table(rows, MENTIONS), tokenized, documents, INDEX))


def test_a_word_is_marked_by_any_touch_of_any_span_of_any_note() -> None:
    spans = [("7", "n1", "R50", 3, 4), ("7", "n2", "R50", 3, 9), ("7", "n1", "R05", 11, 99)]
    (marks,) = marks_of(spans, [[], [0, 1]])
    assert (marks.document, marks.note_starts) == (1, (0, 3))
    assert marks.tokens.tolist() == [2, 3, 4, 5, 2, 6]
    assert marks.codes.tolist() == [0, 1]
    assert marks.marked.tolist() == [
        [NO, NO, YES, NO, NO, NO],
        [YES, NO, NO, NO, YES, NO],  # a letter of Fever, and all of the other
    ]


def test_only_gold_codes_with_a_marked_word_are_asked_for() -> None:
    spans = [("7", "n1", "R50", 0, 5), ("7", "n1", "R05", 5, 7), ("9", "n9", "R05", 0, 4)]
    (marks,) = marks_of(spans, [[2], [0, 1]])  # the span of R05 is a comma; 9 is no document here
    assert marks.codes.tolist() == [1]
    assert marks.marked.tolist() == [[YES, NO, NO, NO, NO, NO]]
    assert marks_of(spans, [[2], [0]]) == []


def test_evidence_of_another_extraction_is_refused_in_a_line() -> None:
    with pytest.raises(ValueError, match="evidence of note n3, which its document does not have"):
        marks_of([("7", "n3", "R50", 0, 4)], [[], [1]])


def test_sources_are_compared_on_the_same_pairs_beside_chance() -> None:
    marks = marks_of([("7", "n1", "R50", 0, 5), ("8", "n3", "W19", 0, 4)], [[2], [1]])
    sources = {"perfect": lambda m: m.marked * 1.0, "worst": lambda m: m.marked * -1.0}
    rows = compare_evidence(marks, sources)
    assert rows["source"].tolist() == ["perfect", "worst", "random"] * 2
    assert rows["document"].tolist() == [1] * 3 + [0] * 3
    assert rows["words"].tolist() == [6] * 3 + [1] * 3
    means = mean_agreement(rows)
    assert means["pairs"].tolist() == [2, 2, 2]
    assert means["first"].tolist() == pytest.approx([1, 1 / 2, (1 / 6 + 1) / 2])
    assert means["average_precision"]["worst"] == pytest.approx((1 / 6 + 1) / 2)


def test_nothing_to_compare_with_is_said_in_a_line() -> None:
    with pytest.raises(ValueError, match="no gold code of these documents has a marked word"):
        compare_evidence(marks_of([], [[2], [1]]), {})
