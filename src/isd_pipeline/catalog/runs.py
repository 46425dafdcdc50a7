"""The runs of a cohort, as `evaluate` and `floor` left them on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isd_pipeline.catalog import formats

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from isd_pipeline.evaluation.resampling import Bootstrap
    from isd_pipeline.predictors.artifact import Artifact

Key = tuple[str, int]  # experiment, seed


@dataclass(frozen=True)
class RunRecord:
    """The small files of one run, as the stages left them."""

    experiment: str
    seed: int
    metrics: Mapping[str, Mapping[str, Any]]
    strata: Mapping[str, list[dict[str, Any]]]
    calibration: Mapping[str, Any]
    evidence: Mapping[str, Any]
    training: Mapping[str, Any]
    history: pd.DataFrame | None

    @property
    def key(self) -> Key:
        """Which run of the cohort this is."""
        return self.experiment, self.seed

    @property
    def kind(self) -> str:
        """Network, baseline or ensemble, as the training says."""
        return str(self.training["made_by"]["kind"])

    @property
    def figures(self) -> dict[str, float]:
        """The numbers of the training."""
        return {name: v for name, v in self.training.items() if name != "made_by"}


def read_runs(folder: Path) -> list[RunRecord]:
    """Every evaluated run of a cohort; a training that was not evaluated yet is passed over."""
    return [_read_run(path.parent) for path in sorted(folder.glob("*/seed_*/metrics.json"))]


def _read_run(folder: Path) -> RunRecord:
    history = folder / "history.csv"
    return RunRecord(
        *_key(folder),
        metrics=formats.read_json(folder / "metrics.json"),
        strata=_if_there(folder / "strata.json"),
        calibration=_if_there(folder / "calibration.json"),
        evidence=_if_there(_evidence_of(folder)),
        training=formats.read_json(folder / "training.json"),
        history=formats.read_csv(history) if history.exists() else None,
    )


def _evidence_of(folder: Path) -> Path:
    """Beside the folder of all runs: not every run has any, and no table waits for it."""
    return folder.parents[2] / "evidence" / folder.parent.name / f"{folder.name}.json"


def _if_there(path: Path) -> Any:
    """Empty for a run evaluated before such files were; for one that has no evidence, too."""
    return formats.read_json(path) if path.exists() else {}


def read_code_tables(folder: Path) -> dict[Key, pd.DataFrame]:
    """The table by code of every run."""
    return {key: formats.read_frame(path) for key, path in _of_runs(folder, "by_code.parquet")}


def read_replicates(folder: Path) -> dict[Key, Bootstrap]:
    """The bootstrap replicates of every run."""
    return {
        key: formats.read_bootstrap(path)
        for key, path in _of_runs(folder, "replicates.safetensors")
    }


def find_scores(folder: Path) -> dict[Key, Callable[[], Mapping[str, np.ndarray]]]:
    """The scores of every run, which are large: each is read when it is called."""
    return {
        key: partial(formats.read_scores, path)
        for key, path in _of_runs(folder, "scores.safetensors")
    }


def find_models(folder: Path) -> dict[Key, Callable[[], Artifact]]:
    """The model of every run, each read when it is called."""
    from isd_pipeline.predictors.artifact import read_artifact

    return {
        key: partial(read_artifact, path.parent) for key, path in _of_runs(folder, "model.json")
    }


def _of_runs(folder: Path, name: str) -> list[tuple[Key, Path]]:
    return [(_key(path.parent), path) for path in sorted(folder.glob(f"*/seed_*/{name}"))]


def _key(folder: Path) -> Key:
    return folder.parent.name, int(folder.name.removeprefix("seed_"))
