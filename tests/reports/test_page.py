"""The page is one file that needs nothing else, hides nothing unwelcome, and escapes everything."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.reports.data_card import data_card
from isd_pipeline.reports.layout import Layout
from isd_pipeline.reports.page import page, summary
from isd_pipeline.reports.results import SYNTHETIC, Report, RunResult
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
    assert not outline.tags & {"script", "link", "img", "iframe", "object"}
    assert not outline.values("src")
    assert all(link.startswith("#") for link in outline.values("href"))
    assert not re.search(r"https?:|@import|url\((?!#)", whole)


def test_every_link_leads_to_a_section(whole):
    outline = Outline(whole)
    ids = outline.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in outline.values("href")} <= set(ids)


def test_titles_and_names_are_escaped(whole):
    assert "<script" not in whole
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
    assert "#card" in outline.values("href")
    assert f"What was left out, and why ({SYNTHETIC})" in outline.captions
    assert "<b>.csv" not in text
    assert "#card" not in Outline(page_of(runs, cohort="c")).values("href")
