"""What `isd summary` prints of a cohort: a screen that can be read, whatever was run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from isd_pipeline.__main__ import main
from isd_pipeline.reports.summary import MOST, Scored, summary_lines

ROOT = Path(__file__).parents[2]


def scored(name: str, tuned: float, **more: float) -> Scored:
    return Scored(name, {"f1_micro_tuned": tuned, "f1_micro": 0.25, **more}, 1.0)


def test_the_best_stand_first_each_by_its_title_and_its_name() -> None:
    runs = [scored("isd", 0.3), scored("caml", 0.5), scored("linear_svm", 0.4)]
    lines = summary_lines(runs, {"caml": "CAML", "isd": "ISD as published"})
    assert [line.split()[0] for line in lines[1:]] == ["CAML", "linear_svm", "ISD"]
    assert lines[3].split()[-5:] == ["isd", "0.300", "0.250", "–", "1.0"]


def test_seeds_of_an_experiment_are_one_row_with_their_mean() -> None:
    lines = summary_lines([scored("isd", 0.2), scored("isd", 0.4)], {})
    assert len(lines) == 2
    assert "isd, 2 seeds" in lines[1]
    assert "0.300" in lines[1]


def test_a_large_study_says_how_many_rows_it_left_out_and_shows_them_when_asked() -> None:
    runs = [scored(f"row_{n:02}", n / 100) for n in range(MOST + 3)]
    short = summary_lines(runs, {})
    assert len(short) == 1 + MOST + 1
    assert short[1].startswith(f"row_{MOST + 2}")
    assert short[-1].startswith("and 3 more")
    assert len(summary_lines(runs, {}, most=None)) == 1 + len(runs)


def test_what_collapsed_is_marked_and_told_below() -> None:
    runs = [scored("isd", 0.2, collapsed=1.0), scored("caml", 0.5, collapsed=0.0)]
    lines = summary_lines(runs, {})
    assert [line.count("*") for line in lines] == [0, 0, 1, 1]
    assert "*" not in "".join(summary_lines(runs[1:], {}))


def test_a_long_title_is_cut_and_no_number_is_pushed_aside() -> None:
    lines = summary_lines([scored("isd", 0.2), scored("caml", 0.5)], {"isd": "of many words " * 9})
    assert "…" in lines[2]
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize("cohort", ["synthetic", "codiesp_50"])
def test_the_recorded_results_fit_a_screen(cohort: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(main, ["summary", cohort])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert len(lines) <= 20
    assert max(map(len, lines[3:-3])) <= 112
    names = {json.loads(line)["experiment"] for line in _recorded(cohort)}
    every = CliRunner().invoke(main, ["summary", cohort, "--all"]).stdout
    assert all(name in every for name in names)


def test_a_cohort_without_a_recorded_run_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(main, ["summary", "mimic2"])
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: results/mimic2: no run of this cohort is recorded")
    assert len(done.stderr.splitlines()) == 1


def _recorded(cohort: str) -> list[str]:
    return (ROOT / f"results/{cohort}/runs.jsonl").read_text(encoding="utf-8").splitlines()
