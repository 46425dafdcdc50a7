"""What a report is made of: the runs of one cohort, and the statistics of its documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from scipy import sparse

from isd_pipeline.evaluation.resampling import SHARE, Measured, bounded, limits_of
from isd_pipeline.reports.layout import Layout, PublishedTask

if TYPE_CHECKING:
    from isd_pipeline.reports.cells import Table

SYNTHETIC = "synthetic: not comparable with the paper"
# Columns of a history that are neither a loss nor, beginning with `dev_`, a dev metric.
BESIDE_LOSSES = ("epoch", "learning_rate", "gradient_norm", "seconds")


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One training (experiment, seed) and what it scored on the test split.

    `metrics` by the names of `evaluation.metrics`; those at the dev-tuned threshold end in
    `_tuned`. `history` has one row per epoch: `epoch`, the loss terms and their weighted `total`,
    dev metrics in columns that begin with `dev_`, and BESIDE_LOSSES. `strata` are those of
    `evaluation.strata.all_strata` and `per_code` its `code_table`; `calibration` is that of
    `evaluation.calibration.calibrate`; `intervals` are by metric those of the experiment's mean
    over its seeds, the same for each of them; `evidence` is what the stage `evidence` found.
    `kind`: a baseline, which the others are held against, a network, or an ensemble of others.
    `note` is shown with the name. `title` says in words what the experiment is.
    """

    experiment: str
    seed: int
    metrics: Mapping[str, float]
    history: pd.DataFrame | None = None
    strata: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    per_code: pd.DataFrame | None = None
    calibration: Mapping[str, Any] | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    intervals: Mapping[str, Sequence[float]] = field(default_factory=dict)
    minutes: float | None = None
    device: str = ""
    kind: str = "network"
    note: str = ""
    title: str = ""


@dataclass(frozen=True)
class Experiment:
    """The runs of one experiment, a seed each."""

    name: str
    runs: tuple[RunResult, ...]

    @property
    def baseline(self) -> bool:
        """Whether this is a simple model that the others are held against."""
        return self.runs[0].kind == "baseline"

    @property
    def shown(self) -> str:
        """The name, and in brackets what has to be said with it."""
        note = "baseline" if self.baseline else self.runs[0].note
        return f"{self.name} ({note})" if note else self.name

    @property
    def title(self) -> str:
        """What the experiment is in words; its name where nobody said it."""
        return self.runs[0].title or self.name

    @property
    def heading(self) -> str:
        """The title, with what has to be said with it, and below it the name of the row."""
        if not self.runs[0].title:
            return self.shown
        note = "baseline" if self.baseline else self.runs[0].note
        return f"{self.title} ({note})\n{self.name}" if note else f"{self.title}\n{self.name}"

    def measured(self, metric: str) -> Measured | None:
        """A metric over the seeds that have it; None where none has."""
        found = [run.metrics[metric] for run in self.runs if metric in run.metrics]
        return _mean(found, limits_of(metric))

    @property
    def kind(self) -> str:
        """What sort of system this is, in a word."""
        return self.runs[0].kind

    @property
    def mark(self) -> str:
        """How a row of this experiment is marked in a table."""
        return "baseline" if self.baseline else ""

    @property
    def on(self) -> Mapping[str, tuple[RunResult, ...]]:
        """The runs by the device they were trained on, "" where that is not known."""
        devices = sorted({run.device for run in self.runs})
        return {name: tuple(run for run in self.runs if run.device == name) for name in devices}

    @property
    def over_documents(self) -> Mapping[str, tuple[float, float]]:
        """95 % bootstrap intervals over documents, of each metric's mean over the seeds.

        A recorded one may be older than the rule that a share's ends at 0 and 1.
        """
        return {
            name: bounded((low, high), limits_of(name))
            for name, (low, high) in self.runs[0].intervals.items()
        }

    def strata(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """The strata of one kind, with the sizes that they have for every seed."""
        return next((run.strata[kind] for run in self.runs if kind in run.strata), ())

    def in_stratum(self, kind: str, stratum: str, metric: str) -> Measured | None:
        """A metric of one stratum, over the seeds."""
        found = [
            row[metric]
            for run in self.runs
            for row in run.strata.get(kind, ())
            if row["stratum"] == stratum and row.get(metric) is not None
        ]
        return _mean(found, SHARE)

    def collapsed(self, *, tuned: bool) -> int:
        """How many seeds predict next to nothing, or next to everything."""
        name = "collapsed_tuned" if tuned else "collapsed"
        return sum(run.metrics.get(name, 0.0) > 0 for run in self.runs)

    def agreement(self, source: str, name: str) -> Measured | None:
        """How well a source of evidence agrees with what people marked."""
        found = [run.evidence["sources"].get(source) for run in self.runs if run.evidence]
        return _mean([means[name] for means in found if means])

    def span_figure(self, source: str, measure: str, name: str = "f1") -> Measured | None:
        """A figure of one of MDACE's measures of a source of evidence."""
        spans = [run.evidence.get("spans", {}).get("sources", {}) for run in self.runs]
        return _mean([found[source][measure][name] for found in spans if source in found])

    def placed(self, by: str, place: str, source: str) -> Measured | None:
        """The average precision of a source where the marks stand in a section or a context."""
        rows = [row for run in self.runs for row in run.evidence.get("places", {}).get(by, ())]
        return _mean([row["average_precision"][source] for row in rows if row["place"] == place])

    def calibrated(self, name: str, when: str = "") -> Measured | None:
        """The `temperature`, or a metric `before` or `after` it."""
        found = [run.calibration for run in self.runs if run.calibration is not None]
        return _mean([each[when][name] if when else each[name] for each in found])


def _mean(values: Sequence[float], limits: tuple[float, float] | None = None) -> Measured | None:
    return Measured.of(values, limits) if values else None


def experiments(runs: Sequence[RunResult]) -> list[Experiment]:
    """The runs by experiment: baselines first, else in the order given; seeds ascending.

    Raises ValueError where a seed of an experiment is there twice.
    """
    by_name: dict[str, list[RunResult]] = {}
    for run in runs:
        by_name.setdefault(run.experiment, []).append(run)
    for name, same in by_name.items():
        seeds = [run.seed for run in same]
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"experiment {name}: a seed is there twice, of seeds {sorted(seeds)}")
    found = [
        Experiment(name, tuple(sorted(same, key=lambda run: run.seed)))
        for name, same in by_name.items()
    ]
    return sorted(found, key=lambda experiment: not experiment.baseline)


