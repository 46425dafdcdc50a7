"""Which runs are set against each other, and over what the p values are adjusted."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from isd_pipeline.config.reports import table_layouts
from isd_pipeline.evaluation.significance import Difference
from isd_pipeline.pipelines.compare.nodes import (
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


def test_a_floor_stands_for_every_seed() -> None:
    floor = ("linear_svm", 1)
    assert paired_runs("linear_svm", "isd_aligned", KEYS, BASELINES) == [
        (floor, ("isd_aligned", 2)),
        (floor, ("isd_aligned", 3)),
    ]
    assert paired_runs("isd", "linear_svm", KEYS, BASELINES) == [
        (("isd", 1), floor),
        (("isd", 2), floor),
    ]
    both = [*KEYS, ("logistic_regression", 1)]
    assert paired_runs("linear_svm", "logistic_regression", both, BASELINES) == [
        (floor, ("logistic_regression", 1))
    ]


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
