"""What a last training takes from the first: scores of dev by document, and the model."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from isd_pipeline.catalog.last_training import first_dev_scores, first_model
from isd_pipeline.config.experiments import read_plan
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.data.io.tables import SPLITS
from isd_pipeline.data.splits import names_of, with_dev_in_train

LAST = {
    "cohort": "last",
    "experiment": "words",
    "seed": 1,
    "cohorts": {"last": {"extract": {"last_of": "first"}}},
}
SCORES = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)


def scores_of(ids: list[str]) -> dict[Any, Any]:
    return {("first", "words", 1): lambda: {"dev": (ids, SCORES)}}


def test_scores_of_dev_are_taken_by_document_not_by_row() -> None:
    found = first_dev_scores(scores_of(["b", "a"]), ["a", "b"], LAST)
    assert found.tolist() == [[3.0, 4.0], [1.0, 2.0]]


@pytest.mark.parametrize("ids", [["a"], ["a", "b", "c"], ["a", "c"]])
def test_other_documents_of_dev_are_refused_in_a_line(ids: list[str]) -> None:
    with pytest.raises(ValueError, match=f"dev has {len(ids)} documents and that of first 2"):
        first_dev_scores(scores_of(["b", "a"]), ids, LAST)


def test_a_first_training_that_was_not_run_is_named_with_its_command() -> None:
    command = "kedro run --pipelines=train --params cohort=first,experiment=words,seed=1"
    with pytest.raises(FileNotFoundError, match=command):
        first_model({}, LAST)


def test_the_documents_of_dev_are_in_both_splits() -> None:
    rows = {"document_id": ["1", "2", "3", "4"], "split": ["train", "dev", "test", "unlabelled"]}
    splits = with_dev_in_train(pa.table(rows, schema=SPLITS))["split"].to_pylist()
    members = {name: [s in names_of(name) for s in splits] for name in ("train", "dev", "test")}
    assert members["train"] == [True, True, False, False]
    assert members["dev"] == [False, True, False, False]
    assert members["test"] == [False, False, True, False]


def test_a_network_of_a_last_training_may_not_choose_an_epoch() -> None:
    rows = {"isd": {}, "words": {"system": "logistic_regression"}}
    chosen = {**LAST, "experiments": rows}
    assert read_plan(chosen).system == "logistic_regression"
    with pytest.raises(ValueError, match="nothing can be chosen on its dev"):
        read_plan({**chosen, "experiment": "isd"})
    chosen["cohorts"]["last"]["train"] = {"training": {"keep": "last"}}
    assert read_plan({**chosen, "experiment": "isd"}).sections["training"].keep == "last"


def test_a_last_cohort_differs_from_the_first_in_nothing_but_its_place() -> None:
    first = {"extract": {"source": "codiesp", "raw": "a", "language": "es"}}
    last = {"extract": {**first["extract"], "raw": "b", "last_of": "first"}}
    cohorts = {"first": first, "last": last}
    settings = ExtractSettings(**last["extract"])
    settings.refuse_other_last(cohorts, "last")
    last["preprocess"] = {"tokeniser": "numerals"}
    with pytest.raises(ValueError, match=r"section preprocess says otherwise \(tokeniser\)"):
        settings.refuse_other_last(cohorts, "last")