def best(found: Sequence[Experiment], metric: str) -> Experiment | None:
    """The one with the highest mean of `metric`; None where none has it."""
    scored = [(measured.mean, one) for one in found if (measured := one.measured(metric))]
    return max(scored, key=lambda pair: pair[0])[1] if scored else None


def best_baseline(found: Sequence[Experiment], metric: str) -> Experiment | None:
    """The best of the baselines."""
    return best([one for one in found if one.baseline], metric)


@dataclass(frozen=True, kw_only=True)
class SplitStatistics:
    """One split: tokens per document and codes per document [D], documents per code [L]."""

    lengths: np.ndarray
    codes_per_document: np.ndarray
    documents_per_code: np.ndarray

    @classmethod
    def of(cls, lengths: np.ndarray, gold: sparse.csr_matrix | sparse.csr_array) -> Self:
        """From the documents' lengths [D] and their codes, a boolean matrix [D, L]."""
        return cls(
            lengths=np.asarray(lengths),
            codes_per_document=np.diff(gold.indptr),
            documents_per_code=np.bincount(gold.indices, minlength=gold.shape[1]),
        )


@dataclass(frozen=True, kw_only=True)
class CohortStatistics:
    """The documents of a cohort by split, before truncation to `max_tokens`."""

    splits: Mapping[str, SplitStatistics] = field(default_factory=dict)
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        sizes = {len(split.documents_per_code) for split in self.splits.values()}
        if len(sizes) != 1:
            raise ValueError(
                f"splits of {sorted(sizes)} codes: one cohort has one list of codes, and a split"
            )

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of every document of every split."""
        return np.concatenate([split.lengths for split in self.splits.values()])

    @property
    def codes_per_document(self) -> np.ndarray:
        """Codes of every document of every split."""
        return np.concatenate([split.codes_per_document for split in self.splits.values()])

    @property
    def per_code(self) -> np.ndarray:
        """Documents of all splits that have each code, in the order of the codes."""
        return np.sum([split.documents_per_code for split in self.splits.values()], axis=0)

    @property
    def documents_per_code(self) -> np.ndarray:
        """The same, most frequent first."""
        return np.sort(self.per_code)[::-1]

    @property
    def top_tenth_share(self) -> float:
        """The share of all code occurrences that the most frequent tenth of codes holds."""
        counts = self.documents_per_code
        return float(counts[: -(-len(counts) // 10)].sum() / max(counts.sum(), 1))

    @property
    def under_two_share(self) -> float:
        """The share of codes that fewer than two documents have."""
        return float((self.documents_per_code < 2).mean())


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the page of a cohort, and its tables in Markdown, are made of.

    `facts` is what was run (commit, fingerprints, versions), a dict, dicts within allowed.
    `layouts` are the tables of parameters_tables.yml, `comparisons` what the stage `compare` wrote
    of them. `paper` and `paper_cohort` are the cohort's rows of parameters_paper.yml. `k`: the P@k
    of the cohort's tables. `stamp`: what is said over every table. `against`: with which experiment
    the best network one is compared code by code. `card` is that of `data_card.data_card`.
    `published` are the published systems of the official task that the cohort is, and `translated`
    whether our runs read other words than they did. `recorded_codes` are the tables code by code as
    they were recorded, shown where they cannot be made here; `commands` make it all again, each
    with what it does. `source` says what the notes are. Where `synthetic`, nothing that others
    printed is used.
    """

    runs: Sequence[RunResult]
    cohort: str
    statistics: CohortStatistics | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    comparisons: Mapping[str, Any] = field(default_factory=dict)
    paper: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    paper_cohort: Mapping[str, float] = field(default_factory=dict)
    k: int = 8
    synthetic: bool = False
    stamp: str = ""
    against: str = "logistic_regression"
    card: Mapping[str, Any] | None = None
    published: PublishedTask | None = None
    translated: bool = False
    recorded_codes: Sequence[Table] = ()
    commands: Sequence[tuple[str, str]] = ()
    source: str = ""

    def __post_init__(self) -> None:
        if self.synthetic:
            for name, nothing in (("paper", {}), ("paper_cohort", {}), ("published", None)):
                object.__setattr__(self, name, nothing)

    @property
    def warning(self) -> str:
        """What must be said of the numbers, "" where there is nothing."""
        return self.stamp or (SYNTHETIC if self.synthetic else "")
