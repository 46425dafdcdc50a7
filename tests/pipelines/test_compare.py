"""Which runs are set against each other, and over what the p values are adjusted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from scipy import sparse

from isd_pipeline.catalog.results import Run
from isd_pipeline.config.reports import table_layouts
from isd_pipeline.evaluation.resampling import Bootstrap, bootstrap_run
from isd_pipeline.evaluation.significance import Difference
from isd_pipeline.pipelines.compare.nodes import (
    compare_experiments,
    compared_metrics,
    paired_runs,
    table_of_comparisons,
)
from isd_pipeline.reports.layout import Layout

CONF = Path(__file__).parents[2] / "conf" / "base"
KEYS = [("isd", 1), ("isd", 2), ("isd_aligned", 2), ("isd_aligned", 3), ("linear_svm", 1)]
BASELINES = {"linear_svm", "logistic_regression"}


def parameters() -> dict:
    files = ("experiments", "paper", "tables")
    read = [yaml.safe_load((CONF / f"parameters_{name}.yml").read_text()) for name in files]
    return {key: value for content in read for key, value in content.items()}


def test_runs_are_paired_by_the_seeds_that_both_have() -> None:
    assert paired_runs("isd", "isd_aligned", KEYS, BASELINES) == [(("isd", 2), ("isd_aligned", 2))]
    assert paired_runs("isd", "absent", KEYS, BASELINES) == []


def test_a_baseline_stands_for_every_seed() -> None:
    baseline = ("linear_svm", 1)
    assert paired_runs("linear_svm", "isd_aligned", KEYS, BASELINES) == [
        (baseline, ("isd_aligned", 2)),
        (baseline, ("isd_aligned", 3)),
    ]
    assert paired_runs("isd", "linear_svm", KEYS, BASELINES) == [
        (("isd", 1), baseline),
        (("isd", 2), baseline),
    ]
    both = [*KEYS, ("logistic_regression", 1)]
    assert paired_runs("linear_svm", "logistic_regression", both, BASELINES) == [
        (baseline, ("logistic_regression", 1))
    ]


@pytest.mark.parametrize("reference", ["isd", "my_words"])
def test_a_baseline_is_one_by_its_kind_whatever_its_row_is_called(reference: str) -> None:
    """A linear model in a row of another name is compared over every seed of the other side."""
    found = compared("my_words", reference)
    assert {row["experiment"] for row in found["rows"]} == {"isd", "my_words"} - {reference}
    assert {row["seeds"] for row in found["rows"]} == {3}
    assert found["runs"].keys() == {"isd", "my_words"}
    assert list(found["runs"]["my_words"]) == ["1"]


def test_a_network_of_a_baselines_name_is_none() -> None:
    """It is paired by the one seed that both have."""
    found = compared("linear_svm", "isd", kind="network")
    assert {row["seeds"] for row in found["rows"]} == {1}


def compared(name: str, reference: str, kind: str = "baseline") -> dict:
    """What `compare` says of a network of three seeds and another experiment of one."""
    draw = np.random.default_rng(0)
    gold = sparse.csr_matrix(draw.random((12, 3)) < 0.4)
    keys = {("isd", seed): "network" for seed in (1, 2, 3)} | {(name, 1): kind}
    made = {
        key: scored_run(*key, of, gold, draw.normal(size=gold.shape).astype(np.float32))
        for key, of in keys.items()
    }
    table = {"title": "T", "experiments": ["isd", name], "reference": reference}
    conf = parameters()
    conf |= {"tables": {"t": table}, "cohort": "c", "cohorts": {"c": {}}}
    conf["experiments"] = conf["experiments"] | {name: {}}
    test = SimpleNamespace(label_matrix=lambda n: gold)
    found = compare_experiments(
        [run for run, _, _ in made.values()],
        lambda: {
            key: lambda scores=scores: {"test": scores} for key, (_, scores, _) in made.items()
        },
        {key: resampled for key, (_, _, resampled) in made.items()},
        {},
        {"test": test},
        ("A", "B", "C"),
        conf,
    )
    return found["t"]


def scored_run(
    experiment: str, seed: int, kind: str, gold: sparse.csr_matrix, scores: np.ndarray
) -> tuple[Run, np.ndarray, Bootstrap]:
    """A run, its scores and its bootstrap replicates, that fit each other."""
    resampled = bootstrap_run(gold, scores, tuned=0.0, replicates=20)
    metrics = {"test": {"threshold_tuned": 0.0, **resampled.observed}}
    return Run(experiment=experiment, seed=seed, kind=kind, metrics=metrics), scores, resampled


def test_p_values_are_adjusted_over_all_tests_of_a_table() -> None:
    """By hand: 0.01 x 4, 0.02 x 3, then 0.03 x 2 and 0.9."""
    layout = Layout(title="T", experiments=("a", "r", "b", "never_run"), reference="r")
    p = {"a": {"f1_micro": 0.01, "map": 0.9}, "b": {"f1_micro": 0.03, "map": 0.02}}

    def compared(experiment: str, reference: str) -> tuple[int, dict[str, Comparison]]:
        assert reference == "r"
        of_it = p.get(experiment, {})
        return 3, {name: Difference(0.1, 0.0, 0.2, value) for name, value in of_it.items()}

    found = table_of_comparisons(layout, ["f1_micro", "map"], compared)
    assert found["reference"] == "r"
    assert [(row["experiment"], row["metric"]) for row in found["rows"]] == [
        ("a", "f1_micro"),
        ("a", "map"),
        ("b", "f1_micro"),
        ("b", "map"),
    ]
    adjusted = [row["p_holm"] for row in found["rows"]]
    assert adjusted == pytest.approx([0.04, 0.9, 0.06, 0.06])


def test_a_table_with_columns_of_its_own_is_tested_in_these_alone() -> None:
    plain = Layout(title="T", experiments=("a",), reference="a")
    assert {"f1_micro", "p_at_5", "f1_macro_caml_tuned"} <= set(compared_metrics(plain, 5))
    sharp = Layout(title="T", experiments=("a",), reference="a", metrics=("attention_sd", "map"))
    assert compared_metrics(sharp, 5) == ["map"]


def test_the_tables_of_the_project_are_readable_and_their_rows_known() -> None:
    layouts = table_layouts(parameters())
    assert {"table1", "table3", "table3_aligned", "table4", "table6"} <= layouts.keys()
    assert layouts["table6"].columns(8) == layouts["table6"].metrics


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"titel": "T"}, "tables.table4 has no 'titel'; did you mean 'title'?"),
        (
            {"experiments": ["isd", "isd_querys_64"]},
            "tables.table4.experiments has no 'isd_querys_64'; did you mean 'isd_queries_64'?",
        ),
        ({"reference": "caml"}, "tables.table4: reference: caml is not among the experiments"),
        ({"title": 4}, "tables.table4.title: Input should be a valid string, found 4"),
    ],
)
def test_a_misspelt_table_is_one_clear_line(change: dict, line: str) -> None:
    given = parameters()
    section = {"title": "T", "experiments": ["isd", "isd_queries_64"], "reference": "isd"}
    given["tables"] = {"table4": section | change}
    with pytest.raises(ValueError, match="table4") as refused:
        table_layouts(given)
    assert line in str(refused.value)
