"""Tuned is called tuned, a baseline a baseline, and what is below the baseline is said in words."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from isd_pipeline.reports import tables
from isd_pipeline.reports.cells import Table, cell, signed
from isd_pipeline.reports.markdown import markdown, results_markdown
from isd_pipeline.reports.results import SYNTHETIC, Measured, Report, RunResult


def column(table: Table, name: str) -> list[str]:
    return [row[table.columns.index(name)] for row in table.rows]


def scored(name: str, value: float, *, kind: str = "network", seed: int = 1) -> RunResult:
    metrics = {"f1_micro": value, "f1_micro_tuned": value, "f1_macro_caml": value}
    return RunResult(experiment=name, seed=seed, metrics=metrics, kind=kind)


def test_cells():
    assert cell(Measured(0.5586, 0.0021, 3)) == "0.559 ± 0.002"
    assert cell(Measured(0.5586, None, 1)) == "0.559"
    assert cell(None) == "–"
    assert cell(Measured(-1234.5, None, 1), 1) == "−1,234.5"
    assert cell(Measured(-0.0004, None, 1)) == "0.000"
    assert signed(0.0215) == "+0.021"


def test_a_network_below_the_best_baseline_is_said_to_be_so():
    runs = [scored("isd", 0.4), scored("good", 0.9), scored("lr", 0.8, kind="baseline")]
    found = tables.results_table([*runs, scored("svm", 0.3, kind="baseline")], tuned=True)
    assert column(found, tables.AGAINST) == [
        "the best baseline",
        "baseline",
        "below, −0.400",
        "not below, +0.100",
    ]
    assert found.marks == ("baseline", "baseline", "below", "")
    assert found.notes[0] == "Below the best baseline, lr (micro-F1, tuned 0.800): isd by 0.400."


def test_many_rows_below_the_best_baseline_are_counted_not_listed():
    runs = [scored(f"isd_{n}", 0.1 * n) for n in range(7)]
    (note, *_) = tables.results_table(
        [*runs, scored("lr", 0.55, kind="baseline")], tuned=True
    ).notes
    assert note == "Below the best baseline, lr (micro-F1, tuned 0.550): 6 of 7, marked below."


def test_without_a_baseline_the_table_says_that_none_was_run():
    found = tables.results_table([scored("isd", 0.4)], tuned=False)
    assert found.notes[0] == (
        "No linear baseline was run, so these numbers stand beside nothing simple."
    )


def test_one_seed_is_called_one_seed_and_has_no_spread(runs):
    found = tables.results_table(runs, tuned=False)
    assert column(found, "seeds") == ["1 seed", "1 seed", "2 seeds", "1 seed"]
    assert [" ± " in value for value in column(found, "micro-F1")] == [False, False, True, False]


def test_minutes_of_a_cpu_and_of_a_gpu_do_not_mix_and_seeds_say_which_device():
    plain = {"experiment": "isd", "metrics": {"f1_micro": 0.5}}
    mixed = [
        RunResult(**plain, seed=seed, minutes=minutes, device=device)
        for seed, minutes, device in ((1, 8.0, "CPU"), (2, 10.0, "CPU"), (3, 0.9, "GPU"))
    ]
    found = tables.experiments_table(mixed)
    assert column(found, "minutes a seed") == ["9.0 ± 1.4 CPU\n0.9 GPU"]
    assert column(found, "device") == ["CPU: 1, 2\nGPU: 3"]
    alone = tables.experiments_table(mixed[:2])
    assert column(alone, "minutes a seed") == ["9.0 ± 1.4"]
    assert column(alone, "device") == ["CPU"]


def test_every_f1_and_precision_at_k_has_its_interval_below_it(runs):
    for found in (
        tables.results_table(runs, tuned=False),
        tables.results_table(runs, tuned=True),
        tables.ranking_table(runs),
    ):
        names = [name for name in found.columns if "F1" in name or name.startswith("P@")]
        for name in names:
            if name != tables.AGAINST:
                assert all(re.search(r"\n\[.*, .*\]$", value) for value in column(found, name))


def test_a_collapsed_run_is_called_so_at_that_threshold_alone():
    metrics = {"f1_micro": 0.1, "f1_micro_tuned": 0.2, "collapsed": 1.0, "collapsed_tuned": 0.0}
    runs = [
        RunResult(experiment="isd", seed=1, metrics=metrics),
        RunResult(experiment="isd", seed=2, metrics=metrics | {"collapsed": 0.0}),
    ]
    plain, tuned = (tables.results_table(runs, tuned=tuned) for tuned in (False, True))
    assert column(plain, "experiment") == ["isd\ncollapsed (1 of 2 seeds)"]
    assert any(note.startswith("Collapsed: fewer than 0.05") for note in plain.notes)
    assert column(tuned, "experiment") == ["isd"]
    assert not any(note.startswith("Collapsed") for note in tuned.notes)


def test_every_tuned_column_says_tuned_and_no_other_holds_a_tuned_number(runs):
    tuned, plain = (tables.results_table(runs, tuned=tuned) for tuned in (True, False))
    assert sum(name.endswith(", tuned") for name in tuned.columns) == len(tables.OF_THRESHOLD)
    assert not any("tuned" in name for name in (*plain.columns, plain.caption))
    assert "tuned" in tuned.caption


def test_what_was_never_tuned_has_no_tuned_table():
    run = RunResult(experiment="isd", seed=1, metrics={"f1_micro": 0.5})
    assert tables.results_table([run], tuned=True) is None


def test_codes_gained_and_lost_are_no_more_than_asked_and_never_overlap(runs):
    weaker = [run for run in runs if run.experiment != "isd_aligned"]
    gains, losses = tables.codes_tables(weaker, "logistic_regression", n=4)
    assert len(gains.rows) <= 4
    assert len(losses.rows) == 4
    assert all(value.startswith("−") for value in column(losses, "difference"))
    assert not set(column(gains, "code")) & set(column(losses, "code"))
    assert tables.codes_tables(runs, "absent") == []
    assert tables.no_codes("absent") in results_markdown(
        Report(runs=runs, cohort="c", against="absent")
    )
    assert "Nothing code by code" not in results_markdown(Report(runs=runs, cohort="c"))


def test_it_is_the_best_network_that_is_compared_code_by_code(runs):
    networks = [run for run in runs if run.kind != "baseline"]
    names = {run.experiment for run in networks}
    assert len(names) > 1
    for best in sorted(names):
        lifted = [
            replace(run, metrics={**run.metrics, "f1_micro_tuned": float(run.experiment == best)})
            for run in runs
        ]
        gains, _ = tables.codes_tables(lifted, "logistic_regression")
        assert best in gains.caption


def test_facts_within_facts_open_up():
    found = tables.facts_table({"commit": "abc", "fingerprints": {"codes": "12"}, "seeds": [1, 2]})
    assert found.rows == (("commit", "abc"), ("fingerprints: codes", "12"), ("seeds", "1, 2"))


@pytest.mark.parametrize("synthetic", [True, False])
def test_markdown_tables_are_whole_and_stamped(runs, synthetic):
    text = results_markdown(Report(runs=runs, cohort="a_cohort", synthetic=synthetic))
    assert text.startswith("## a_cohort\n")
    captions = [line for line in text.splitlines() if line.startswith("**")]
    assert len(captions) >= 5
    assert all((SYNTHETIC in line) == synthetic for line in captions)
    assert all(line.endswith("|") for line in text.splitlines() if line.startswith("|"))


def test_markdown_escapes_what_would_break_a_table():
    table = Table("c", ("a", "b"), (("x|y", "<script>\nbelow"),), frozenset({"a"}))
    assert markdown(table).splitlines()[2:] == [
        "| a | b |",
        "| :-- | --: |",
        "| x\\|y | &lt;script> below |",
    ]
