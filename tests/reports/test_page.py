"""The page is one file that needs nothing else, hides nothing unwelcome, and escapes everything."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.reports.data_card import data_card
from isd_pipeline.reports.layout import Layout
from isd_pipeline.reports.leading import summary_table, verdict
from isd_pipeline.reports.page import SECTIONS, page, summary
from isd_pipeline.reports.results import (
    SYNTHETIC,
    CohortStatistics,
    Report,
    RunResult,
    SplitStatistics,
    experiments,
)
from isd_pipeline.reports.tables import experiments_table

OURS = Layout(title="Ours", experiments=("isd", "isd_aligned", "linear_svm"), reference="isd")
VOID = {"meta", "br", "wbr", "link", "img", "input", "hr"}


def page_of(runs, **given) -> str:
    return page(Report(runs=runs, **given))


class Outline(HTMLParser):
    """Checks that every element closes, and keeps links, ids and captions."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.tags: set[str] = set()
        self.captions: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "figcaption":
            self.captions.append(data)

    def values(self, name: str) -> list[str]:
        return [value or "" for key, value in self.attributes if key == name]


@pytest.fixture(scope="module")
def whole(runs, statistics) -> str:
    return page_of(
        runs,
        cohort="synthetic & <b>",
        statistics=statistics,
        facts={"commit": "abc", "fingerprints": {"codes": "12"}},
        layouts={"ours": OURS},
        paper={"isd": {"f1_micro": 0.559}},
        synthetic=True,
    )


def test_the_page_is_whole_and_needs_nothing_beside_itself(whole):
    outline = Outline(whole)
    assert not outline.tags & {"link", "img", "iframe", "object"}
    assert not outline.values("src")
    [script] = re.findall(r"<script>(.*?)</script>", whole, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    [policy] = [value for value in outline.values("content") if "script-src" in value]
    assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert all(link.startswith("#") for link in outline.values("href"))
    assert not re.search(r"https?:|@import|url\((?!#)", whole)


def test_every_link_leads_to_a_section(whole):
    outline = Outline(whole)
    ids = outline.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in outline.values("href")} <= set(ids)


def test_the_first_screen_is_the_verdict_and_one_chart_and_all_else_is_folded(whole):
    first, _, rest = whole[whole.index("<body") :].partition("<main>")
    assert "Above the best baseline; whether by luck was not tested." in first
    assert first.count('class="bar') == 4
    assert "<svg" not in first
    assert "<details" not in first
    anchors = [name for name in SECTIONS if f'<details id="{name}">' in rest]
    assert {"results", "paper", "codes", "training", "run", "data", "glossary"} <= set(anchors)
    places = [rest.index(f'<details id="{name}">') for name in anchors]
    assert places == sorted(places)
    assert "<details open" not in whole
    unfolded = re.sub(r"<details.*?</details>", "", rest, flags=re.DOTALL)
    assert unfolded.count("<table") == 1  # the summary


def test_no_bar_of_the_chart_leaves_it(runs):
    sure = [
        RunResult(experiment="isd", seed=seed, metrics={"f1_micro_tuned": value})
        for seed, value in ((1, 0.93), (2, 1.0), (3, 0.99))
    ]
    text = page_of(sure, cohort="c")
    for left, width in re.findall(r'<u style="left: ([\d.]+)%; width: ([\d.]+)%', text):
        assert float(left) + float(width) <= 100.05
    assert "1.000], 3 seeds" in text


def test_the_verdict_names_what_a_table_tested(runs):
    row = {"experiment": "isd_aligned", "metric": "f1_micro_tuned", "seeds": 1, "p_holm": 0.0002}
    row |= {"difference": 0.21, "low": 0.1, "high": 0.3}
    compared = {"t": {"reference": "logistic_regression", "draws": 10, "rows": [row]}}
    found = experiments(runs)
    told = verdict(found, "f1_micro_tuned", compared)
    assert told.sentence == "Better than the best simple baseline."
    assert told.difference == "+0.210 [0.100, 0.300], p < 0.001"
    turned = row | {"experiment": "logistic_regression", "p_holm": 0.3}
    compared = {"t": {"reference": "isd_aligned", "draws": 10, "rows": [turned]}}
    told = verdict(found, "f1_micro_tuned", compared)
    assert "no difference beyond luck is shown" in told.sentence
    assert told.difference == "−0.210 [−0.300, −0.100], p = 0.300"
    baselines = [one for one in found if one.baseline]
    assert "simple baseline is the best" in verdict(baselines, "f1_micro_tuned", {}).sentence


