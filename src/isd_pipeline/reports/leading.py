"""What a page says first: its best systems, the best baseline, and what lies between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isd_pipeline.evaluation.resampling import DIFFERENCE, bounded
from isd_pipeline.reports import results
from isd_pipeline.reports.cells import (
    NONE,
    Table,
    interval,
    label,
    lines,
    number,
    seeds,
    signed,
)

LEADING = ("official_map", "f1_micro_tuned")  # the first that all runs have
KINDS = ("network", "ensemble", "baseline")  # the best of each is always among the first
MOST = 6
SIGNIFICANT = 0.05
MACRO = "f1_macro_per_code_present_tuned"


@dataclass(frozen=True)
class Verdict:
    """In a sentence whether the best system is better than a simple one, and the numbers of it."""

    sentence: str
    metric: str
    best: results.Experiment
    baseline: results.Experiment | None
    difference: str

    def figure(self, one: results.Experiment) -> str:
        """The leading metric of a system, its mean over seeds."""
        measured = one.measured(self.metric)
        return number(measured.mean if measured else None)

    def bounds(self, one: results.Experiment) -> str:
        """Its interval, and over how many seeds the mean is."""
        told = interval(bounds_of(one, self.metric))
        return ", ".join(part for part in (told, seeds(len(one.runs))) if part)


def leading_metric(found: Sequence[results.Experiment]) -> str:
    """What the systems are ranked by: the first of `LEADING` that all have."""
    shared = (name for name in LEADING if all(one.measured(name) for one in found))
    return next(shared, "f1_micro")


def first_few(found: Sequence[results.Experiment], metric: str) -> list[results.Experiment]:
    """At most six, the best first: the best of each kind, then the others by rank."""
    ranked = sorted(
        (one for one in found if one.measured(metric)), key=lambda one: -_mean(one, metric)
    )
    best = [next((one for one in ranked if one.kind == kind), None) for kind in KINDS]
    kept = [one for one in best if one]
    kept += [one for one in ranked if one not in kept][: MOST - len(kept)]
    return [one for one in ranked if one in kept]


def bounds_of(one: results.Experiment, metric: str) -> tuple[float, float] | None:
    """The 95 % interval over documents; where that is not known, the one over seeds."""
    measured = one.measured(metric)
    return one.over_documents.get(metric) or (measured.interval if measured else None)


def verdict(
    found: Sequence[results.Experiment], metric: str, comparisons: Mapping[str, Any]
) -> Verdict | None:
    """What the page says in one sentence; None where nothing was run."""
    best = results.best(found, metric)
    if best is None:
        return None
    baseline = results.best_baseline(found, metric)
    if baseline is None:
        return Verdict("No simple baseline was run to compare with.", metric, best, None, "")
    if best.baseline:
        said = "A simple baseline is the best system here."
        return Verdict(said, metric, best, None, "")
    tested = _tested(comparisons, best.name, baseline.name, metric)
    away = _mean(best, metric) - _mean(baseline, metric)
    if tested is None:
        said = "Above the best baseline; whether by luck was not tested."
        return Verdict(said, metric, best, baseline, signed(away))
    sure = tested["p"] < SIGNIFICANT
    said = (
        "Better than the best simple baseline."
        if sure
        else "Above the best baseline, but no difference beyond luck is shown."
    )
    told = f"{signed(tested['difference'])} {interval((tested['low'], tested['high']))}, "
    p = "p < 0.001" if tested["p"] < 0.001 else f"p = {number(tested['p'])}"
    return Verdict(said, metric, best, baseline, told + p)


def _tested(
    comparisons: Mapping[str, Any], first: str, second: str, metric: str
) -> dict[str, float] | None:
    """The first less the second as some table tested it, in either order; p adjusted by Holm."""
    for table in comparisons.values():
        for row in table["rows"]:
            if row["metric"] != metric or {row["experiment"], table["reference"]} != {
                first,
                second,
            }:
                continue
            sign = 1 if row["experiment"] == first else -1
            low, high = sorted(sign * row[name] for name in ("low", "high"))
            low, high = bounded((low, high), DIFFERENCE)
            return {
                **{"difference": sign * row["difference"], "low": low, "high": high},
                "p": row["p_holm"],
            }
    return None


def summary_table(found: Sequence[results.Experiment]) -> Table | None:
    """The first six in a table: the leading metric, a macro-F1, the distance to a baseline."""
    metric = leading_metric(found)
    rows, baseline = first_few(found, metric), results.best_baseline(found, metric)
    if not rows:
        return None
    columns = ("system", "kind", label(metric), label(MACRO), "against the best baseline")
    chosen = f"{len(rows)} of {len(found)} systems: the best of each kind, then by rank."
    return Table(
        "Summary",
        columns,
        tuple(
            (
                one.heading,
                lines(one.kind, seeds(len(one.runs))),
                *(_figure(one, name) for name in (metric, MACRO)),
                _away(one, baseline, metric),
            )
            for one in rows
        ),
        {"system", "kind"},
        tuple(one.mark for one in rows),
        (
            "Test split, means over seeds; in brackets 95 % intervals.",
            *([chosen] if len(rows) < len(found) else []),
        ),
    )


def _away(one: results.Experiment, baseline: results.Experiment | None, metric: str) -> str:
    if baseline is None or one is baseline:
        return NONE
    return signed(_mean(one, metric) - _mean(baseline, metric))


def _figure(one: results.Experiment, metric: str) -> str:
    measured = one.measured(metric)
    return lines(number(measured.mean if measured else None), interval(bounds_of(one, metric)))


def _mean(one: results.Experiment, metric: str) -> float:
    measured = one.measured(metric)
    return measured.mean if measured else -1.0
