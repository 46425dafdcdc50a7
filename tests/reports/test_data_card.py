"""A card counts by hand, leaves nothing out in silence, and holds no title."""

import json

import numpy as np
import pytest
from scipy import sparse

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.custom.tree import CustomTree
from isd_pipeline.reports.data_card import card_markdown, card_tables, data_card
from isd_pipeline.reports.results import CohortStatistics, SplitStatistics

TITLE = "ZZCANARY"
GOLD = {  # documents x codes: 401.9, 428.0, 99.04
    "train": [[1, 1, 0], [1, 0, 0]],
    "dev": [[1, 0, 0]],
    "test": [[0, 0, 1]],
}
COUNTS = {
    "train_documents_with_code": 3,  # one more than a model reads: it has no word
    "dev_documents_with_code": 1,
    "test_documents_with_code": 1,
    "documents_without_code_rows": 4,
    "repeated_notes": 0,
    "labels": 3,
}


@pytest.fixture
def card():
    splits = {
        name: SplitStatistics.of(100 * (1 + np.arange(len(rows))), sparse.csr_matrix(rows) > 0)
        for name, rows in GOLD.items()
    }
    codes = CodeIndex(
        ("401.9", "428.0", "99.04"), ("diagnosis", "diagnosis", "procedure"), (TITLE,) * 3
    )
    return data_card(
        CohortStatistics(splits=splits),
        codes,
        COUNTS,
        cohort="mine",
        source={"source": "custom"},
        fingerprints={"codes": codes.fingerprint},
        raw={"notes.csv": {"bytes": 12, "sha256": "ab"}},
    )


def test_sizes_and_distributions_are_those_counted_by_hand(card):
    train = card["splits"]["train"]
    assert train["words_per_document"] == {
        "mean": 150.0, "median": 150.0, "p95": 195.0, "min": 100, "max": 200
    }  # fmt: skip
    assert (train["documents"], train["words"], train["codes"]) == (2, 300, 2)
    assert card["codes"]["most_frequent"] == [["401.9", 3], ["428.0", 1], ["99.04", 1]]
    assert (card["codes"]["diagnoses"], card["codes"]["procedures"]) == (2, 1)
    assert card["codes"]["never_in_train"] == 1
    assert card["distributions"]["codes_per_document"]["1-4"] == 4
    assert card["distributions"]["documents_per_code"]["1-10"] == 3
    assert card["chapters"] == [
        {"chapter": "390-459 circulatory", "codes": 2, "occurrences": 4},
        {"chapter": "87-99 miscellaneous", "codes": 1, "occurrences": 1},
    ]


def test_what_was_left_out_is_counted_with_its_reason(card):
    assert card["left_out"] == {"documents_without_code_rows": 4, "documents_without_a_word": 1}
    told = card_markdown(card)
    assert "| documents without a word | 1 | there is nothing to read |" in told


def test_a_card_is_json_and_holds_no_title(card):
    assert json.loads(json.dumps(card)) == card
    for text in (json.dumps(card), card_markdown(card, "stamped")):
        assert TITLE not in text
    assert "**stamped**" in card_markdown(card, "stamped")
    assert [table.caption for table in card_tables(card)][-1] == "Raw files"


def test_a_card_of_codiesp_says_that_denied_findings_are_coded_where_it_has_diagnoses(card):
    said = "coded findings that a report denies"
    codiesp = {**card, "source": {"source": "codiesp"}}
    procedures = {**codiesp, "codes": {**card["codes"], "diagnoses": 0}}
    assert [said in card_markdown(one) for one in (card, codiesp, procedures)] == [0, 1, 0]


def test_a_cohort_with_an_empty_split_has_a_card():
    empty = SplitStatistics.of(np.empty(0, np.int64), sparse.csr_matrix((0, 1), dtype=bool))
    some = SplitStatistics.of(np.array([3]), sparse.csr_matrix([[True]]))
    codes = CodeIndex(("I10",), ("diagnosis",), ("",))
    card = data_card(
        CohortStatistics(splits={"train": some, "dev": empty, "test": some}),
        codes, {}, cohort="c", source={}, fingerprints={}, raw={},
    )  # fmt: skip
    assert card["splits"]["dev"]["words_per_document"] is None
    assert "nothing was left out" in card_markdown(card)


def test_numbers_of_an_own_system_are_not_taken_for_chapters_of_icd_9():
    some = SplitStatistics.of(np.array([3]), sparse.csr_matrix([[True]]))
    codes = CodeIndex(("5021",), ("diagnosis",), ("",))
    card = data_card(
        CohortStatistics(splits={"train": some}),
        codes, {}, cohort="c", source={"system": "local"}, fingerprints={}, raw={},
    )  # fmt: skip
    assert card["chapters"] == []
    assert "Codes by chapter" not in [table.caption for table in card_tables(card)]


def test_codes_of_an_own_table_with_parents_are_counted_by_what_is_topmost():
    some = SplitStatistics.of(np.array([3, 4]), sparse.csr_matrix([[True, True], [False, True]]))
    own = CustomTree((("k", "", "Kreislauf"), ("k1", "k", "Herz"), ("k2", "k", "Blut")))
    codes = CodeIndex(("k1", "k2"), ("diagnosis",) * 2, ("Herz", "Blut"), own)
    card = data_card(
        CohortStatistics(splits={"train": some}),
        codes, {}, cohort="c", source={"system": "local"}, fingerprints={}, raw={},
    )  # fmt: skip
    assert card["chapters"] == [{"chapter": "k Kreislauf", "codes": 2, "occurrences": 3}]


def test_a_card_is_shown_alike_when_it_comes_back_from_json_with_its_keys_sorted(card):
    again = json.loads(json.dumps(card, sort_keys=True))
    assert card_tables(again) == card_tables(card)
    lengths = card_tables(card)[0]
    assert lengths.columns[1:] == ("mean", "median", "95th percentile", "least", "most")
    assert lengths.rows[0] == ("train, words per document", "150", "150", "195", "100", "200")