def test_systems_are_called_by_their_titles_with_their_names_beneath(runs):
    titled = [replace(run, title=f"Title of {run.experiment}") for run in runs]
    rows = summary_table(experiments(titled)).rows
    assert rows[0][0] == "Title of isd_aligned\nisd_aligned"
    assert "Title of linear_svm (baseline)\nlinear_svm" in {row[0] for row in rows}


def test_a_page_of_many_codes_and_trainings_is_hardly_larger():
    def size(codes: int) -> int:
        gold = sparse.random(50, codes, 0.05, format="csr", rng=0)
        split = SplitStatistics.of(np.full(50, 9), gold)
        runs = [RunResult(experiment="isd", seed=1, metrics={"f1_micro": 0.5})]
        return len(page_of(runs, cohort="c", statistics=CohortStatistics(splits={"train": split})))

    assert size(9000) - size(100) < 40_000
    history = pd.DataFrame({"epoch": [1, 2], "total": [1.0, 0.5]})
    many = [
        RunResult(experiment=f"net_{n}", seed=1, metrics={"f1_micro_tuned": n / 9}, history=history)
        for n in range(9)
    ]
    assert page_of(many, cohort="c").count("loss terms by epoch.</figcaption>") == 6


def test_titles_and_names_are_escaped(whole):
    assert whole.count("<script") == 1
    assert "&lt;script&gt;" in whole
    assert "synthetic &amp; &lt;b&gt;" in whole


def test_a_synthetic_page_is_stamped_above_and_in_every_table_of_results(whole):
    assert SYNTHETIC in whole[: whole.index("</title>")]
    assert SYNTHETIC.capitalize() in whole[: whole.index("<main")]
    results = [
        caption
        for caption in Outline(whole).captions
        if caption.startswith(("Test split", "macro-F1", "micro-F1", "Where", "Cal", "How", "Ours"))
    ]
    assert len(results) == 4 + 3 + 4 + 2 + 2 + 2
    assert all(SYNTHETIC in caption for caption in results)
    assert "paper 0.559" not in whole


def test_a_real_cohort_is_not_stamped_and_stands_beside_the_paper(runs, statistics):
    text = page_of(
        runs,
        cohort="mimic3_full",
        statistics=statistics,
        layouts={"ours": OURS},
        paper={"isd": {"f1_micro": 0.559}},
    )
    assert "synthetic" not in text
    assert "paper 0.559" in text


def test_what_is_below_the_best_baseline_stands_in_the_summary(runs, whole):
    assert "Below the best baseline: isd." in summary(runs)
    assert "Best network by micro-F1, tuned: isd_aligned" in summary(runs)[0]
    assert "Below the best baseline: isd." in whole


def test_an_ensemble_is_neither_a_baseline_nor_a_network(runs):
    best = RunResult(experiment="all", seed=1, metrics=dict(runs[0].metrics), kind="ensemble")
    best.metrics["f1_micro_tuned"] = 0.99
    told = summary([*runs, best])
    assert "Best network by micro-F1, tuned: isd_aligned" in told[0]
    assert told[1].startswith("Best ensemble by micro-F1, tuned: all, 0.990")
    (row,) = [r for r in experiments_table([*runs, best]).rows if r[0] == "all"]
    assert row[1] == "ensemble"


def test_the_same_runs_give_the_same_page(runs, statistics):
    pages = {page_of(runs, cohort="c", statistics=statistics) for _ in range(2)}
    assert len(pages) == 1


def test_a_page_of_nothing_yet_and_of_one_bare_run_is_whole():
    Outline(page_of([], cohort="c"))
    text = page_of([RunResult(experiment="isd", seed=1, metrics={"f1_micro": 0.0})], cohort="c")
    Outline(text)
    assert "No linear baseline was run" in text
    assert "nan" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


def test_the_data_card_is_a_section_of_the_page_and_stamped(runs, statistics):
    codes = CodeIndex(tuple(f"{n:03}" for n in range(60)), ("diagnosis",) * 60, ("<i>",) * 60)
    card = data_card(
        statistics,
        codes,
        {},
        cohort="c",
        source={},
        fingerprints={},
        raw={"<b>.csv": {"bytes": 1, "sha256": ""}},
    )
    text = page_of(runs, cohort="c", card=card, synthetic=True)
    outline = Outline(text)
    assert "card" in outline.values("id")
    assert f"What was left out, and why ({SYNTHETIC})" in outline.captions
    assert "<b>.csv" not in text
    assert "card" not in Outline(page_of(runs, cohort="c")).values("id")
