"""Numbers into MLflow: one parent run per cohort, one child per (experiment, seed).

The paper's tables stand beside them (`tracked_tables`); `comparing` opens the page to compare.

Only numbers and settings go there, never a note, an identifier of one or a list of codes. The
active child is held here, so that nodes call `log` without knowing whether anybody listens.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from isd_pipeline.catalog.holding import holding
from isd_pipeline.data.io.processes import is_running
from isd_pipeline.tracking.shown import shown_figure
from isd_pipeline.tracking.store import make_store

LOCK = Path("scratch/tracking.lock")
PARAMETER_LENGTH = 500  # longer values are cut: MLflow refuses more than 6,000 characters


@dataclass(frozen=True, kw_only=True)
class TrackingSettings:
    """conf/base/tracking.yml. An empty `uri` switches tracking off."""

    uri: str = "sqlite:///mlflow.db"
    experiment: str = "isd_pipeline"
    ui: str = "http://127.0.0.1:5000"


@dataclass(frozen=True)
class RunKey:
    """What makes two runs the same run: cohort, experiment and seed."""

    cohort: str
    experiment: str
    seed: int

    @property
    def tags(self) -> dict[str, str]:
        """As MLflow keeps them, to be found again."""
        return {"cohort": self.cohort, "experiment": self.experiment, "seed": str(self.seed)}


class Tracker:
    """MLflow's client, our experiment in it, and the child run that is now open, if any."""

    def __init__(self, settings: TrackingSettings) -> None:
        self.settings = settings
        self.run_id: str | None = None

    @cached_property
    def client(self) -> Any:
        """The MLflow client, made when first asked for: importing mlflow takes a second."""
        from mlflow import MlflowClient

        uri = os.environ.get("MLFLOW_TRACKING_URI", self.settings.uri)
        with holding(LOCK):  # two processes must not create the database at once
            make_store(uri)
            client = MlflowClient(uri)
            client.search_experiments(max_results=1)
        return client

    @property
    def experiment_id(self) -> str:
        """Our MLflow experiment, created when missing."""
        name = self.settings.experiment
        found = self.client.get_experiment_by_name(name)
        return found.experiment_id if found else self.client.create_experiment(name)

    def start(self, key: RunKey, parameters: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Open the child run of `key`, or take up the one that a killed process left."""
        from mlflow.entities import Param

        _ = self.client  # made under the same lock, so before it is taken here
        with holding(LOCK):
            self._sweep_killed()
            parent = self._parent(key.cohort)
            left = self._find(key, f"tags.resume_key = '{tags.get('resume_key', '')}'")
            if left and left[0].info.status == "KILLED":
                self.run_id = left[0].info.run_id
                self.client.update_run(self.run_id, status="RUNNING")
            else:
                here = {"host": socket.gethostname(), "process": str(os.getpid())}
                here |= {"git_commit": git_commit(), "mlflow.parentRunId": parent}
                name = f"{key.experiment}, seed {key.seed}"
                self.run_id = self._create(name, {**key.tags, **tags, **here})
                shown = [Param(k, str(v)[:PARAMETER_LENGTH]) for k, v in sorted(parameters.items())]
                self.client.log_batch(self.run_id, params=shown)

    def reopen(self, key: RunKey) -> None:
        """Open the newest child run of `key` again, to add the final metrics; or a fresh one."""
        if found := self._find(key):
            self.run_id = found[0].info.run_id
        else:
            self.start(key, {}, {})

    def log(self, metrics: Mapping[str, float], step: int = 0, run_id: str | None = None) -> None:
        """Log numbers in one batch, to the open child run where no other is named."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        shown = [Metric(name, float(value), now, step) for name, value in metrics.items()]
        self.client.log_batch(run_id or self.run_id, metrics=shown)

    def tag(self, tags: Mapping[str, str], run_id: str | None = None) -> None:
        """Tag the open child run, or another."""
        for name, value in tags.items():
            self.client.set_tag(run_id or self.run_id, name, value)

    def finish(self, status: str) -> None:
        """Close the child run as FINISHED, FAILED or KILLED."""
        if self.run_id is not None:
            self.client.set_terminated(self.run_id, status)
            self.run_id = None

    def has(self, key: RunKey, content: str) -> bool:
        """Whether a finished run of `key` with these results is there already."""
        return bool(self._find(key, f"tags.content = '{content}'"))

    def record(self, name: str, tags: Mapping[str, str], metrics: Mapping[str, float]) -> None:
        """A run that is over as soon as it is made."""
        run_id = self._create(name, tags)
        self.log(metrics, run_id=run_id)
        self.client.set_terminated(run_id, "FINISHED")

    def tag_newest(self, key: RunKey, tags: Mapping[str, str]) -> None:
        """Tag the newest run of `key`; without one, do nothing."""
        for run in self._find(key)[:1]:
            self.tag(tags, run.info.run_id)

    def search(self, condition: str) -> list[Any]:
        """The runs that meet the condition, newest first."""
        newest_first = ["attributes.start_time DESC"]
        return [*self.client.search_runs([self.experiment_id], condition, order_by=newest_first)]

    def _parent(self, cohort: str) -> str:
        if found := self.search(f"tags.parent_of = '{cohort}'"):
            return str(found[0].info.run_id)
        parent = self._create(cohort, {"parent_of": cohort, "cohort": cohort})
        self.client.set_terminated(parent, "FINISHED")
        return parent

    def _create(self, name: str, tags: Mapping[str, str]) -> str:
        run = self.client.create_run(self.experiment_id, run_name=name, tags=dict(tags))
        return str(run.info.run_id)

    def _find(self, key: RunKey, more: str = "") -> list[Any]:
        wanted = [f"tags.{name} = '{value}'" for name, value in key.tags.items()]
        return self.search(" and ".join([*wanted, more] if more else wanted))

    def _sweep_killed(self) -> None:
        """A process killed outright leaves its run RUNNING for ever: call it what it is."""
        for run in self.search("attributes.status = 'RUNNING'"):
            tags = run.data.tags
            if tags.get("host") == socket.gethostname() and not is_running(int(tags["process"])):
                self.client.set_terminated(run.info.run_id, "KILLED")


_open: Tracker | None = None


def use(tracker: Tracker) -> None:
    """Let `log` and `tag` speak to this tracker's open run."""
    global _open
    _open = tracker


def current() -> Tracker | None:
    """The tracker in use, if any."""
    return _open


def log(metrics: Mapping[str, float], step: int = 0) -> None:
    """Log numbers to the open run; without one, do nothing."""
    if _open is not None:
        _open.log(metrics, step)


def log_epoch(epoch: int, figures: Mapping[str, float]) -> None:
    """Log the figures of an epoch to the open run, under the names that MLflow groups by."""
    log({shown_figure(name): value for name, value in figures.items()}, step=epoch)


def tag(tags: Mapping[str, str]) -> None:
    """Tag the open run; without one, do nothing."""
    if _open is not None and _open.run_id is not None:
        _open.tag(tags)


@contextmanager
def part(key: RunKey, parameters: Mapping[str, Any], tags: Mapping[str, str]) -> Iterator[None]:
    """Give a part of a pipeline a run of its own; without a tracker, do nothing.

    If the block raises, the run stays open: `close` is told what it became.
    """
    if _open is not None:
        _open.start(key, parameters, tags)
    yield
    if _open is not None:
        _open.finish("FINISHED")


def close(status: str) -> None:
    """Close the open run, if any, as FINISHED, FAILED or KILLED."""
    global _open
    if _open is not None:
        _open.finish(status)
        _open = None


def git_commit() -> str:
    """The commit of the working tree, with `+` where files differ from it; "" outside git."""

    def git(*words: str) -> str:
        found = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        return found.stdout.strip() if found.returncode == 0 else ""

    commit = git("rev-parse", "HEAD")
    return commit + ("+" if commit and git("status", "--porcelain", "src", "conf") else "")
