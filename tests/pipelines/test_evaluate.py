"""What the stage `evaluate` measures, and the official figures where the cohort is a task's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from isd_pipeline.catalog.results import Run
from isd_pipeline.catalog.run_context import RunContext
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.evaluation.official import NAMES, official_metrics, tune_official_threshold
from isd_pipeline.pipelines.compare.nodes import compare_experiments
from isd_pipeline.pipelines.evaluate.nodes import measure, resample_documents
from isd_pipeline.text.documents import Documents

CODES = ("8000/3", "8000/6", "8140/3", "8500/3")
INDEX = CodeIndex(CODES, ("diagnosis",) * 4, ("title",) * 4)
KNOWN = np.array([True, True, True, False])
OFFICIAL = {*NAMES, "official_threshold"}


def documents_of(gold: np.ndarray) -> Documents:
    notes, (rows, columns) = len(gold), np.nonzero(gold)
    return Documents(
        ids=np.array([str(n) for n in range(notes)]),
        tokens=np.ones(notes, dtype=np.int32),
        token_starts=np.arange(notes + 1),
        labels=columns.astype(np.int32),
        label_starts=np.searchsorted(rows, np.arange(notes + 1)),
    )


@pytest.fixture(scope="module")
def data() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Gold and scores; train lacks the last code, dev and test have it."""
    draw = np.random.default_rng(3)
    gold = {split: draw.random((20, 4)) < 0.4 for split in ("train", "dev", "test")}
    gold["train"][:, 3] = False
    for cells in gold.values():
        cells[~cells.any(axis=1), 0] = True
    scores = {
        split: (draw.normal(size=(20, 4)) + 0.5 * gold[split]).astype(np.float32)
        for split in ("dev", "test")
    }
    return gold, scores


def measured(data: tuple, report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    gold, scores = data
    splits = {split: documents_of(cells) for split, cells in gold.items()}
    cohorts = {"c": {"report": report}}
    return measure(scores, splits, INDEX, {}, RunContext(), cohorts, "c")


def test_the_official_figures_are_of_the_codes_of_train_at_their_own_threshold(data) -> None:
    gold, scores = data
    found = measured(data, {"official": "codiesp_diagnoses"})
    threshold = tune_official_threshold(sparse.csr_matrix(gold["dev"]), scores["dev"], KNOWN)
    for split in ("dev", "test"):
        truth = sparse.csr_matrix(gold[split])
        expected = official_metrics(truth, scores[split], KNOWN, threshold=threshold)
        assert {name: found[split][name] for name in NAMES} == expected
        assert found[split]["official_threshold"] == threshold


def test_a_cohort_that_is_no_task_records_what_it_did_before(data) -> None:
    usual, task = measured(data, {"k": 5}), measured(data, {"official": "codiesp_procedures"})
    for split in ("dev", "test"):
        assert task[split].keys() - usual[split].keys() == OFFICIAL
        assert usual[split] == {name: task[split][name] for name in usual[split]}


def test_cantemist_has_its_figures_without_metastasis_as_well(data) -> None:
    found = measured(data, {"official": "cantemist_coding"})["test"]
    assert {f"{name}_without_metastasis" for name in NAMES} <= found.keys()


def test_a_task_that_is_none_is_one_clear_line(data) -> None:
    told = "the list of official tasks has no 'codiesp_diagnosis'; did you mean 'codiesp_diagnoses'"
    with pytest.raises(ValueError, match=told):
        measured(data, {"official": "codiesp_diagnosis"})


def resampled(data: tuple, metrics: dict) -> Any:
    gold, scores = data
    splits = {split: documents_of(cells) for split, cells in gold.items()}
    return resample_documents(scores, splits, INDEX, metrics)


def test_the_official_figures_have_replicates_and_no_other_cohorts_run_has(data) -> None:
    metrics = measured(data, {"official": "codiesp_diagnoses"})
    found = resampled(data, metrics)
    assert {name: found.observed[name] for name in NAMES} == pytest.approx(
        {name: metrics["test"][name] for name in NAMES}
    )
    low, high = found.intervals()["official_map"]
    assert low < metrics["test"]["official_map"] < high
    usual = resampled(data, measured(data, {}))
    assert usual.observed == {
        name: value for name, value in found.observed.items() if name not in NAMES
    }


def compared(data: tuple, report_of_reference: dict[str, Any]) -> tuple[dict, dict]:
    """The metrics of a run that knows the gold and of one as drawn, and how far they are apart."""
    gold, scores = data
    sure = {split: np.where(gold[split], 3, -3).astype(np.float32) for split in ("dev", "test")}
    sides = {"isd": (gold, scores), "sure": (gold, sure)}
    reports = {"isd": report_of_reference, "sure": {"official": "codiesp_diagnoses"}}
    metrics = {name: measured(side, reports[name]) for name, side in sides.items()}
    table = {"title": "T", "experiments": ["isd", "sure"], "reference": "isd"}
    conf = {"cohort": "c", "cohorts": {"c": {}}, "paper": {}, "tables": {"t": table}}
    found = compare_experiments(
        [Run(experiment=name, seed=1, metrics=of) for name, of in metrics.items()],
        lambda: {(name, 1): lambda side=side: side[1] for name, side in sides.items()},
        {(name, 1): resampled(side, metrics[name]) for name, side in sides.items()},
        {},
        {split: documents_of(cells) for split, cells in gold.items()},
        INDEX,
        conf | {"experiments": {"isd": {}, "sure": {}}},
    )
    return metrics, {row["metric"]: row for row in found["t"]["rows"]}


def test_two_experiments_are_tested_in_the_official_figures(data) -> None:
    metrics, found = compared(data, {"official": "codiesp_diagnoses"})
    assert list(found)[:2] == ["official_map", "official_f1"]
    for name in ("official_map", "official_f1"):
        expected = metrics["sure"]["test"][name] - metrics["isd"]["test"][name]
        assert found[name]["difference"] == pytest.approx(expected)
        assert found[name]["p"] < 0.05
    assert found["official_f1"]["difference"] != found["f1_micro_tuned"]["difference"]


def test_a_run_recorded_before_it_had_official_figures_is_compared_in_the_others(data) -> None:
    _, found = compared(data, {})
    assert next(iter(found)) == "f1_micro"
    assert not [name for name in found if name.startswith("official")]
