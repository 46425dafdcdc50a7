"""Runs of another cohort over the same documents: of a view, and of the first training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isd_pipeline.catalog.formats import write_scores
from isd_pipeline.catalog.other_cohorts import (
    first_dev_scores,
    first_model,
    open_cohorts,
    view_scores,
)
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.predictors.ensemble import EnsembleConfig
from isd_pipeline.text.documents import Documents

CODES = CodeIndex(("A", "B", "C"), ("diagnosis",) * 3, ("a", "b", "c"))
IDS = {"dev": ["d1", "d2", "d3", "d4"], "test": ["t1", "t2"]}
TURNED = {"dev": ["d3", "extra", "d1", "d4", "d2"], "test": ["t2", "t1"]}
CONFIG = EnsembleConfig(base_models=("es/words", "en/both"), descriptions=False)
PARAMETERS: dict[str, Any] = {
    "cohort": "es",
    "experiment": "two_views",
    "seed": 2,
    "experiments": {
        "words": {"system": "logistic_regression"},
        "both": {"system": "ensemble", "model": {"base_models": ["words"]}},
        "all_seeds": {"system": "ensemble", "model": {"base_models": ["isd"], "every_seed": True}},
    },
}


def documents_of(ids: list[str]) -> Documents:
    starts = np.arange(len(ids) + 1)
    labels = np.zeros(len(ids), np.int32)
    return Documents(np.array(ids), np.ones(len(ids), np.int32), starts, labels, starts)


def scores_of(ids: dict[str, list[str]]) -> dict[str, np.ndarray]:
    """Of each document a row that only it has: its id's hundredfold, and the code's number."""
    return {
        split: np.array(
            [
                [100.0 * int(one[1:] if one[1:].isdigit() else 9) + n for n in range(3)]
                for one in of
            ],
            np.float32,
        )
        for split, of in ids.items()
    }


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A project's `data` with both cohorts, the English one in another order and with one more."""
    for cohort, ids, run in (("es", IDS, "words/seed_1"), ("en", TURNED, "both/seed_2")):
        for folder in (f"03_primary/{cohort}", f"07_model_output/{cohort}/{run}"):
            (tmp_path / folder).mkdir(parents=True)
        CODES.save(tmp_path / "03_primary" / cohort / "code_index.json")
        for split, of in ids.items():
            documents_of(of).save(tmp_path / "05_model_input" / cohort / split)
        output = tmp_path / "07_model_output" / cohort / run / "scores.safetensors"
        write_scores(scores_of(ids), output)
    return tmp_path


def found_in(data: Path, config: EnsembleConfig = CONFIG, **changed: Any) -> dict[str, Any]:
    documents = {split: documents_of(ids) for split, ids in IDS.items()}
    given = {**PARAMETERS, **changed}
    return view_scores(config, open_cohorts(data), documents, CODES, given)


def test_each_document_gets_its_own_scores_whatever_the_order_of_the_other_cohort(
    data: Path,
) -> None:
    found = found_in(data)
    assert {name: list(seeds) for name, seeds in found.items()} == {"es/words": [1], "en/both": [2]}
    for name, seed in (("es/words", 1), ("en/both", 2)):
        scores = found[name][seed]()
        assert scores["dev"].tolist() == [[n, n + 1, n + 2] for n in (100, 200, 300, 400)]
        assert scores["test"].tolist() == [[100, 101, 102], [200, 201, 202]]


def test_a_view_that_has_one_run_for_all_seeds_is_read_of_it(data: Path) -> None:
    """The regression above stands for seed 2, too; so does an ensemble of every seed."""
    folder = data / "07_model_output/en/both/seed_2"
    folder.parent.with_name("all_seeds").mkdir()
    folder.rename(data / "07_model_output/en/all_seeds/seed_1")
    config = replace(CONFIG, base_models=("es/words", "en/all_seeds"))
    assert list(found_in(data, config)["en/all_seeds"]) == [1]


