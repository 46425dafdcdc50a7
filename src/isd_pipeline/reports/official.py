"""An official task's tables: systems that others published and ours, in one order.

The figures are those of `evaluation.official`, on the task's test split.
"""

from collections.abc import Sequence

from isd_pipeline.evaluation.official import NAMES
from isd_pipeline.reports.cells import NONE, Table, cell, interval, label, lines, number, seeds
from isd_pipeline.reports.layout import PublishedFigures, PublishedTask
from isd_pipeline.reports.results import Experiment, Report, RunResult, experiments

SYSTEM, SOURCE = "system", "source, year"
FIRST, SECOND = "official_map", "official_f1"  # by which rows are sorted


def official_tables(report: Report) -> list[Table]:
    """What stands first on the page of a cohort that is an official task's; nothing on others."""
    if report.published is None:
        return []
    whole = official_table(report.published, report.runs, translated=report.translated)
    rest = without_metastasis_table(report.runs)
    return [whole, rest] if rest else [whole]


def official_table(
    task: PublishedTask, runs: Sequence[RunResult], *, translated: bool = False
) -> Table:
    """Published systems and ours, the highest MAP first; below it those without one, by F1.

    `translated`: our runs read the corpus's translation, not the text that the others read.
    """
    ours = [one for one in experiments(runs) if one.measured(FIRST)]
    rows = [
        (place(of.map, of.f1), printed_row(name, of), "published")
        for name, of in task.systems.items()
    ]
    rows += [(place(*_means(one)), _measured(one), one.mark) for one in ours]
    rows.sort(key=lambda row: row[0], reverse=True)
    return Table(
        f"{task.title}, official figures, test split",
        (SYSTEM, SOURCE, *map(label, NAMES)),
        tuple(cells for _, cells, _ in rows),
        {SYSTEM, SOURCE},
        tuple(mark for _, _, mark in rows),
        tuple(_notes(task, ours, runs, translated)),
    )


def place(mean_precision: float | None, f1: float | None) -> tuple[float, float]:
    """By which rows are sorted, the highest first: MAP, then F1; what is not known comes last."""
    return mean_precision or -1.0, f1 or -1.0


def _means(one: Experiment) -> tuple[float | None, float | None]:
    first, second = (one.measured(name) for name in (FIRST, SECOND))
    return first.mean if first else None, second.mean if second else None


def printed_row(name: str, of: PublishedFigures) -> tuple[str, ...]:
    """Name, source and year, and the figures of `NAMES`."""
    source = f"{of.source}, {of.year}{', derived' if of.derived else ''}"
    return name, source, number(of.map), number(of.f1), NONE, NONE


def _measured(one: Experiment) -> tuple[str, ...]:
    figures = (
        lines(cell(one.measured(name)), interval(one.over_documents.get(name))) for name in NAMES
    )
    return one.heading, f"here, {seeds(len(one.runs))}", *figures


def _notes(
    task: PublishedTask, ours: Sequence[Experiment], runs: Sequence[RunResult], translated: bool
) -> list[str]:
    text = f"Published systems read {task.text}"
    said = [
        f"{text}; ours read the corpus's own machine translation into English, so these rows are "
        "of other words."
        if translated
        else f"{text}, as ours do.",
        "Sorted by MAP, the task's first figure, then by F1. – was not printed. Derived: from a "
        "difference that the source prints. Ours: the mean ± standard deviation over seeds, in "
        "brackets the 95 % bootstrap interval of the mean over test documents.",
        "Ours give no code that the training split lacks, and count such gold codes as misses.",
    ]
    lacking = [one.name for one in experiments(runs) if not one.measured(FIRST)]
    if lacking:
        named = ", ".join(lacking) if len(lacking) <= 5 else f"{len(lacking)} experiments"
        said.append(
            f"Not measured by the official rules yet: {named}. "
            "`kedro run --pipelines=evaluate,record` measures them."
        )
    if not ours:
        said.append("No run of this cohort has official figures yet.")
    return said


def without_metastasis_table(runs: Sequence[RunResult]) -> Table | None:
    """The same figures without the code 8000/6; None where they were not measured."""
    names = [f"{name}_without_metastasis" for name in NAMES]
    ours = [one for one in experiments(runs) if one.measured(names[0])]
    if not ours:
        return None
    return Table(
        "Official figures without 8000/6 (metastasis)",
        (SYSTEM, *map(label, NAMES)),
        tuple(
            (
                lines(one.shown, seeds(len(one.runs))),
                *(cell(one.measured(name)) for name in names),
            )
            for one in ours
        ),
        {SYSTEM},
        tuple(one.mark for one in ours),
        (
            "The most frequent code is taken out of the codes given and of the gold codes, and "
            "with it a document that has no other gold code.",
        ),
    )
