"""The tables of a report, as words.

What was measured at the dev-tuned threshold says so in its column; what else needs a threshold
is at probability 0.5.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from isd_pipeline.evaluation.strata import compare_codes
from isd_pipeline.evaluation.thresholds import TOO_FEW, TOO_MANY
from isd_pipeline.reports import results
from isd_pipeline.reports.cells import (
    NONE,
    Table,
    by_experiment,
    cell,
    interval,
    label,
    lines,
    number,
    seeds,
    signed,
)

OF_THRESHOLD = (
    *("f1_micro", "f1_macro_caml", "f1_macro_per_code"),
    *("f1_macro_caml_present", "f1_macro_per_code_present"),
)
AGAINST = "micro-F1 against the best baseline"
NO_BASELINE = "No linear baseline was run, so these numbers stand beside nothing simple."
LISTED = 5  # names of experiments in one sentence
OF_RANKING = ("auc_macro", "auc_micro", "p_at_5", "p_at_8", "map")
FURTHER = (
    *("precision_micro", "recall_micro"),
    *("jaccard_example", "exact_match", "predicted_per_document"),
)


def facts_table(facts: Mapping[str, Any]) -> Table:
    """What was run: commit, versions, fingerprints, whatever the facts are. Dicts open up."""
    return Table(
        "Versions and fingerprints", ("what", "value"), tuple(_flat(facts)), {"what", "value"}
    )


def _flat(facts: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name}: ")
        elif isinstance(value, list | tuple):
            rows.append((f"{prefix}{name}", ", ".join(map(str, value))))
        else:
            rows.append((f"{prefix}{name}", str(value)))
    return rows


def experiments_table(runs: Sequence[results.RunResult]) -> Table:
    """The experiments, their seeds, epochs, minutes and device."""
    return Table(
        "Experiments",
        ("experiment", "kind", "seeds", "epochs", "minutes a seed", "device"),
        tuple(
            (
                one.heading,
                one.kind,
                ", ".join(str(run.seed) for run in one.runs),
                _epochs(one),
                _minutes(one),
                _devices(one),
            )
            for one in results.experiments(runs)
        ),
        {"experiment", "kind", "seeds", "device"},
        tuple(one.mark for one in results.experiments(runs)),
    )


def _epochs(one: results.Experiment) -> str:
    trained = sorted({len(run.history) for run in one.runs if run.history is not None})
    return "–".join(str(epochs) for epochs in {trained[0]: 0, trained[-1]: 0}) if trained else NONE


def _minutes(one: results.Experiment) -> str:
    """Minutes a seed; those of several devices, which do not mix, on a line each."""
    taken = {
        device: [run.minutes for run in runs if run.minutes is not None]
        for device, runs in one.on.items()
    }
    cells = {
        device: cell(results.Measured.of(minutes), 1)
        for device, minutes in taken.items()
        if minutes
    }
    if len(cells) < 2:
        return next(iter(cells.values()), NONE)
    return lines(*(f"{minutes} {device}" for device, minutes in cells.items()))


def _devices(one: results.Experiment) -> str:
    """The device; of several, which seeds were trained on which."""
    if len(one.on) < 2:
        return next(iter(one.on)) or NONE
    seeds = {device: ", ".join(str(run.seed) for run in runs) for device, runs in one.on.items()}
    return lines(*(f"{device}: {those}" for device, those in seeds.items()))


def splits_table(
    statistics: results.CohortStatistics, paper: Mapping[str, float] | None = None
) -> Table:
    """Documents, tokens and codes of each split; `paper` gives the paper's documents per split."""
    paper = paper or {}
    rows = [
        (name, *_of_split(split), *([number(paper.get(name), 0)] if paper else []))
        for name, split in statistics.splits.items()
    ]
    beside = ("documents in the paper",) if paper else ()
    tokens = ("tokens", "tokens, median", "tokens, 95th percentile")
    codes = ("codes, distinct", "codes a document, mean")
    columns = ("split", "documents", *tokens, *codes, *beside)
    return Table("The data, by split", columns, tuple(rows), {"split"})


def _of_split(split: results.SplitStatistics) -> tuple[str, ...]:
    if not len(split.lengths):
        return ("0", "0", NONE, NONE, "0", NONE)
    lengths = pd.Series(split.lengths)
    words = (len(lengths), lengths.sum(), lengths.median(), lengths.quantile(0.95))
    counts = (*words, (split.documents_per_code > 0).sum())
    mean = number(float(split.codes_per_document.mean()), 1)
    return (*(number(float(count), 0) for count in counts), mean)


