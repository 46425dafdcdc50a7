"""The paper's tables: its number, ours, their difference and what is called within, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from isd_pipeline.reports.cells import Table
from isd_pipeline.reports.layout import Layout
from isd_pipeline.reports.page import summary
from isd_pipeline.reports.paper import comparison_table, paper_table, tables_of_paper
from isd_pipeline.reports.results import Report, RunResult
from isd_pipeline.reports.tables import experiments_table, ranking_table, results_table

PAPER = Path(__file__).parents[2] / "conf" / "base" / "parameters_paper.yml"
TWO = Layout(title="Two", experiments=("isd", "other", "caml"), reference="isd")
COMPARED = {
    "reference": "isd",
    "draws": 5000,
    "rows": [
        {"experiment": "other", "metric": "f1_micro", "seeds": 2, "difference": -0.04, "low": -0.05,
         "high": -0.03, "p": 0.0002, "p_holm": 0.0004},
        {"experiment": "other", "metric": "map", "seeds": 2, "difference": 0.01, "low": -0.01,
         "high": 0.03, "p": 0.3, "p_holm": 0.3},
    ],
}  # fmt: skip


def scored(name: str, value: float, seed: int = 1) -> RunResult:
    return RunResult(experiment=name, seed=seed, metrics={"f1_micro": value, "p_at_5": value})


def beside(runs, paper=None, layout=TWO, comparisons=None) -> Table | None:
    return paper_table(layout, runs, paper=paper or {}, comparisons=comparisons, k=5)


def cell_of(table: Table, experiment: str, metric: str) -> list[str]:
    row = next(row for row in table.rows if row[0].split("\n")[0] == experiment)
    return row[table.columns.index(metric)].split("\n")


@pytest.mark.parametrize(
    ("ours", "difference"),
    [
        ((0.553, 0.557), "−0.004, within"),
        ((0.553, 0.555), "−0.005, outside"),
        ((0.561, 0.565), "+0.004, within"),
    ],
)
def test_within_is_two_of_the_papers_standard_deviations(ours, difference):
    runs = [scored("isd", value, seed) for seed, value in enumerate(ours)]
    found = beside(runs, {"isd": {"f1_micro": 0.559, "sd": {"f1_micro": 0.002}}})
    _, _, theirs, said = cell_of(found, "isd", "micro-F1")
    assert (theirs, said) == ("paper 0.559 ± 0.002", difference)


def paper_tables(runs, layouts, comparisons) -> list[Table]:
    return tables_of_paper(
        Report(runs=runs, cohort="c", layouts=layouts, comparisons=comparisons, k=5)
    )


def test_where_the_paper_has_no_spread_there_is_no_verdict():
    found = beside([scored("isd", 0.5)], {"isd": {"f1_micro": 0.559}})
    assert cell_of(found, "isd", "micro-F1") == ["0.500", "paper 0.559", "−0.059"]
    assert cell_of(found, "isd", "macro-AUC") == ["–"]


def test_an_interval_is_over_seeds_or_says_that_it_is_not(runs):
    layout = Layout(title="Two", experiments=("isd", "linear_svm"), reference="isd")
    found = beside(runs, layout=layout)
    assert found.rows[0][0] == "isd\n2 seeds, reference"
    assert not cell_of(found, "isd", "micro-F1")[1].endswith("bootstrap")
    assert cell_of(found, "linear_svm (baseline)", "micro-F1")[1].endswith("] bootstrap")
    assert found.marks == ("", "baseline")


def test_a_row_of_the_paper_that_was_not_run_says_so():
    paper = {"isd": {"f1_micro": 0.559}, "caml": {"f1_micro": 0.539}}
    found = beside([scored("isd", 0.5)], paper)
    assert [row[0] for row in found.rows] == ["isd\n1 seed, reference", "caml\nnot run here"]
    assert cell_of(found, "caml", "micro-F1") == ["–", "paper 0.539"]


def test_a_table_of_one_experiment_that_the_paper_has_not_is_no_table():
    assert beside([scored("isd", 0.5)]) is None
    assert beside([scored("isd", 0.5), scored("other", 0.4)]) is not None
    assert beside([scored("isd", 0.5), scored("elsewhere", 0.4)]) is None


def test_what_differs_is_marked_and_what_does_not_is_not():
    runs = [scored("isd", 0.5), scored("other", 0.46)]
    found = beside(runs, comparisons=COMPARED)
    assert cell_of(found, "other", "micro-F1") == ["0.460 *"]
    assert cell_of(found, "other", "P@5") == ["0.460"]
    assert any("* differs from isd" in note for note in found.notes)

    less = comparison_table(TWO, COMPARED)
    assert less.columns == ("experiment", "micro-F1", "MAP")
    assert less.rows == (
        (
            "other\n2 seeds",
            "−0.040 *\n[−0.050, −0.030]\np < 0.001",
            "+0.010\n[−0.010, 0.030]\np = 0.300",
        ),
    )
    assert "5,000 draws, adjusted by Holm over the 2 tests" in less.notes[0]


def test_each_table_is_followed_by_its_comparison():
    runs = [scored("isd", 0.5), scored("other", 0.46)]
    both = {"two": TWO, "none": Layout(title="None", experiments=("a", "b"), reference="a")}
    found = paper_tables(runs, both, {"two": COMPARED})
    assert [table.caption for table in found] == ["Two (at 0.5)", "Two, difference from isd"]


def test_a_table_that_was_left_out_of_the_tests_says_so_and_has_no_comparison():
    runs = [scored("isd", 0.5), scored("other", 0.46)]
    left_out = {**COMPARED, "rows": [], "left_out": "Not tested; `dvc repro …:two` makes it"}
    [found] = paper_tables(runs, {"two": TWO}, {"two": left_out})
    assert "Not tested; `dvc repro …:two` makes it." in found.notes


def test_a_reference_that_is_no_row_is_refused():
    with pytest.raises(ValueError, match="reference: c is not among the experiments"):
        Layout(title="T", experiments=("a", "b"), reference="c")


def test_the_papers_tables_hold_what_it_printed():
    paper = yaml.safe_load(PAPER.read_text(encoding="utf-8"))["paper"]
    assert paper["mimic3_full"]["isd"]["f1_macro_caml"] == 0.119
    assert paper["mimic3_full"]["isd_queries_128"]["f1_macro_caml"] == 0.124
    assert paper["mimic3_full"]["isd_without_self_distillation"]["attention_sd"] == 0.004605
    assert paper["mimic3_50"]["laat"]["p_at_5"] == 0.675
    assert paper["mimic2"]["ha_gru"] == {"source": "Table 2", "f1_micro": 0.366}
    known = {*TWO.columns(5), *TWO.columns(8), "attention_sd", "source", "sd"}
    for cohort in paper.values():
        for row in cohort.values():
            assert set(row) <= known | {"elsewhere"}
            for other in row.get("elsewhere", []):
                assert {"source", "what"} < set(other) <= known | {"what"}


def test_what_others_measured_stands_below_and_what_did_not_come_back_is_said():
    paper = yaml.safe_load(PAPER.read_text(encoding="utf-8"))["paper"]["mimic3_full"]
    layout = Layout(title="T", experiments=("cnn", "caml", "joint_laat"), reference="caml")
    found = beside([scored("caml", 0.06)], paper, layout)
    assert cell_of(found, "caml", "micro-F1") == [
        "0.060",
        "paper 0.539",
        "−0.479",
        "AnEMIC 0.502 ± 0.002",
        "caml-mimic#11 0.520",
    ]
    assert cell_of(found, "cnn", "micro-F1") == ["–", "AnEMIC 0.419 ± 0.006"]
    assert cell_of(found, "joint_laat", "micro-F1") == ["–", "paper 0.575", "LAAT#5 0.575"]
    assert found.notes[-1] == (
        "Does not come back elsewhere either: caml's macro-F1 (CAML) of 0.088 "
        "(0.057 ± 0.000 by AnEMIC, 0.069 by caml-mimic#11)."
    )
    assert not any("elsewhere" in note for note in beside([scored("isd", 0.5)], {"isd": {}}).notes)


def test_a_re_implementation_is_called_one_in_every_row():
    said = "msatt_kg (re-implementation from the description)"
    note = "re-implementation from the description"
    runs = [
        scored("isd", 0.5),
        RunResult(experiment="msatt_kg", seed=1, metrics={"f1_micro": 0.4}, note=note),
    ]
    layout = Layout(title="T", experiments=("isd", "msatt_kg"), reference="isd")
    row = COMPARED["rows"][0] | {"experiment": "msatt_kg"}
    compared = {**COMPARED, "rows": [row]}
    for table in paper_tables(runs, {"t": layout}, {"t": compared}):
        assert table.rows[-1][0].split("\n")[0] == said
    for table in (experiments_table(runs), results_table(runs, tuned=False), ranking_table(runs)):
        assert table.rows[-1][0].split("\n")[0] == said
    assert said in summary([runs[1]])[0]


def test_every_metric_of_the_paper_stands_beside_one_of_ours(runs):
    paper = yaml.safe_load(PAPER.read_text(encoding="utf-8"))["paper"]["mimic3_full"]
    found = paper_table(TWO, runs, paper=paper, comparisons=None, k=8)
    assert found.columns[1:] == ("macro-AUC", "micro-AUC", "macro-F1 (CAML)", "micro-F1", "P@8")
    for metric in found.columns[1:]:
        ours, _, theirs, _ = cell_of(found, "isd", metric)
        assert ours != "–"
        assert theirs.startswith("paper 0.")
