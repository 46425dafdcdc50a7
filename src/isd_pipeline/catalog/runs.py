"""The runs of a cohort, as `evaluate` and `floor` left them on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isd_pipeline.catalog import formats
from isd_pipeline.catalog.results import Key, Run

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from isd_pipeline.evaluation.resampling import Bootstrap
    from isd_pipeline.training.checkpoints import Checkpoint


def read_runs(folder: Path) -> list[Run]:
    """Every evaluated run of a cohort; a training that was not evaluated yet is passed over."""
    return [_read_run(path.parent) for path in sorted(folder.glob("*/seed_*/metrics.json"))]


def _read_run(folder: Path) -> Run:
    """One run. What is no figure of its training stands in `training.json` under `run`."""
    experiment, seed = _key(folder)
    training, history = formats.read_json(folder / "training.json"), folder / "history.csv"
    said = training.pop("run", {})
    run = Run(
        experiment=experiment,
        seed=seed,
        kind=said.get("kind"),
        settings=said.get("settings"),
        fingerprints=said.get("fingerprints"),
        weights=said.get("weights_sha256"),
        training=training,
        metrics=formats.read_json(folder / "metrics.json"),
        history=formats.read_csv(history) if history.exists() else None,
        breakdowns=_if_there(folder / "strata.json"),
        calibration=_if_there(folder / "calibration.json"),
        evidence=_if_there(_evidence_of(folder)),
    )
    made_by = {name: said.get(name) for name in ("commit", "code", "versions")}
    return replace(run, made_by={**made_by, "device": run.device or None, "record": "run"})


def _evidence_of(folder: Path) -> Path:
    """Beside the folder of all runs: not every run has any, and no table waits for it."""
    return folder.parents[2] / "evidence" / folder.parent.name / f"{folder.name}.json"


def _if_there(path: Path) -> Any:
    """Empty for a run evaluated before such files were; for one that has no evidence, too."""
    return formats.read_json(path) if path.exists() else {}


def read_code_tables(folder: Path) -> dict[Key, pd.DataFrame]:
    """The table by code of every run."""
    return {key: formats.read_frame(path) for key, path in _of_runs(folder, "by_code.parquet")}


def read_draws(folder: Path) -> dict[Key, Bootstrap]:
    """The bootstrap draws of every run."""
    return {
        key: formats.read_bootstrap(path) for key, path in _of_runs(folder, "draws.safetensors")
    }


def find_scores(folder: Path) -> dict[Key, Callable[[], Mapping[str, np.ndarray]]]:
    """The scores of every run, which are large: each is read when it is called."""
    return {
        key: partial(formats.read_scores, path)
        for key, path in _of_runs(folder, "scores.safetensors")
    }


def find_models(folder: Path) -> dict[Key, Callable[[], Checkpoint]]:
    """The model of every run, each read when it is called."""
    from isd_pipeline.training.checkpoints import read_model

    return {key: partial(read_model, path.parent) for key, path in _of_runs(folder, "model.json")}


def _of_runs(folder: Path, name: str) -> list[tuple[Key, Path]]:
    return [(_key(path.parent), path) for path in sorted(folder.glob(f"*/seed_*/{name}"))]


def _key(folder: Path) -> Key:
    return folder.parent.name, int(folder.name.removeprefix("seed_"))
