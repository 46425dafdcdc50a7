"""A cohort in MLflow: the run above its trainings, with its best experiments and its page."""

from collections.abc import Mapping, Sequence
from typing import Any

from isd_pipeline.tracking.about import NOTE
from isd_pipeline.tracking.notes import cohort_note
from isd_pipeline.tracking.tracker import Tracker

ATTACHED = "Its report page is `report.html` under Artifacts, its tables are `results.md`."


def show_cohort(
    tracker: Tracker, runs: Sequence[Any], parameters: Mapping[str, Any], page: str, tables: str
) -> None:
    """Describe a cohort's run; attach its report page and tables where MLflow is on this machine.

    They hold numbers and code names, no word of a note. A hospital's codes and how often it has
    them are still no matter for a server elsewhere.
    """
    cohort = parameters["cohort"]
    run, attached = tracker.run_of_cohort(cohort), bool(page) and tracker.is_local
    if attached:
        tracker.client.log_text(run, page, "report.html")
        tracker.client.log_text(run, tables, "results.md")
    note = cohort_note(cohort, parameters, runs, ATTACHED if attached else "")
    tracker.tag({NOTE: note}, run)
