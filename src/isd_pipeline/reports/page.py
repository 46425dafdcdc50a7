"""One cohort's results as one HTML file, which needs nothing else and holds no note's text."""

from collections.abc import Mapping, Sequence
from typing import Any

from isd_pipeline.reports import breakdown_figures as where_figures
from isd_pipeline.reports import breakdowns as where
from isd_pipeline.reports import figures, seed_figures, tables
from isd_pipeline.reports.cells import SYNTHETIC, Table, cell, label, seeds, stamped, template
from isd_pipeline.reports.data_card import card_tables
from isd_pipeline.reports.layout import Layout
from isd_pipeline.reports.paper import tables_of_paper
from isd_pipeline.reports.results import (
    CohortStatistics,
    Experiment,
    RunResult,
    best,
    best_baseline,
    experiments,
)

Part = tuple[list[tuple[str | None, str]], list[Table | None]]  # figures with captions, tables
OF_FREQUENCY = ("f1_macro_per_code_present", "f1_macro_caml_present", "f1_micro")


def page(
    runs: Sequence[RunResult],
    *,
    cohort: str,
    statistics: CohortStatistics | None = None,
    facts: Mapping[str, Any] | None = None,
    layouts: Mapping[str, Layout] | None = None,
    comparisons: Mapping[str, Any] | None = None,
    paper: Mapping[str, Mapping[str, Any]] | None = None,
    paper_cohort: Mapping[str, float] | None = None,
    k: int = 8,
    synthetic: bool = False,
    stamp: str = "",
    against: str = "logistic_regression",
    card: Mapping[str, Any] | None = None,
) -> str:
    """The page of one cohort, in whole.

    `facts` is what was run (commit, fingerprints, versions), a dict, dicts within allowed.
    `layouts` are the tables of parameters_tables.yml, `comparisons` what the stage `compare` wrote
    of them. `paper` and `paper_cohort` are the cohort's rows of parameters_paper.yml, unused where
    `synthetic`. `k`: the P@k of the cohort's tables. `stamp`: what is said over every table.
    `against`: with which experiment the best network one is compared code by code. `card` is that
    of `data_card.data_card`.
    """
    stamp = stamp or (SYNTHETIC if synthetic else "")
    paper = {} if synthetic else paper or {}
    paper_cohort = {} if synthetic else paper_cohort or {}
    of_paper = tables_of_paper(runs, layouts or {}, paper=paper, comparisons=comparisons or {}, k=k)
    found = experiments(runs)
    references = {layout.reference for layout in (layouts or {}).values()}
    shown = where.legible(found, "f1_micro_tuned", references)
    parts = {
        "data": _data(statistics, paper_cohort) if statistics else None,
        "card": _stamped(card_tables(card), stamp) if card else [],
        "paper": _stamped(of_paper, stamp),
        "seeds": _by_seed(runs, layouts or {}, stamp),
        "frequency": _part(*_frequency(runs, shown), stamp),
        "where": _part(*_where(runs, shown), stamp),
        "trust": _part(*_trust(runs, shown), stamp),
        "curves": _curves(found),
    }
    return template("page").render(
        **parts,
        cohort=cohort,
        stamp=stamp,
        synthetic=synthetic,
        summary=summary(runs),
        sections=_sections(parts),
        experiments=tables.experiments_table(runs),
        facts=tables.facts_table(facts or {}),
        results=_stamped(tables.result_tables(runs), stamp),
        codes=_stamped(tables.codes_tables(runs, against), stamp),
        no_codes=tables.no_codes(against),
    )


def summary(runs: Sequence[RunResult]) -> list[str]:
    """The result in two or three sentences, the unwelcome ones too."""
    found = experiments(runs)
    if not found:
        return ["Nothing was run yet."]
    metric = (
        "f1_micro_tuned" if all(one.measured("f1_micro_tuned") for one in found) else "f1_micro"
    )
    sentences = [
        f"Best {said} by {label(metric)}: {_scored(one, metric)}."
        for kind, said in (("network", "network"), ("ensemble", "ensemble"))
        if (one := best([one for one in found if one.kind == kind], metric))
    ]
    baseline = best_baseline(found, metric)
    if baseline is None:
        return [*sentences, tables.NO_BASELINE]
    sentences.append(f"Best linear baseline: {_scored(baseline, metric)}.")
    if below := list(tables.below_baseline(found, baseline, metric)):
        others = sum(not one.baseline for one in found)
        sentences.append(f"Below the best baseline: {tables.few_or_how_many(below, others)}.")
    return sentences


def _scored(one: Experiment, metric: str) -> str:
    return f"{one.shown}, {cell(one.measured(metric))} ({seeds(len(one.runs))})"


