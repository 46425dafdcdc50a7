"""Figures are whole XML, the same every time, with nothing remote and no letter that escapes."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from isd_pipeline.reports import figures
from isd_pipeline.reports.results import RunResult, experiments


def every_figure(runs, statistics) -> dict[str, str | None]:
    neural = next(one for one in experiments(runs) if not one.floor)
    return {
        "long tail": figures.long_tail(statistics.documents_per_code, statistics.top_tenth_share),
        "lengths": figures.note_lengths(statistics.lengths, statistics.max_tokens),
        "codes": figures.codes_per_note(statistics.codes_per_document),
        "losses": figures.training_losses(neural),
        "scores": figures.training_scores(neural),
        "frequency": figures.by_frequency(experiments(runs), "f1_macro_per_code_present", "F1"),
    }


def test_every_figure_is_whole_has_no_remote_part_and_is_the_same_again(runs, statistics):
    first, second = (every_figure(runs, statistics) for _ in range(2))
    assert first == second
    ids = []
    for name, svg in first.items():
        root = ET.fromstring(svg)
        assert root.tag == "svg", name
        assert "http" not in svg, name
        assert "#0" not in svg.replace("url(#", "").replace('href="#', ""), name
        ids += [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))


def test_the_share_of_the_top_tenth_is_written_in_the_figure():
    svg = figures.long_tail(np.array([90, 5, 5] + [0] * 17), 0.95)
    assert "top tenth (2 codes)" in svg
    assert "95% of occurrences" in svg


@pytest.mark.parametrize("values", [np.array([0]), np.array([1]), np.array([5, 5, 5])])
def test_the_smallest_cohorts_have_figures_too(values):
    for svg in (
        figures.long_tail(values, 1.0),
        figures.note_lengths(values, 3),
        figures.codes_per_note(values),
    ):
        ET.fromstring(svg)


def test_a_name_that_is_markup_or_mathematics_stays_a_name():
    name = "<script>alert(1)</script>$\\frac"
    history = pd.DataFrame({"epoch": [1], "total": [np.nan], "dev_f1_micro": [0.5]})
    strata = [{"stratum": ">500", "codes_present": 1, "f1": 0.5}]
    run = RunResult(experiment=name, seed=1, metrics={}, history=history, by_frequency=strata)
    [one] = experiments([run])
    assert figures.training_losses(one) is None
    for svg in (figures.training_scores(one), figures.by_frequency([one], "f1", "F1")):
        ET.fromstring(svg)
        assert "<script" not in svg


def test_losses_and_dev_metrics_are_told_apart_and_named():
    history = pd.DataFrame(
        {"epoch": [1, 2], "total": [2.0, 1.0], "a_new_term": [1.0, 0.5], "learning_rate": 0.1}
    ).assign(gradient_norm=1.0, dev_f1_micro_tuned=[0.1, 0.2])
    [one] = experiments([RunResult(experiment="isd", seed=1, metrics={}, history=history)])
    losses, scores = figures.training_losses(one), figures.training_scores(one)
    assert [word in losses for word in ("total", "a new term", "rate", "norm", "F1")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert "micro-F1, tuned" in scores


def test_without_histories_or_strata_there_is_no_figure():
    [one] = experiments([RunResult(experiment="isd", seed=1, metrics={})])
    assert figures.training_losses(one) is figures.training_scores(one) is None
    assert figures.by_frequency([one], "f1_micro", "F1") is None
