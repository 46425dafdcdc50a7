"""What is trained on a custom data set follows from its size, its marks and the minutes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from isd_pipeline.config.loading import read_parameters
from isd_pipeline.studies import choice
from isd_pipeline.studies.choice import REGIMES, REGRESSION, Gain, Sizes, plan, settings_of

ROOT = Path(__file__).parents[2]
PARAMETERS = read_parameters(ROOT / "conf")
RESULTS = ROOT / "results"
CODIESP = Sizes(notes=500, codes=2557, words=146_000, marked=False, described=True)


def chosen(sizes: Sizes, minutes: float) -> str:
    return plan(sizes, minutes, PARAMETERS, RESULTS).chosen.experiment


def test_more_minutes_buy_the_experiment_with_the_higher_gain() -> None:
    assert chosen(CODIESP, 10) == "ensemble_words_counts"
    assert chosen(CODIESP, 60) == "ensemble_pair"


def test_marks_are_used_where_they_are_there() -> None:
    assert chosen(replace(CODIESP, marked=True), 10) == "ensemble_mentions_descriptions"
    spanish = replace(CODIESP, marked=True, described=False)
    assert chosen(spanish, 10) == "ensemble_mentions_words"


def test_the_regression_is_chosen_where_a_gain_may_be_none() -> None:
    few_codes = replace(CODIESP, codes=50)
    assert chosen(few_codes, 5) == REGRESSION
    assert chosen(few_codes, 60) == "ensemble_pair"


def test_base_models_are_trained_before_and_the_regression_always_where_there_is_time() -> None:
    made = plan(CODIESP, 60, PARAMETERS, RESULTS)
    assert made.experiments == (
        *("isd_aligned", "bilstm_label_attention", REGRESSION),
        "ensemble_pair",
    )
    assert made.embeds
    assert not plan(CODIESP, 10, PARAMETERS, RESULTS).embeds


def test_too_few_minutes_are_refused_with_how_many_it_takes() -> None:
    many = replace(CODIESP, notes=20_000, words=6_400_000)
    with pytest.raises(ValueError, match=r"--minutes 10 are too few .* takes about \d+"):
        plan(many, 10, PARAMETERS, RESULTS)


def test_much_data_are_read_as_often_as_the_recorded_cohort_was() -> None:
    many = replace(CODIESP, notes=20_000, words=6_400_000)
    made = plan(many, 60, PARAMETERS, RESULTS)
    assert made.chosen.experiment == "bilstm_label_attention"
    assert settings_of(made.regime)["train"] == {"training": {"max_epochs": 3}}
    assert settings_of(choice.regime_of(CODIESP)) == {}


@pytest.mark.parametrize("regime", [one for one in REGIMES if one.cohort], ids=lambda one: one.name)
def test_every_gain_that_is_cited_is_recorded(regime: choice.Regime) -> None:
    for experiment in regime.experiments:
        found = choice.gain(regime.cohort, experiment, RESULTS)
        assert (found is None) == (experiment == REGRESSION)


def test_every_data_set_is_of_some_kind() -> None:
    assert choice.regime_of(Sizes(1, 1, 1, marked=False, described=False)) is REGIMES[7]
    assert choice.regime_of(Sizes(1, 1, 1, marked=True, described=True)).marked


def test_an_interval_that_holds_nothing_is_worth_nothing() -> None:
    assert Gain(0.005, -0.003, 0.013).worth == 0
    assert Gain(0.024, 0.013, 0.036).worth == 0.024
    assert str(Gain(0.009)) == "+0.009 (no interval recorded)"


def test_the_page_has_the_table_of_the_record() -> None:
    command = [sys.executable, "docs/training_table.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