def _data(statistics: CohortStatistics, paper_cohort: Mapping[str, float]) -> dict[str, Any]:
    share = statistics.top_tenth_share
    return {
        "splits": tables.splits_table(statistics, paper_cohort),
        "long_tail": figures.long_tail(statistics.documents_per_code, share),
        "long_tail_caption": _long_tail_caption(statistics, paper_cohort),
        "lengths": figures.note_lengths(statistics.lengths, statistics.max_tokens),
        "codes": figures.codes_per_note(statistics.codes_per_document),
    }


def _long_tail_caption(statistics: CohortStatistics, paper_cohort: Mapping[str, float]) -> str:
    n_codes = len(statistics.documents_per_code)
    beside = ""
    if "top_tenth_share" in paper_cohort:
        top, rare = (paper_cohort[name] for name in ("top_tenth_share", "under_two_share"))
        beside = f" (the paper: {top:.0%} and {rare:.0%})"
    return (
        f"The long tail, all splits: the most frequent tenth of {n_codes:,} codes holds "
        f"{statistics.top_tenth_share:.0%} of the occurrences; {statistics.under_two_share:.0%} "
        f"of the codes have fewer than two documents{beside}."
    )


def _curves(found: Sequence[Experiment]) -> list[tuple[str, str | None, str | None]]:
    curves = [
        (one.shown, figures.training_losses(one), figures.training_scores(one)) for one in found
    ]
    return [(name, losses, scores) for name, losses, scores in curves if losses or scores]


def _by_seed(
    runs: Sequence[RunResult], layouts: Mapping[str, Layout], stamp: str
) -> list[tuple[str | None, str]]:
    said = f" ({stamp})" if stamp else ""
    read = "A dot is a seed on the test split, a bar their mean, the line that of the reference."
    return [
        (seed_figures.by_seed(layout, runs), f"{layout.title}{said}. {read}")
        for layout in layouts.values()
    ]


def _frequency(runs: Sequence[RunResult], shown: Sequence[Experiment]) -> Part:
    found = [where.strata_table(runs, "frequency", metric) for metric in OF_FREQUENCY]
    figure = where_figures.by_frequency(shown, OF_FREQUENCY[0], "macro-F1 (per code)")
    caption = (
        "Mean F1 of the codes that occur in the test split, by how many training documents have "
        f"the code. {_reading(runs, shown)}"
    )
    return [(figure, caption)], found


def _where(runs: Sequence[RunResult], shown: Sequence[Experiment]) -> Part:
    reading = _reading(runs, shown)
    drawn = [
        (
            where_figures.by_chapter(shown, "f1_micro"),
            "Micro-F1 of the codes of each chapter; in parentheses how often they occur in the "
            f"test split. {reading}",
        ),
        (
            where_figures.by_small_strata(shown, "f1_micro"),
            "Micro-F1 of diagnoses and procedures, where there are both, by the length of the "
            f"document before truncation, and by how many codes it has. {reading}",
        ),
    ]
    found = [where.strata_table(runs, kind, "f1_micro") for kind in where.SMALL]
    found.append(where.chapter_table(shown, "f1_micro"))
    return drawn, found


def _trust(runs: Sequence[RunResult], shown: Sequence[Experiment]) -> Part:
    caption = (
        "Of all cells of the test split with about this probability, how many are true; 15 bins, "
        f"those of fewer than {where_figures.FEWEST_CELLS} cells left out, seeds together."
    )
    made = (where.calibration_table, where.sharpness_table, where.plausibility_table)
    return [(where_figures.reliability(shown), caption)], [table(runs) for table in made]


def _part(
    drawn: Sequence[tuple[str | None, str]], found: Sequence[Table | None], stamp: str
) -> dict[str, Any]:
    """Figures with captions, and tables; empty where there is none of them."""
    some = _stamped(found, stamp)
    return {"figures": drawn, "tables": some} if some else {}


def _stamped(found: Sequence[Table | None], stamp: str) -> list[Table]:
    return [stamped(table, stamp) for table in found if table]


def _reading(runs: Sequence[RunResult], shown: Sequence[Experiment]) -> str:
    """How to read a figure of several experiments."""
    several = any(len(one.runs) > 1 for one in shown)
    spread = " Bars: ± one standard deviation over seeds." if several else ""
    fewer = len(shown) < len(experiments(runs))
    best = " Shown are baselines, references of tables, and the best by micro-F1." if fewer else ""
    return f"At the tuned threshold; hollow: baselines.{spread}{best}"


def _sections(parts: Mapping[str, Any]) -> list[tuple[str, str]]:
    sections = [
        ("run", "What was run", True),
        ("data", "The data", parts["data"]),
        ("card", "Data card", parts["card"]),
        ("results", "Results", True),
        ("paper", "The paper's tables", parts["paper"]),
        ("frequency", "Rare and frequent codes", parts["frequency"]),
        ("where", "Where it helps", parts["where"]),
        ("trust", "Calibration, attention, evidence", parts["trust"]),
        ("codes", "Code by code", True),
        ("training", "Training", parts["curves"]),
    ]
    return [(anchor, title) for anchor, title, there in sections if there]
