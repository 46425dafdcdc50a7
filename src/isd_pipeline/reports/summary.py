"""The results of a cohort as a few lines on a terminal, the best first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

MOST = 12  # rows, where not all were asked for
WIDEST = 38  # letters of a title
METRICS = ("f1_micro_tuned", "f1_micro", "f1_macro_caml_tuned")
HEADING = ("experiment", "name", "micro-F1", "at 0.5", "macro-F1", "minutes")
NAMES = 2  # columns of words, at the left
NONE, COLLAPSED = "–", "*"


@dataclass(frozen=True)
class Scored:
    """What one run scored on the test split, and how many minutes its training took."""

    experiment: str
    metrics: Mapping[str, float]
    minutes: float | None = None


def summary_lines(
    runs: Iterable[Scored], titles: Mapping[str, str], *, most: int | None = MOST
) -> list[str]:
    """A row an experiment, means over its seeds, the best first; `most` None gives every row.

    `titles` say what an experiment is; one that has none is shown by its name.
    """
    found: dict[str, list[Scored]] = {}
    for run in runs:
        found.setdefault(run.experiment, []).append(run)
    ranked = sorted(found.items(), key=lambda one: -(_mean(one[1], METRICS[0]) or 0.0))
    rows = [_row(name, titles.get(name) or name, seeds) for name, seeds in ranked[:most]]
    lines = _aligned([HEADING, *rows])
    if most is not None and len(ranked) > most:
        lines.append(f"and {len(ranked) - most} more, with --all")
    if any(COLLAPSED in cell for row in rows for cell in row):
        lines.append(f"{COLLAPSED} collapsed at 0.5: far too few codes a note, or far too many")
    return lines


def _row(name: str, title: str, seeds: Sequence[Scored]) -> tuple[str, ...]:
    tuned, plain, macro = (_shown(_mean(seeds, metric)) for metric in METRICS)
    collapsed = any(run.metrics.get("collapsed", 0.0) > 0 for run in seeds)
    taken = [run.minutes for run in seeds if run.minutes is not None]
    return (
        title if len(title) <= WIDEST else f"{title[: WIDEST - 1]}…",
        f"{name}, {len(seeds)} seeds" if len(seeds) > 1 else name,
        tuned,
        f"{plain}{COLLAPSED}" if collapsed else plain,
        macro,
        f"{fmean(taken):.1f}" if taken else NONE,
    )


def _mean(seeds: Sequence[Scored], metric: str) -> float | None:
    values = [run.metrics[metric] for run in seeds if metric in run.metrics]
    return fmean(values) if values else None


def _shown(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Words to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < NAMES else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
