"""A table in MLflow says what its rows are, once, whatever else its trainings stand in."""

import pytest

from isd_pipeline.config.reports import read_tables
from isd_pipeline.evaluation.resampling import Measured
from isd_pipeline.reports.layout import Layout
from isd_pipeline.tracking.tables import TableRow, as_text, printed, show_table
from isd_pipeline.tracking.tracker import RunKey, Tracker

TABLE = Layout(title="Table 3: ablations", experiments=("isd", "other"), reference="isd")
ROWS = [
    TableRow.of("isd", {2: {"f1_micro": 0.5, "map": 0.1}, 1: {"f1_micro": 0.3, "p_at_5": 1.0}}),
    TableRow.of("other", {1: {"f1_micro": 0.25, "p_at_5": 0.75}}),
]


def trained(tracker: Tracker, experiment: str, seed: int) -> str:
    tracker.start(RunKey("synthetic", experiment, seed), {"seed": seed}, {})
    run_id = tracker.run_id
    tracker.finish("FINISHED")
    return run_id


def test_a_row_is_mean_and_sd_of_what_every_seed_has() -> None:
    isd, other = ROWS
    assert isd.seeds == (1, 2)
    assert isd.metrics.keys() == {"f1_micro"}
    assert isd.metrics["f1_micro"].mean == pytest.approx(0.4)
    assert isd.metrics["f1_micro"].sd == pytest.approx(0.02**0.5)  # n - 1: 0.1^2 + 0.1^2 over 1
    assert other.metrics == {"f1_micro": Measured(0.25, None, 1), "p_at_5": Measured(0.75, None, 1)}


def test_the_run_of_a_table_holds_what_the_paper_prints_of_each_row() -> None:
    assert printed(ROWS) == {
        "rows/isd.f1_micro_mean": pytest.approx(0.4),
        "rows/isd.f1_micro_sd": pytest.approx(0.02**0.5),
        "rows/other.f1_micro_mean": 0.25,
        "rows/other.p_at_5_mean": 0.75,
    }
    assert as_text(TABLE, ROWS).splitlines()[2:] == [
        "| experiment | seeds | f1_micro | p_at_5 |",
        "| :-- | --: | --: | --: |",
        "| isd | 2 | 0.400 ± 0.141 | – |",
        "| other | 1 | 0.250 | 0.750 |",
    ]


def test_a_table_shown_twice_is_there_once_and_other_numbers_replace_it(tracker: Tracker) -> None:
    for rows in (ROWS, ROWS, ROWS[:1], ROWS[:1]):
        show_table(tracker, "synthetic", "table3", TABLE, rows)
    show_table(tracker, "synthetic", "table6", TABLE, ROWS)
    show_table(tracker, "other_cohort", "table3", TABLE, ROWS)
    (only,) = tracker.search("tags.cohort = 'synthetic' and tags.table = 'table3'")
    assert only.info.run_name == "synthetic: Table 3: ablations"
    assert only.info.status == "FINISHED"
    assert only.data.metrics == pytest.approx(printed(ROWS[:1]))


def test_a_training_in_two_tables_is_one_run_that_both_find(tracker: Tracker) -> None:
    old, new = trained(tracker, "isd", 1), trained(tracker, "isd", 1)
    second, other = trained(tracker, "isd", 2), trained(tracker, "other", 1)
    show_table(tracker, "synthetic", "table3", TABLE, ROWS)
    show_table(tracker, "synthetic", "table1", TABLE, ROWS[:1])

    def found(table: str) -> set[str]:
        return {run.info.run_id for run in tracker.search(f"tags.{table} = 'yes'")}

    assert found("table3") == {new, second, other}
    assert found("table1") == {new, second}
    assert old not in found("table3")


def test_a_reference_that_is_no_row_is_refused() -> None:
    table = {"title": "T", "experiments": ["isd"], "reference": "isd_aligned"}
    with pytest.raises(ValueError, match=r"tables\.table9: reference: isd_aligned is not among"):
        read_tables({"tables": {"table9": table}})


def test_a_re_implementation_is_called_one():
    row = TableRow.of("msatt_kg", {1: {"f1_micro": 0.5}}, "re-implementation from the description")
    last = as_text(TABLE, [row]).splitlines()[-1]
    assert last == "| msatt_kg (re-implementation from the description) | 1 | 0.500 |"