def results_table(runs: Sequence[results.RunResult], *, tuned: bool) -> Table | None:
    """What depends on the threshold, at 0.5 or tuned on dev; None where nothing was tuned.

    Each experiment stands against the best baseline at the same kind of threshold.
    """
    ending = "_tuned" if tuned else ""
    found, measure = results.experiments(runs), f"f1_micro{ending}"
    if tuned and not any(one.measured(measure) for one in found):
        return None
    metrics = [f"{metric}{ending}" for metric in OF_THRESHOLD]
    baseline = results.best_baseline(found, measure)
    below = below_baseline(found, baseline, measure)
    return Table(
        f"Test split, {'at the threshold tuned on the dev split' if tuned else 'at 0.5'}",
        ("experiment", "seeds", *map(label, metrics), "minutes", AGAINST),
        tuple(
            (
                lines(one.heading, collapse(one, tuned=tuned)),
                seeds(len(one.runs)),
                *(measured_cell(one, metric) for metric in metrics),
                _minutes(one),
                _against(one, baseline, measure),
            )
            for one in found
        ),
        {"experiment", "seeds", AGAINST},
        tuple(one.mark or ("below" if one.shown in below else "") for one in found),
        (
            *_below_in_words(found, baseline, measure, below),
            *collapse_note(found, tuned=tuned),
            *ceiling_note(found),
            *_without_intervals(found),
        ),
    )


def _without_intervals(found: Sequence[results.Experiment]) -> list[str]:
    """Of which experiments the interval over documents is not known here, and what gives it."""
    bare = [one.name for one in found if not one.over_documents]
    said = (
        f"No bootstrap intervals of {', '.join(bare)}: the replicates of some seeds are not on the "
        "machine that made this page, nor intervals recorded of just these runs. "
        "`kedro run --pipelines=evaluate` makes them."
    )
    return [said] if bare else []


def result_tables(runs: Sequence[results.RunResult]) -> list[Table]:
    """All that was measured on the test split."""
    of_sets = (results_table(runs, tuned=tuned) for tuned in (False, True))
    return [*(table for table in of_sets if table), ranking_table(runs), further_table(runs)]


def ranking_table(runs: Sequence[results.RunResult]) -> Table:
    """What needs no threshold: AUCs, precision at k, mean average precision."""
    return _plain_table("Test split, rankings (no threshold)", runs, OF_RANKING)


def further_table(runs: Sequence[results.RunResult]) -> Table:
    """The rest, tuned where that was measured."""
    tuned = any(f"{metric}_tuned" in run.metrics for run in runs for metric in FURTHER)
    metrics = [f"{metric}_tuned" if tuned else metric for metric in FURTHER]
    return _plain_table(
        "Test split, further metrics", runs, [*metrics, *(["threshold_tuned"] if tuned else [])]
    )


def _plain_table(caption: str, runs: Sequence[results.RunResult], metrics: Sequence[str]) -> Table:
    return by_experiment(
        caption,
        results.experiments(runs),
        map(label, metrics),
        lambda one: (measured_cell(one, metric) for metric in metrics),
    )


def measured_cell(one: results.Experiment, metric: str) -> str:
    """`mean ± sd` over seeds; below it the bootstrap interval over documents."""
    return lines(cell(one.measured(metric)), interval(one.over_documents.get(metric)))


def collapse(one: results.Experiment, *, tuned: bool) -> str:
    """The word "collapsed", of several seeds with how many of them; "" where none is."""
    seeds_of_it, all_seeds = one.collapsed(tuned=tuned), len(one.runs)
    if not seeds_of_it:
        return ""
    return "collapsed" + (f" ({seeds_of_it} of {all_seeds} seeds)" if all_seeds > 1 else "")


def collapse_note(found: Sequence[results.Experiment], *, tuned: bool) -> list[str]:
    """What collapsed means, where a row says so."""
    if not any(one.collapsed(tuned=tuned) for one in found):
        return []
    return [
        f"Collapsed: fewer than {TOO_FEW:g} or more than {TOO_MANY:g} times as many codes "
        f"predicted as there are, {'at the tuned threshold' if tuned else 'at 0.5'}."
    ]


