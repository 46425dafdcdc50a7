"""On the page of an official task's cohort its figures lead, with what others published."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from isd_pipeline.config.reports import published_task
from isd_pipeline.evaluation.official import NAMES, TASKS
from isd_pipeline.reports.layout import Layout, PublishedFigures, PublishedTask
from isd_pipeline.reports.markdown import results_markdown
from isd_pipeline.reports.official import official_table, official_tables
from isd_pipeline.reports.page import page
from isd_pipeline.reports.paper import paper_table
from isd_pipeline.reports.results import Report, RunResult

PUBLISHED = yaml.safe_load(
    (Path(__file__).parents[2] / "conf/base/parameters_published.yml").read_text(encoding="utf-8")
)["published"]
TASK = PublishedTask(
    title="Task",
    text="the originals",
    systems={
        "best": PublishedFigures(year=2021, source="Journal", map=0.9),
        "both": PublishedFigures(year=2020, source="Board", map=0.5, f1=0.99, derived=True),
        "f1 alone": PublishedFigures(year=2020, source="Board", f1=0.7),
    },
)


def measured(experiment: str, seed: int, mean_precision: float, **given) -> RunResult:
    values = dict(zip(NAMES, (mean_precision, 0.6, 0.7, 0.5), strict=True))
    return RunResult(experiment=experiment, seed=seed, metrics=values, **given)


OURS = [
    measured("isd", 1, 0.6, intervals={"official_map": (0.55, 0.67)}),
    measured("isd", 2, 0.64, intervals={"official_map": (0.55, 0.67)}),
    measured("words", 1, 0.4, kind="baseline"),
]


def test_published_systems_and_ours_stand_in_one_order() -> None:
    """By MAP; what has none comes last, however high its F1."""
    table = official_table(TASK, OURS)
    assert [row[0] for row in table.rows] == ["best", "isd", "both", "words (baseline)", "f1 alone"]
    assert table.marks == ("published", "", "published", "baseline", "published")
    assert table.columns[2:4] == ("MAP, official", "F1, official (tuned)")
    by_name = {row[0]: row[1:] for row in table.rows}
    assert by_name["isd"][:2] == ("here, 2 seeds", "0.620 ± 0.028\n[0.550, 0.670]")
    assert by_name["best"] == ("Journal, 2021", "0.900", "–", "–", "–")
    assert by_name["both"][0] == "Board, 2020, derived"


def test_the_notes_say_what_is_not_of_the_same_text_and_what_is_not_measured() -> None:
    same = " ".join(official_table(TASK, OURS).notes)
    assert "read the originals, as ours do." in same
    assert "Not measured" not in same
    bare = RunResult(experiment="laat", seed=1, metrics={"map": 0.1})
    other = " ".join(official_table(TASK, [*OURS, bare], translated=True).notes)
    assert "these rows are of other words" in other
    assert "Not measured by the official rules yet: laat." in other
    assert "laat" not in str(official_table(TASK, [*OURS, bare]).rows)


def test_a_cohort_without_runs_shows_what_is_published() -> None:
    table = official_table(TASK, [])
    assert len(table.rows) == 3
    assert "No run of this cohort has official figures yet." in table.notes


@pytest.mark.parametrize("task", TASKS)
def test_the_published_figures_of_every_task_can_be_read(task: str) -> None:
    found = published_task(PUBLISHED, task)
    figures = [value for of in found.systems.values() for value in (of.map, of.f1) if value]
    assert figures
    assert all(0 < value < 1 for value in figures)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"f1": 0.7, "yaer": 2020}, "systems.x has no 'yaer'; did you mean 'year'?"),
        ({"year": 2020, "source": "s"}, "systems.x: neither map nor f1 is given"),
    ],
)
def test_a_misspelt_system_is_one_clear_line(change: dict, line: str) -> None:
    task = {"title": "T", "text": "t", "systems": {"x": change}}
    with pytest.raises(ValueError, match="published") as refused:
        published_task({"t": task}, "t")
    assert line in str(refused.value)


def test_official_columns_lead_a_table_and_are_marked_where_they_differ() -> None:
    layout = Layout(title="T", experiments=("isd", "words"), reference="words")
    rows = [{"experiment": "isd", "metric": "official_map", "p_holm": 0.01}]
    table = paper_table(layout, OURS, paper={}, comparisons={"rows": rows}, k=8)
    assert table.columns[1:3] == ("MAP, official", "F1, official (tuned)")
    assert table.rows[0][1].startswith("0.620 ± 0.028 *")
    plain = [replace(run, metrics={"f1_micro": 0.5}) for run in OURS]
    usual = paper_table(layout, plain, paper={}, comparisons=None, k=8)
    assert not [column for column in usual.columns if "official" in column]


def test_official_figures_stand_first_on_the_page_and_in_its_markdown(runs, statistics) -> None:
    draw = np.random.default_rng(0)
    seen = [
        replace(
            run,
            metrics={**run.metrics, **dict(zip(NAMES, draw.uniform(0.3, 0.7, 4), strict=True))},
            intervals={**run.intervals, "official_map": (0.2, 0.8)},
        )
        for run in runs
    ]
    task = published_task(PUBLISHED, "codiesp_diagnoses")
    report = Report(runs=seen, cohort="small", statistics=statistics, published=task)
    text = page(report)
    assert re.findall(r'<details id="(\w+)">', text)[:2] == ["official", "results"]
    assert "Best network by MAP, official" in text
    assert 'class="published"' in text
    assert "0.662" in text
    assert results_markdown(report).index("IEEE Access, 2021") < 3000
    usual = page(Report(runs=runs, cohort="small", statistics=statistics))
    assert 'id="official"' not in usual
    assert "Best network by micro-F1, tuned" in usual


def test_a_generated_cohort_stands_beside_no_published_system() -> None:
    assert official_tables(Report(runs=OURS, cohort="c", published=TASK, synthetic=True)) == []


def test_cantemists_figures_without_its_most_frequent_code_have_a_table() -> None:
    more = {f"{name}_without_metastasis": 0.25 for name in NAMES}
    run = replace(OURS[0], metrics={**OURS[0].metrics, **more})
    tables = official_tables(Report(runs=[run, OURS[2]], cohort="c", published=TASK))
    assert [row[0] for row in tables[1].rows] == ["isd\n1 seed"]
    assert tables[1].rows[0][1:] == ("0.250",) * 4
