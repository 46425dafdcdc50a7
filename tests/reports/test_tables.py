"""Tuned is called tuned, a floor a floor, and what is below the floor is said in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from isd_pipeline.reports import tables
from isd_pipeline.reports.cells import SYNTHETIC, Table, cell, signed
from isd_pipeline.reports.markdown import markdown, results_markdown
from isd_pipeline.reports.results import Measured, RunResult

PAPER = Path(__file__).parents[2] / "conf" / "base" / "parameters_paper.yml"


def column(table: Table, name: str) -> list[str]:
    return [row[table.columns.index(name)] for row in table.rows]


def scored(name: str, value: float, *, floor: bool = False, seed: int = 1) -> RunResult:
    metrics = {"f1_micro": value, "f1_micro_tuned": value, "f1_macro_caml": value}
    return RunResult(experiment=name, seed=seed, metrics=metrics, floor=floor)


def test_cells():
    assert cell(Measured(0.5586, 0.0021, 3)) == "0.559 ± 0.002"
    assert cell(Measured(0.5586, None, 1)) == "0.559"
    assert cell(None) == "–"
    assert cell(Measured(-1234.5, None, 1), 1) == "−1,234.5"
    assert signed(0.0215) == "+0.021"


def test_a_neural_row_below_the_best_floor_is_said_to_be_so():
    runs = [scored("isd", 0.4), scored("good", 0.9), scored("lr", 0.8, floor=True)]
    found = tables.results_table([*runs, scored("svm", 0.3, floor=True)], tuned=True)
    assert column(found, tables.AGAINST) == [
        "the best floor",
        "floor",
        "below, −0.400",
        "not below, +0.100",
    ]
    assert found.marks == ("floor", "floor", "below", "")
    assert found.notes[0] == "Below the best floor, lr (micro-F1, tuned 0.800): isd by 0.400."


def test_without_a_floor_the_table_says_that_none_was_run():
    found = tables.results_table([scored("isd", 0.4)], tuned=False)
    assert found.notes == (
        "No linear floor was run, so these numbers stand beside nothing simple.",
    )


def test_one_seed_is_called_one_seed_and_has_no_spread(runs):
    found = tables.results_table(runs, tuned=False)
    assert column(found, "seeds") == ["1 seed", "1 seed", "2 seeds", "1 seed"]
    assert [" ± " in value for value in column(found, "micro-F1")] == [False, False, True, False]


def test_every_tuned_column_says_tuned_and_no_other_holds_a_tuned_number(runs):
    tuned, plain = (tables.results_table(runs, tuned=tuned) for tuned in (True, False))
    assert sum(name.endswith(", tuned") for name in tuned.columns) == len(tables.OF_THRESHOLD)
    assert not any("tuned" in name for name in (*plain.columns, plain.caption))
    assert "tuned" in tuned.caption


def test_what_was_never_tuned_has_no_tuned_table():
    run = RunResult(experiment="isd", seed=1, metrics={"f1_micro": 0.5})
    assert tables.results_table([run], tuned=True) is None


def test_the_difference_to_the_paper():
    runs = [scored("isd", 0.13), scored("isd", 0.15, seed=2), scored("other", 0.1)]
    paper = {
        "isd": {"source": "Table 1", "f1_macro_caml": 0.119, "sd": {"f1_macro_caml": 0.002}},
        "caml": {"source": "Table 1", "f1_macro_caml": 0.088},
    }
    found = tables.paper_table(runs, paper)
    assert found.rows == (
        (
            "isd",
            "Table 1",
            "macro-F1 (CAML)",
            "0.119 ± 0.002",
            "0.140 ± 0.014",
            "+0.021",
            "2 seeds",
        ),
    )
    assert found.notes == ("In the paper, not run here: caml.",)
    assert tables.paper_table(runs, {}) is None


def test_the_papers_tables_hold_what_it_printed():
    paper = yaml.safe_load(PAPER.read_text(encoding="utf-8"))["paper"]
    assert paper["mimic3_full"]["isd"]["f1_macro_caml"] == 0.119
    assert paper["mimic3_full"]["isd_queries_128"]["f1_macro_caml"] == 0.124
    assert paper["mimic3_full"]["isd_without_self_distillation"]["attention_sd"] == 0.004605
    assert paper["mimic3_50"]["laat"]["p_at_5"] == 0.675
    assert paper["mimic2"]["ha_gru"] == {"source": "Table 2", "f1_micro": 0.366}
    known = {*tables.OF_PAPER, "source", "sd"}
    for cohort in paper.values():
        for row in cohort.values():
            assert set(row) <= known


def test_every_metric_of_the_paper_stands_beside_one_of_ours(runs):
    paper = yaml.safe_load(PAPER.read_text(encoding="utf-8"))["paper"]["mimic3_full"]
    found = tables.paper_table(runs, paper)
    assert column(found, "metric") == [
        "macro-F1 (CAML)", "micro-F1", "macro-AUC", "micro-AUC", "P@8",
    ]  # fmt: skip


def test_codes_gained_and_lost_are_no_more_than_asked_and_never_overlap(runs):
    weaker = [run for run in runs if run.experiment != "isd_aligned"]
    gains, losses = tables.codes_tables(weaker, "logistic_regression", tuned=True, n=4)
    assert len(gains.rows) <= 4
    assert len(losses.rows) == 4
    assert all(value.startswith("−") for value in column(losses, "difference"))
    assert not set(column(gains, "code")) & set(column(losses, "code"))
    assert tables.codes_tables(runs, "absent", tuned=True) is None


def test_it_is_the_best_neural_experiment_that_is_compared_code_by_code(runs):
    neural = [run for run in runs if not run.floor]
    names = {run.experiment for run in neural}
    assert len(names) > 1
    for best in sorted(names):
        lifted = [
            replace(run, metrics={**run.metrics, "f1_micro_tuned": float(run.experiment == best)})
            for run in runs
        ]
        gains, _ = tables.codes_tables(lifted, "logistic_regression", tuned=True)
        assert best in gains.caption


def test_facts_within_facts_open_up():
    found = tables.facts_table({"commit": "abc", "fingerprints": {"codes": "12"}, "seeds": [1, 2]})
    assert found.rows == (("commit", "abc"), ("fingerprints: codes", "12"), ("seeds", "1, 2"))


@pytest.mark.parametrize("synthetic", [True, False])
def test_markdown_tables_are_whole_and_stamped(runs, synthetic):
    text = results_markdown(runs, cohort="a_cohort", synthetic=synthetic)
    assert text.startswith("## a_cohort\n")
    captions = [line for line in text.splitlines() if line.startswith("**")]
    assert len(captions) >= 5
    assert all((SYNTHETIC in line) == synthetic for line in captions)
    assert all(line.endswith("|") for line in text.splitlines() if line.startswith("|"))


def test_markdown_escapes_what_would_break_a_table():
    table = Table("c", ("a", "b"), (("x|y", "<script>"),), frozenset({"a"}))
    assert markdown(table).splitlines()[2:] == [
        "| a | b |",
        "| :-- | --: |",
        "| x\\|y | &lt;script> |",
    ]
