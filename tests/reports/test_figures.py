"""Figures are whole XML, the same every time, with nothing remote and no letter that escapes."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from isd_pipeline.reports import breakdown_figures as where_figures
from isd_pipeline.reports import figures
from isd_pipeline.reports.layout import Layout
from isd_pipeline.reports.results import RunResult, experiments


def layout_of(runs, **more) -> Layout:
    names = tuple(one.name for one in experiments(runs))
    return Layout(title="Table 3: parts", experiments=names, reference=names[0], **more)


def every_figure(runs, statistics) -> dict[str, str | None]:
    network = next(one for one in experiments(runs) if not one.baseline)
    return {
        "long tail": figures.long_tail(statistics.documents_per_code, statistics.top_tenth_share),
        "lengths": figures.note_lengths(statistics.lengths, statistics.max_tokens),
        "codes": figures.codes_per_note(statistics.codes_per_document),
        "losses": figures.training_losses(network),
        "scores": figures.training_scores(network),
        "seeds": figures.by_seed(layout_of(runs), runs),
        **every_figure_of_where(runs),
    }


def every_figure_of_where(runs) -> dict[str, str | None]:
    found = experiments(runs)
    return {
        "frequency": where_figures.by_frequency(found, "f1_macro_per_code_present", "F1"),
        "chapter": where_figures.by_chapter(found, "f1_micro"),
        "small": where_figures.by_small_strata(found, "f1_micro"),
        "reliability": where_figures.reliability(found),
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


def test_a_tables_figure_has_a_dot_for_every_seed_in_the_tables_order(runs):
    layout = layout_of(runs)
    svg = figures.by_seed(layout, runs)
    names = [one.shown for one in experiments(runs)]
    assert [svg.index(f">{name}<") for name in names] == sorted(
        svg.index(f">{name}<") for name in names
    )
    fewer = figures.by_seed(layout, [run for run in runs if run.seed == 1])
    marks = [len(ET.fromstring(drawn).findall(".//use")) for drawn in (svg, fewer)]
    assert marks[0] - marks[1] == sum(run.seed != 1 for run in runs)


def test_a_table_of_one_row_or_of_other_numbers_has_no_figure(runs):
    assert figures.by_seed(layout_of(runs, metrics=("attention_sd",)), runs) is None
    assert figures.by_seed(layout_of(runs), runs[:1]) is None


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
    strata = {"frequency": [{"stratum": ">500", "codes_present": 1, "f1_micro": 0.5}]}
    run = RunResult(experiment=name, seed=1, metrics={}, history=history, strata=strata)
    [one] = experiments([run])
    assert figures.training_losses(one) is None
    drawn = where_figures.by_frequency([one], "f1_micro", "F1")
    for svg in (figures.training_scores(one), drawn):
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
    assert set(every_figure_of_where([one.runs[0]]).values()) == {None}


def test_every_stratum_and_every_experiment_is_named_in_its_figure(runs):
    drawn = every_figure_of_where(runs)
    for kind, figure in (("frequency", "frequency"), ("chapter", "chapter"), ("system", "small")):
        for row in runs[0].strata[kind]:
            named = row["stratum"] in drawn[figure].replace("&gt;", ">")
            assert named == (row["f1_micro"] is not None)
    for svg in drawn.values():
        assert "isd_aligned" in svg
        assert "linear_svm (baseline)" in svg
    assert drawn["reliability"].count("ECE ") == 4


def test_a_reliability_plot_pools_the_cells_of_all_seeds(runs):
    [one] = experiments([run for run in runs if run.experiment == "isd"])
    cells, probability, true = where_figures.pooled_bins(one, "before")
    assert cells.sum() == sum(
        np.sum(run.calibration["before"]["bins"]["cells"]) for run in one.runs
    )
    assert true.sum() == 2 * np.sum(one.runs[0].calibration["before"]["bins"]["true"])
    assert (probability <= cells).all()
