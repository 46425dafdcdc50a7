"""The tables of the paper: its numbers and ours in one cell, and our rows against each other.

Everything is at 0.5, as in the paper, but for the columns of a comparison that say tuned.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from isd_pipeline.evaluation.resampling import DIFFERENCE, bounded
from isd_pipeline.reports.cells import (
    NONE,
    Table,
    cell,
    digits,
    interval,
    label,
    lines,
    number,
    seeds,
    signed,
)
from isd_pipeline.reports.layout import Layout
from isd_pipeline.reports.results import Experiment, Report, RunResult, experiments
from isd_pipeline.reports.tables import ceiling_note, collapse, collapse_note

SIGNIFICANT = 0.05
FAR_BELOW = 0.1  # a share of the paper's number; what others missed by it did not come back
SPREAD = 2  # standard deviations of the paper within which a number of ours is called within

OFFICIAL = ("official_map", "official_f1")

Paper = Mapping[str, Mapping[str, Any]]
Rows = Sequence[Mapping[str, Any]]


def tables_of_paper(report: Report) -> list[Table]:
    """Every table of which enough was run, each followed by its comparison."""
    found: list[Table | None] = []
    shown = {one.name: one.heading for one in experiments(report.runs)}
    for name, layout in report.layouts.items():
        compared = report.comparisons.get(name)
        beside = paper_table(
            layout, report.runs, paper=report.paper, comparisons=compared, k=report.k
        )
        found += [beside, comparison_table(layout, compared, shown) if beside else None]
    return [table for table in found if table]


def paper_table(
    layout: Layout,
    runs: Sequence[RunResult],
    *,
    paper: Paper,
    comparisons: Mapping[str, Any] | None,
    k: int,
) -> Table | None:
    """One table; None unless two of its experiments were run, or one that the paper has as well.

    `paper` is one cohort of parameters_paper.yml, `comparisons` this table's part of what the
    stage `compare` wrote. A row that was not run here has the paper's numbers alone. What others
    measured of a system (`elsewhere`) stands below the paper's number.
    """
    found = {one.name: one for one in experiments(runs) if one.name in layout.experiments}
    if len(found) < 2 and not found.keys() & paper.keys():
        return None
    names = [name for name in layout.experiments if name in found or name in paper]
    marked = _significant(comparisons)
    metrics = _columns(layout, list(found.values()), k)
    rows = tuple(
        (
            _row_name(name, found.get(name), layout),
            *(_cell(found.get(name), paper.get(name, {}), m, (name, m) in marked) for m in metrics),
        )
        for name in names
    )
    return Table(
        layout.title if layout.metrics else f"{layout.title} (at 0.5)",
        ("experiment", *map(label, metrics)),
        rows,
        {"experiment"},
        tuple(found[name].mark if name in found else "" for name in names),
        (
            *_brackets(list(found.values())),
            *_paper_note(paper, names),
            *_elsewhere_notes(paper, names, metrics),
            *_mark_note(layout, marked, comparisons),
            *collapse_note(list(found.values()), tuned=False),
            *(ceiling_note(list(found.values())) if "f1_macro_caml" in metrics else []),
        ),
    )


def _columns(layout: Layout, found: Sequence[Experiment], k: int) -> tuple[str, ...]:
    """A table's metrics; where runs are measured by an official task's rules, these lead."""
    official = [name for name in OFFICIAL if any(one.measured(name) for one in found)]
    return layout.metrics or (*official, *layout.columns(k))


def _row_name(name: str, one: Experiment | None, layout: Layout) -> str:
    if one is None:
        return lines(name, "not run here")
    reference = ", reference" if name == layout.reference else ""
    return lines(one.heading, seeds(len(one.runs)) + reference, collapse(one, tuned=False))


def _cell(one: Experiment | None, printed: Mapping[str, Any], metric: str, marked: bool) -> str:
    measured = one.measured(metric) if one else None
    ours = NONE
    if one and measured:
        mark = " *" if marked else ""
        ours = lines(cell(measured, digits(metric)) + mark, _interval(one, metric))
    elsewhere = [
        f"{other['source']} {_number(other, metric)}"
        for other in printed.get("elsewhere", ())
        if metric in other
    ]
    if metric not in printed:
        return lines(ours, *elsewhere)
    value, sd = printed[metric], printed.get("sd", {}).get(metric)
    theirs = f"paper {_number(printed, metric)}"
    if measured is None:
        return lines(ours, theirs, *elsewhere)
    difference = _difference(measured.mean - value, sd, digits(metric))
    return lines(ours, theirs, difference, *elsewhere)


def _number(printed: Mapping[str, Any], metric: str) -> str:
    """What somebody printed, and its spread if that was printed too."""
    sd = printed.get("sd", {}).get(metric)
    spread = "" if sd is None else f" ± {number(sd, digits(metric))}"
    return number(printed[metric], digits(metric)) + spread


def _interval(one: Experiment, metric: str) -> str:
    """Over seeds; of one seed over documents, and named so."""
    measured = one.measured(metric)
    if measured and measured.interval:
        return interval(measured.interval, digits(metric))
    over_documents = interval(one.over_documents.get(metric))
    return f"{over_documents} bootstrap" if over_documents else ""


def _difference(difference: float, sd: float | None, decimals: int) -> str:
    if sd is None:
        return signed(difference, decimals)
    within = abs(round(difference, decimals)) <= round(SPREAD * sd, decimals)
    return f"{signed(difference, decimals)}, {'within' if within else 'outside'}"


def _brackets(found: Sequence[Experiment]) -> list[str]:
    one_seed = any(len(one.runs) == 1 for one in found)
    bootstrap = "; of one seed, the bootstrap interval over test documents" if one_seed else ""
    return [f"In brackets, the 95 % interval of the mean over seeds (Student's t){bootstrap}."]


def _paper_note(paper: Paper, names: Sequence[str]) -> list[str]:
    if not any(name in paper for name in names):
        return []
    return [
        "Paper: Zhou et al., ACL 2021; below it our mean less the paper's number. Within: at most "
        f"{SPREAD} of the paper's standard deviations away; where it printed none, no verdict."
    ]


def _elsewhere_notes(paper: Paper, names: Sequence[str], metrics: Sequence[str]) -> list[str]:
    """Who measured the systems independently, and what of the paper did not come back to them."""
    others = {name: paper[name].get("elsewhere", []) for name in names if name in paper}
    said = {other["source"]: other["what"] for found in others.values() for other in found}
    if not said:
        return []
    missed = [
        f"{name}'s {label(metric)} of {_number(paper[name], metric)} ({_by(found, metric)})"
        for name in others
        for metric in metrics
        if (found := [other for other in others[name] if metric in other])
        and all(other[metric] < (1 - FAR_BELOW) * paper[name].get(metric, 0) for other in found)
    ]
    return [
        "Measured independently: " + "; ".join(f"{by}, {what}" for by, what in said.items()) + ".",
        *([f"Does not come back elsewhere either: {'; '.join(missed)}."] if missed else []),
    ]


def _by(found: Rows, metric: str) -> str:
    return ", ".join(f"{_number(other, metric)} by {other['source']}" for other in found)


def _significant(comparisons: Mapping[str, Any] | None) -> set[tuple[str, str]]:
    rows = comparisons["rows"] if comparisons else []
    return {(row["experiment"], row["metric"]) for row in rows if row["p_holm"] < SIGNIFICANT}


def _mark_note(
    layout: Layout, marked: set[tuple[str, str]], comparisons: Mapping[str, Any] | None
) -> list[str]:
    if not comparisons:
        return []
    if "left_out" in comparisons:
        return [f"{comparisons['left_out']}."]
    sign = "*" if marked else "None"
    return [f"{sign} differs from {layout.reference} by the test below; AUCs are not tested."]


def comparison_table(
    layout: Layout, comparisons: Mapping[str, Any] | None, shown: Mapping[str, str] | None = None
) -> Table | None:
    """Each row of a table less its reference; None where nothing was compared.

    `shown`: the names of experiments with what is said of them.
    """
    if not comparisons or not comparisons["rows"]:
        return None
    rows: Rows = comparisons["rows"]
    by_place = {(row["experiment"], row["metric"]): row for row in rows}
    seeds_of, shown = {row["experiment"]: row["seeds"] for row in rows}, shown or {}
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    return Table(
        f"{layout.title}, difference from {layout.reference}",
        ("experiment", *map(label, metrics)),
        tuple(
            (
                lines(shown.get(name, name), seeds(count)),
                *(_compared(by_place.get((name, metric))) for metric in metrics),
            )
            for name, count in seeds_of.items()
        ),
        {"experiment"},
        notes=(
            "The experiment less the reference, over the seeds both have (a baseline, which no "
            "seed moves, stands for each). In brackets, the 95 % paired-bootstrap interval over "
            f"test documents. p: approximate randomisation, {comparisons['draws']:,} draws, "
            f"adjusted by Holm over the {len(rows)} tests of this table; * below "
            f"{SIGNIFICANT:.0%}. Where interval and p disagree, go by p.",
        ),
    )


def _compared(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return NONE
    mark = " *" if row["p_holm"] < SIGNIFICANT else ""
    bounds = interval(bounded((row["low"], row["high"]), DIFFERENCE))
    p = "p < 0.001" if row["p_holm"] < 0.001 else f"p = {number(row['p_holm'])}"
    return lines(signed(row["difference"]) + mark, bounds, p)
