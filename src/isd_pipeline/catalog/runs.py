"""The runs of a cohort, as `train` and `evaluate` left them on disk."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isd_pipeline.catalog.formats import read_json, read_scores
from isd_pipeline.catalog.replicates import read_bootstrap
from isd_pipeline.catalog.results import Key, Run
from isd_pipeline.evaluation.resampling import Bootstrap


def read_runs(folder: Path) -> list[Run]:
    """Every evaluated run of a cohort; a training that was not evaluated yet is passed over."""
    return [_read_run(path.parent) for path in sorted(folder.glob("*/seed_*/metrics.json"))]


def _read_run(folder: Path) -> Run:
    """One run. What is no number stands in `training.json` and `metrics.json` under `run`."""
    experiment, seed = _key(folder)
    training, metrics = (read_json(folder / f"{n}.json") for n in ("training", "metrics"))
    said, evaluated = training.pop("run", {}), metrics.pop("run", {})
    # Beside the folder of all runs: not every run has any, and no table waits for it.
    evidence = folder.parents[2] / "evidence" / experiment / f"{folder.name}.json"
    history = pd.read_csv(folder / "history.csv")
    run = Run(
        experiment=experiment,
        seed=seed,
        kind=said.get("kind"),
        settings=said.get("settings"),
        fingerprints=said.get("fingerprints"),
        weights=said.get("weights_sha256"),
        training=training,
        metrics=metrics,
        history=history if len(history) else None,
        breakdowns=_if_there(folder / "strata.json"),
        calibration=_if_there(folder / "calibration.json"),
        evidence=_if_there(evidence),
    )
    made_by = {name: said.get(name) for name in ("commit", "code", "versions")}
    made_by |= {"evaluation_code": evaluated.get("code"), "device": run.device or None}
    return replace(run, made_by={**made_by, "record": "run"})


def _if_there(path: Path) -> Any:
    """Empty for a run evaluated before such files were; for one that has no evidence, too."""
    return read_json(path) if path.exists() else {}


def read_code_tables(folder: Path) -> dict[Key, pd.DataFrame]:
    """The table by code of every run."""
    return {key: pd.read_parquet(path) for key, path in _of_runs(folder, "by_code.parquet")}


def read_replicates(folder: Path) -> dict[Key, Bootstrap]:
    """The bootstrap replicates of every run."""
    return {key: read_bootstrap(path) for key, path in _of_runs(folder, "replicates.safetensors")}


def find_scores(folder: Path) -> dict[Key, Callable[[], Mapping[str, np.ndarray]]]:
    """The scores of every run, which are large: each is read when it is called."""
    found = _of_runs(folder, "scores.safetensors")
    return {key: partial(read_scores, path) for key, path in found}


def _of_runs(folder: Path, name: str) -> list[tuple[Key, Path]]:
    return [(_key(path.parent), path) for path in sorted(folder.glob(f"*/seed_*/{name}"))]


def _key(folder: Path) -> Key:
    return folder.parent.name, int(folder.name.removeprefix("seed_"))
