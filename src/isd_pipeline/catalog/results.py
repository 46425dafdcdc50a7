"""The record of a cohort's runs, `results/COHORT` in git.

    runs.jsonl           one line a run: what it is, what made it, what it scored
    histories.parquet    one row an epoch
    breakdowns.parquet, calibration.parquet    one row a run, nested as the stages give it
    evidence.jsonl       one line a run whose evidence was held against annotated rationales

`runs.jsonl` is written last and makes the others count: what has no line there is passed over.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from isd_pipeline.catalog.formats import in_order, write_table
from isd_pipeline.catalog.holding import holding
from isd_pipeline.config.reading import plain
from isd_pipeline.data.io.files import write_text

logger = logging.getLogger(__name__)

Key = tuple[str, int]  # experiment, seed
LOCK = Path("scratch/results.lock")
RUNS, EVIDENCE, HISTORIES = "runs.jsonl", "evidence.jsonl", "histories.parquet"
NESTED = ("breakdowns", "calibration")
DEVICES = {0.0: "cpu", 1.0: "gpu"}
CODE = ("code", "evaluation_code")  # what trained a run and what evaluated it, by their hashes
OUTCOMES = ("kept", "made again", "added", "replaced")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: a predictor of one seed, trained and evaluated on a cohort.

    kind: baseline, network or ensemble.  settings: the merged row, only keys that were given.
    made_by: commit, code (hash), device, versions, and whether the `run` itself or its git
    `history` says so.  weights: their file's SHA-256.  metrics: of dev and of test.
    None is what nobody wrote down.
    """

    experiment: str
    seed: int
    kind: str | None = None
    settings: Mapping[str, Any] | None = None
    made_by: Mapping[str, Any] = field(default_factory=dict)
    fingerprints: Mapping[str, str] | None = None
    weights: str | None = None
    training: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, float]]
    history: pd.DataFrame | None = field(default=None, repr=False, compare=False)
    breakdowns: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict, repr=False)
    calibration: Mapping[str, Any] = field(default_factory=dict, repr=False)
    evidence: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def key(self) -> Key:
        """Which run of the cohort this is."""
        return self.experiment, self.seed

    @property
    def content(self) -> str:
        """16 hexadecimal digits of the metrics: the same numbers are the same run."""
        text = json.dumps(self.metrics, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def device(self) -> str:
        """cpu, gpu, or "" where nobody wrote it down."""
        return DEVICES.get(self.training.get("on_gpu", -1.0), "")


_key = itemgetter("experiment", "seed")
IDENTITY = ("experiment", "seed", "kind", "settings", "made_by", "fingerprints", "weights")
ON_THE_LINE = (*IDENTITY, "training", "metrics")


def contents(runs: Iterable[Run]) -> dict[str, dict[str, str]]:
    """{experiment: {seed: content}}: what a number over these runs was made of, as JSON has it."""
    found: dict[str, dict[str, str]] = {}
    for run in sorted(runs, key=lambda run: run.key):
        found.setdefault(run.experiment, {})[str(run.seed)] = run.content
    return found


def read_results(folder: Path) -> list[Run]:
    """Every recorded run of a cohort, in the order of the record; none where there is no record."""
    lines = _read_lines(folder / RUNS)
    evidence = {_key(line): line["evidence"] for line in _read_lines(folder / EVIDENCE)}
    nested = {name: _read_nested(folder / f"{name}.parquet") for name in NESTED}
    histories = _read_histories(folder / HISTORIES)
    return [
        Run(
            **line,
            history=histories.get(key),
            evidence=evidence.get(key, {}),
            **{name: found.get(key, {}) for name, found in nested.items()},
        )
        for line in lines
        if (key := _key(line))
    ]


def write_results(folder: Path, runs: Sequence[Run]) -> None:
    """Write the record anew, each file whole."""
    _write_histories(runs, folder / HISTORIES)
    for name in NESTED:
        _write_nested(name, runs, folder / f"{name}.parquet")
    pointed = [run for run in runs if run.evidence]
    _write_lines(("experiment", "seed", "evidence"), pointed, folder / EVIDENCE)
    _write_lines(ON_THE_LINE, runs, folder / RUNS)


def merge(folder: Path, runs: Iterable[Run], order: Sequence[str] = ()) -> dict[str, int]:
    """Add runs to a record, its experiments in `order`; how many were kept, added, replaced.

    A run with the recorded numbers and code leaves its line as it is; one of other code takes its
    place, for the record says what made the numbers; so does one with other numbers, and that is
    told.
    """
    places = {name: place for place, name in enumerate(order)}
    with holding(LOCK):
        recorded = {run.key: run for run in read_results(folder)}
        before, counts = dict(recorded), Counter(dict.fromkeys(OUTCOMES, 0))
        for run in runs:
            recorded[run.key], outcome = _merged(recorded.get(run.key), run, folder.name)
            counts[outcome] += 1
        if any(before.get(key) is not run for key, run in recorded.items()):
            known = sorted(
                recorded.values(),
                key=lambda run: (places.get(run.experiment, len(places)), *run.key),
            )
            write_results(folder, known)
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    logger.info("%s: %d runs recorded, %s", folder / RUNS, len(recorded), told)
    return dict(counts)


def _merged(old: Run | None, new: Run, cohort: str) -> tuple[Run, str]:
    """The run to be kept; a recorded one takes over what it lacks, such as evidence made since."""
    if old is None:
        return new, "added"
    if old.content == new.content:
        if any(new.made_by.get(name) != old.made_by.get(name) for name in CODE):
            return replace(new, evidence=new.evidence or old.evidence), "made again"
        more = {n: getattr(new, n) for n in ("history", *NESTED) if _lacks(old, n)}
        if new.evidence and new.evidence != old.evidence:
            more["evidence"] = new.evidence
        there = {name: value for name, value in more.items() if not _lacks(new, name)}
        return (replace(old, **there) if there else old), "kept"
    before, after = (run.metrics["test"].get("f1_micro_tuned") for run in (old, new))
    logger.warning(
        "%s, %s, seed %d: other numbers than those recorded, which they replace; "
        "micro-F1, tuned: %s before, %s now",
        *(cohort, *new.key, before, after),
    )
    return new, "replaced"


def _lacks(run: Run, name: str) -> bool:
    value = getattr(run, name)
    return value is None or len(value) == 0


def _read_lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    found: dict[Key, dict[str, Any]] = {}
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            line = json.loads(text)
            key = _key(line)
        except (ValueError, TypeError, KeyError):
            raise _damaged(path, number, "no whole run") from None
        if key in found or set(line) not in ({*ON_THE_LINE}, {"experiment", "seed", "evidence"}):
            raise _damaged(path, number, "a run twice" if key in found else "not a run's keys")
        found[key] = line
    return list(found.values())


def _damaged(path: Path, line: int, what: str) -> ValueError:
    return ValueError(
        f"{path}, line {line}: {what}. Take the line out, or bring the recorded file back with "
        f"`git checkout -- {path}`; runs that lie on this machine are recorded again by `kedro run "
        f"--pipelines=record --params=cohort={path.parent.name}`"
    )


def _write_lines(names: Sequence[str], runs: Sequence[Run], path: Path) -> None:
    text = ""
    for run in runs:
        row = vars(replace(run, settings=plain(run.settings)))
        line = {name: row[name] for name in names}
        text += json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
    if text or path.exists():
        write_text(path, text)


def _read_nested(path: Path) -> dict[Key, Any]:
    if not path.exists():
        return {}
    return {
        (row.pop("experiment"), row.pop("seed")): {k: v for k, v in row.items() if v is not None}
        for row in pq.read_table(path).to_pylist()
    }


def _write_nested(name: str, runs: Sequence[Run], path: Path) -> None:
    some = [run for run in runs if getattr(run, name)]
    keys = dict.fromkeys(key for run in some for key in getattr(run, name))
    columns = {key: [getattr(run, name).get(key) for run in some] for key in keys}
    first = {"experiment": [run.experiment for run in some], "seed": [run.seed for run in some]}
    if some or path.exists():
        write_table(pa.table({**first, **columns}), path, "zstd")


def _read_histories(path: Path) -> dict[Key, pd.DataFrame]:
    """Of each run its own columns: those in which there is a number."""
    if not path.exists():
        return {}
    found = {}
    for _, of_run in pd.read_parquet(path).groupby(["experiment", "seed"], sort=False):
        key = str(of_run["experiment"].iloc[0]), int(of_run["seed"].iloc[0])
        numbers = of_run.drop(columns=["experiment", "seed"]).dropna(axis="columns", how="all")
        found[key] = numbers.reset_index(drop=True)
    return found


def _write_histories(runs: Sequence[Run], path: Path) -> None:
    some = [
        run.history.assign(experiment=run.experiment, seed=run.seed)
        for run in runs
        if run.history is not None
    ]
    if some:
        rows = in_order(pd.concat(some, ignore_index=True))
        table = pa.Table.from_pandas(rows, preserve_index=False)
        write_table(table.replace_schema_metadata(), path, "zstd")