def test_other_codes_are_refused_with_what_to_run(data: Path) -> None:
    other = replace(CODES, titles=("a", "b", "another"))
    other.save(data / "03_primary/en/code_index.json")
    told = "en has other codes than es .*--pipelines=extract,preprocess --params cohort=en"
    with pytest.raises(ValueError, match=told):
        found_in(data)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_cohort_that_lacks_documents_is_refused_with_their_number(data: Path, split: str) -> None:
    kept = {**TURNED, split: TURNED[split][:1]}
    documents_of(kept[split]).save(data / "05_model_input/en" / split)
    write_scores(scores_of(kept), data / "07_model_output/en/both/seed_2/scores.safetensors")
    lacking = len(set(IDS[split]) - set(kept[split]))
    told = f"en's {split} split lacks {lacking} of the {len(IDS[split])} documents that es has"
    with pytest.raises(ValueError, match=told):
        found_in(data)["en/both"][2]()


def test_a_document_of_dev_that_the_other_cohort_trained_on_is_no_document_of_its_dev(
    data: Path,
) -> None:
    """Its scores would come from a model that has seen it."""
    moved = {"dev": TURNED["dev"][1:], "test": [*TURNED["test"], "d3"]}
    for split, ids in moved.items():
        documents_of(ids).save(data / "05_model_input/en" / split)
    write_scores(scores_of(moved), data / "07_model_output/en/both/seed_2/scores.safetensors")
    with pytest.raises(ValueError, match="en's dev split lacks 1 of the 4 documents"):
        found_in(data)["en/both"][2]()


def test_scores_of_an_earlier_preprocessing_are_refused(data: Path) -> None:
    """As many rows as the documents then: by their place they would be other documents'."""
    path = data / "07_model_output/en/both/seed_2/scores.safetensors"
    write_scores(scores_of(IDS), path)
    told = r"en/both: its scores of dev are \(4, 3\), .* \(5, 3\); run `kedro run .*cohort=en"
    with pytest.raises(ValueError, match=told):
        found_in(data)["en/both"][2]()


def test_what_is_not_made_yet_names_the_command_that_makes_it(data: Path) -> None:
    told = "en/both, seed 1, is not there yet: .*train,evaluate --params cohort=en,experiment=both"
    with pytest.raises(FileNotFoundError, match=told):
        found_in(data, seed=1)
    (data / "03_primary/en/code_index.json").unlink()
    with pytest.raises(FileNotFoundError, match="extract,preprocess --params cohort=en`"):
        found_in(data)


LAST = {
    **PARAMETERS,
    "cohort": "last",
    "experiment": "both",
    "cohorts": {"last": {"extract": {"last_of": "en"}}},
}


def first_dev(data: Path, ids: list[str], codes: CodeIndex = CODES) -> np.ndarray:
    return first_dev_scores(open_cohorts(data), {"dev": documents_of(ids)}, codes, LAST)


def test_a_last_training_takes_the_firsts_scores_of_dev_by_document(data: Path) -> None:
    ids = ["d4", "d1", "d3", "d2"]
    assert first_dev(data, ids)[:, 0].tolist() == [400, 100, 300, 200]


def test_a_last_training_of_other_documents_or_codes_is_refused_in_a_line(data: Path) -> None:
    with pytest.raises(ValueError, match="en's dev split lacks 1 of the 2 documents that last has"):
        first_dev(data, ["d1", "d9"])
    with pytest.raises(ValueError, match="en has other codes than last"):
        first_dev(data, ["d1"], replace(CODES, titles=("a", "b", "another")))


def test_a_first_training_that_was_not_run_is_named_with_its_command(data: Path) -> None:
    told = "en/both, seed 2, is not there yet: run `kedro run --pipelines=train --params cohort=en,"
    with pytest.raises(FileNotFoundError, match=told):
        first_model(open_cohorts(data), CODES, LAST)