def _distance(
    one: results.Experiment, baseline: results.Experiment | None, measure: str
) -> float | None:
    mine, theirs = one.measured(measure), baseline.measured(measure) if baseline else None
    return mine.mean - theirs.mean if mine and theirs and not one.baseline else None


def _against(one: results.Experiment, baseline: results.Experiment | None, measure: str) -> str:
    if one.baseline:
        return "the best baseline" if one is baseline else "baseline"
    distance = _distance(one, baseline, measure)
    if distance is None:
        return NONE
    return f"{'below' if distance < 0 else 'not below'}, {signed(distance)}"


def below_baseline(
    found: Sequence[results.Experiment], baseline: results.Experiment | None, measure: str
) -> dict[str, float]:
    """How far below the best baseline those are that are, by how they are shown."""
    distances = ((one.shown, _distance(one, baseline, measure)) for one in found)
    return {shown: -distance for shown, distance in distances if distance and distance < 0}


def ceiling_note(found: Sequence[results.Experiment]) -> list[str]:
    """What a perfect prediction would get in CAML's macro F1; the same for every experiment."""
    for one in found:
        present, ceiling = one.measured("codes_present"), one.measured("f1_macro_caml_ceiling")
        if present and ceiling:
            return [
                f"{number(present.mean, 0)} codes occur in the test split, so macro-F1 over all "
                f"codes, in either form, can reach {number(ceiling.mean)} at most."
            ]
    return []


def _below_in_words(
    found: Sequence[results.Experiment],
    baseline: results.Experiment | None,
    measure: str,
    below: Mapping[str, float],
) -> list[str]:
    if baseline is None:
        return [NO_BASELINE]
    best = f"{baseline.name} ({label(measure)} {cell(baseline.measured(measure))})"
    listed = [f"{shown} by {number(distance)}" for shown, distance in below.items()]
    said = few_or_how_many(listed, sum(not one.baseline for one in found))
    return [f"Below the best baseline, {best}: {said}."] if below else []


def few_or_how_many(names: Sequence[str], of: int) -> str:
    """A sentence can list five; of more it says how many, and the table marks them."""
    return ", ".join(names) if len(names) <= LISTED else f"{len(names)} of {of}, marked below"


def codes_tables(runs: Sequence[results.RunResult], against: str, *, n: int = 10) -> list[Table]:
    """Where the best network experiment gains and loses most against the experiment `against`.

    The best by tuned micro-F1. By code and title; never a word of a note. None where either has no
    table per code.
    """
    found = results.experiments(runs)
    first = best_other(found)
    second = next((one for one in found if one.name == against), None)
    a, b = _per_code(first), _per_code(second)
    if first is None or not a or not b:
        return []
    ranked = compare_codes(a, b)
    gains = ranked[ranked["weight"] > 0].head(n)
    losses = ranked[ranked["weight"] < 0].iloc[::-1].head(n)
    return [
        _codes_table(
            f"Where {first.shown} {what} most against {against}, tuned", rows, first.name, against
        )
        for what, rows in (("gains", gains), ("loses", losses))
    ]


def best_other(found: Sequence[results.Experiment]) -> results.Experiment | None:
    """The best by tuned micro-F1 of those that are no baselines."""
    return results.best([one for one in found if not one.baseline], "f1_micro_tuned")


def no_codes(against: str) -> str:
    """What stands where `codes_tables` gives none."""
    return (
        f"Nothing code by code: the tables by code of {against} and of a network or ensemble are "
        "not on the machine that made this page. `kedro run --pipelines=evaluate` makes them."
    )


def _per_code(one: results.Experiment | None) -> list[pd.DataFrame]:
    return [run.per_code for run in one.runs if run.per_code is not None] if one else []


def _codes_table(caption: str, rows: pd.DataFrame, first: str, against: str) -> Table:
    columns = ("code", "title", "in training", "in test", f"F1 {first}", f"F1 {against}")
    return Table(
        caption,
        (*columns, "difference"),
        tuple(
            (
                *(str(row[name]) for name in ("code", "title")),
                *(number(row[name], 0) for name in ("train", "gold")),
                *(number(row[name]) for name in ("f1_a", "f1_b")),
                signed(row["difference"]),
            )
            for row in rows.to_dict("records")
        ),
        {"code", "title"},
        notes=() if len(rows) else ("None.",),
    )
