"""Strata, calibration and attention as tables: nothing that was measured is left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from isd_pipeline.reports import breakdowns as where
from isd_pipeline.reports.results import RunResult, experiments


@pytest.mark.parametrize("kind", where.KINDS)
def test_every_stratum_with_a_true_code_has_its_number(runs, kind: str):
    found = where.strata_table(runs, kind, "f1_micro")
    rows = {row["stratum"]: row for row in runs[0].strata[kind] if row["f1_micro"] is not None}
    assert found.columns[1:] == tuple(rows)
    assert len(found.rows) == 2 + len(experiments(runs))
    mine = next(row for row in found.rows if row[0] == "isd_aligned")
    of_aligned = next(run for run in runs if run.experiment == "isd_aligned").strata[kind]
    numbers = [row["f1_micro"] for row in of_aligned if row["stratum"] in rows]
    assert [float(value) for value in mine[1:]] == pytest.approx(numbers, abs=5e-4)
    assert found.caption.endswith(", tuned")


def test_chapters_are_rows_with_their_sizes(runs):
    shown = experiments(runs)[:2]
    found = where.chapter_table(shown, "f1_micro")
    gold = sum(row["gold"] for row in runs[0].strata["chapter"])
    assert sum(int(row[3].replace(",", "")) for row in found.rows) == gold
    assert found.columns[4:] == ("logistic_regression (baseline)", "linear_svm (baseline)")


def test_a_single_stratum_is_no_table_and_no_run_neither():
    strata = {"system": [{"stratum": "diagnosis", "codes": 1, "codes_present": 1, "f1_micro": 0.5}]}
    run = RunResult(experiment="isd", seed=1, metrics={}, strata=strata)
    assert where.strata_table([run], "system", "f1_micro") is None
    assert where.strata_table([], "system", "f1_micro") is None
    assert where.chapter_table(experiments([run]), "f1_micro") is None


def test_calibration_and_sharpness_are_those_of_the_runs(runs):
    calibration, sharpness = where.calibration_table(runs), where.sharpness_table(runs)
    aligned = next(run for run in runs if run.experiment == "isd_aligned")
    row = next(row for row in calibration.rows if row[0] == "isd_aligned")
    assert float(row[2]) == pytest.approx(aligned.calibration["temperature"], abs=5e-3)
    assert float(row[3]) == pytest.approx(aligned.calibration["before"]["ece"], abs=5e-4)
    assert float(row[6]) == pytest.approx(aligned.calibration["after"]["ece_shown"], abs=5e-4)
    assert [row[0] for row in sharpness.rows] == ["isd", "isd_aligned"]
    assert sharpness.rows[1][2:] == ("0.010000", "2.00", "7.4")
    bare = [RunResult(experiment="isd", seed=1, metrics={})]
    assert where.calibration_table(bare) is where.sharpness_table(bare) is None


def test_a_figure_shows_baselines_what_is_named_and_the_best_and_no_more():
    names = [*(f"e{n}" for n in range(9)), "named"]
    runs = [
        RunResult(experiment=name, seed=1, metrics={"f1_micro": n / 10})
        for n, name in enumerate(reversed(names))
    ]
    baselines = [
        RunResult(experiment=f"baseline{n}", seed=1, metrics={"f1_micro": n / 10}, kind="baseline")
        for n in range(3)
    ]
    shown = where.legible(experiments([*runs, *baselines]), "f1_micro", {"named"})
    assert [one.name for one in shown] == ["baseline1", "baseline2", "named", "e2", "e1", "e0"]


def test_mdaces_measures_stand_beside_agreement_where_they_were_measured():
    means = dict.fromkeys(where.AGREEMENT, 0.25) | {"pairs": 12}
    evidence = {"sources": {"random": means, "model": means}}
    f1 = {measure: {"f1": n / 4} for n, measure in enumerate(where.SPANS)}
    measured = evidence | {"spans": {"sources": {"model": {"share": 0.1, **f1}}}}
    told = RunResult(experiment="isd", seed=1, metrics={}, evidence=measured)
    untold = RunResult(experiment="laat", seed=1, metrics={}, evidence=evidence)
    found = where.plausibility_table([told, untold])
    assert found.columns[-4:] == tuple(where.SPANS.values())
    by_source = {row[0]: row[-4:] for row in found.rows}
    nothing = (where.number(None),) * 4
    expected = {"random": nothing, "isd": ("0.000", "0.250", "0.500", "0.750"), "laat": nothing}
    assert by_source == expected
    assert len(where.plausibility_table([untold]).columns) == 2 + len(where.AGREEMENT)


def test_evidence_is_shown_by_the_section_of_its_marks():
    means = dict.fromkeys(where.AGREEMENT, 0.25) | {"pairs": 12}
    rows = [
        {"place": place, "pairs": size, "average_precision": {"model": score, "random": 0.1}}
        for place, size, score in (("past_history", 9, 0.5), ("no heading", 3, 0.75))
    ]
    evidence = {"sources": {"model": means}, "places": {"section": rows, "context": rows[:1]}}
    runs = [
        RunResult(experiment="isd", seed=1, metrics={}, evidence=evidence),
        RunResult(experiment="laat", seed=1, metrics={}, evidence={"sources": {"model": means}}),
    ]
    found = where.places_table(runs, "section")
    assert found.rows == (("past history", "9", "0.500"), ("no heading", "3", "0.750"))
    assert where.places_table(runs, "context") is None
    assert where.places_table(runs[1:], "section") is None


def test_agreement_of_evidence_is_by_source_and_then_by_experiment():
    means = dict.fromkeys(where.AGREEMENT, 0.25) | {"pairs": 12}
    runs = [
        RunResult(
            experiment="isd",
            seed=seed,
            metrics={},
            evidence={"sources": {"random": means, "model": {**means, "first": seed / 2}}},
        )
        for seed in (1, 2)
    ]
    runs.append(replace(runs[0], experiment="laat"))
    untold = [RunResult(experiment=name, seed=0, metrics={}) for name in ("isd", "caml")]
    found = where.plausibility_table([*runs, *untold])
    assert [row[0] for row in found.rows] == ["random", "isd", "laat"]
    assert found.rows[0][2:] == ("0.250",) * 6
    assert found.rows[1][-1] == "0.750 ± 0.354"
    assert "12 pairs" in found.caption
    assert where.plausibility_table([RunResult(experiment="isd", seed=1, metrics={})]) is None


def test_of_very_many_chapters_the_largest_are_shown_and_it_is_told() -> None:
    strata = [
        {"stratum": f"c{n}", "codes": 1, "codes_present": 1, "gold": n, "f1_micro": 0.5}
        for n in range(2000)
    ]
    one = RunResult(experiment="isd", seed=1, metrics={}, strata={"chapter": strata})
    table = where.chapter_table(experiments([one]), "f1_micro")
    assert [row[0] for row in table.rows] == [f"c{n}" for n in range(1940, 2000)]
    assert table.notes == ("The 60 of 2,000 chapters with most occurrences in test.",)
