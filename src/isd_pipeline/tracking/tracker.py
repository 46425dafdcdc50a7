"""Numbers into MLflow: one parent run per cohort, one child per (experiment, seed).

The paper's tables stand beside them (`tables`); `compare_page` opens the page to compare.

Only numbers and settings go there, never a note, an identifier of one or a list of codes. Here
MLflow's errors are raised; `open_run` lets a stage go on without MLflow.
"""

import os
import re
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from isd_pipeline.catalog.holding import holding
from isd_pipeline.data.io.processes import is_running
from isd_pipeline.tracking.about import NOTE, OF_EXPERIMENT
from isd_pipeline.tracking.store import make_store

LOCK = Path("scratch/tracking.lock")
PARAMETER_LENGTH = 500  # longer values are cut: MLflow refuses more than 6,000 characters
SQLITE = "sqlite:///"
MLFLOW = {  # what is not set in the environment
    # MLflow itself waits two minutes for an answer and asks eight times.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # its traces: what fails is told in one line
}


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

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "RunKey":
        """The run of the run parameters."""
        return cls(*(parameters[name] for name in ("cohort", "experiment", "seed")))

    @property
    def tags(self) -> dict[str, str]:
        """As MLflow keeps them, to be found again."""
        return {"cohort": self.cohort, "experiment": self.experiment, "seed": str(self.seed)}


class Tracker:
    """MLflow's client, our experiment in it, and the child run that is now open, if any."""

    def __init__(self, settings: TrackingSettings) -> None:
        self.settings = settings
        self.run_id: str | None = None

    @property
    def uri(self) -> str:
        """Where MLflow's store is."""
        return os.environ.get("MLFLOW_TRACKING_URI", self.settings.uri)

    @cached_property
    def client(self) -> Any:
        """The MLflow client, made when first asked for: importing mlflow takes a second."""
        for name, value in MLFLOW.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        _refuse_damaged(self.uri)
        with holding(LOCK):  # two processes must not create the database at once
            make_store(self.uri)
            client = MlflowClient(self.uri)
            client.search_experiments(max_results=1)
        return client

    @property
    def experiment_id(self) -> str:
        """Our MLflow experiment, created when missing.

        Raises:
            ValueError: it was deleted, and as long as MLflow keeps it, its name is taken.
        """
        name = self.settings.experiment
        found = self.client.get_experiment_by_name(name)
        if found is None:
            return str(self.client.create_experiment(name, tags={NOTE: OF_EXPERIMENT}))
        if found.lifecycle_stage == "deleted":
            raise ValueError(
                f"its experiment {name} was deleted: bring it back with `mlflow experiments "
                f"restore -x {found.experiment_id}`, or name another in conf/base/tracking.yml"
            )
        return str(found.experiment_id)

    @property
    def is_local(self) -> bool:
        """Whether what MLflow is told stays on this machine."""
        return self.uri.startswith((SQLITE, "file:"))

    def start(
        self,
        key: RunKey,
        parameters: Mapping[str, Any],
        tags: Mapping[str, str],
        run_id: str | None = None,
        time_ms: int | None = None,
    ) -> None:
        """Open the child run of `key`, or take up the one that a killed process left.

        With `run_id` take up that one, unless it was deleted since. `time_ms` is when a new one
        began, where that is not now.
        """
        from mlflow.entities import Param

        _ = self.client  # made under the same lock, so before it is taken here
        with holding(LOCK):
            self._sweep_killed()
            parent = self._parent(key.cohort)
            left = self._left(key, tags.get("resume_key", ""), run_id)
            if left is not None:
                self.run_id = left
                self.client.update_run(self.run_id, status="RUNNING")
            else:
                name = f"{key.experiment}, seed {key.seed}"
                made_by = {**here(), "mlflow.parentRunId": parent}
                self.run_id = self._create(name, {**key.tags, **made_by, **tags}, time_ms)
            shown = [Param(k, str(v)[:PARAMETER_LENGTH]) for k, v in sorted(parameters.items())]
            self.client.log_batch(self.run_id, params=shown)

    def reopen(self, key: RunKey) -> None:
        """Open the newest child run of `key` again, to add the final metrics; or a fresh one."""
        if found := self._find(key):
            self.run_id = found[0].info.run_id
        else:
            self.start(key, {}, {})

    def log(
        self,
        metrics: Mapping[str, float],
        step: int = 0,
        run_id: str | None = None,
        time_ms: int | None = None,
    ) -> None:
        """Log numbers in one batch, to the open child run where no other is named.

        Numbers of the same `time_ms` and step that are there already stay there once.
        """
        from mlflow.entities import Metric

        now, run = time_ms or int(time.time() * 1000), run_id or self.run_id
        of_model = {"model_id": self.model_of(run)} if any(map(_is_of_test, metrics)) else {}
        shown = [
            Metric(name, float(value), now, step, **(of_model if _is_of_test(name) else {}))
            for name, value in metrics.items()
        ]
        self.client.log_batch(run, metrics=shown)

    def model_of(self, run_id: str | None) -> str | None:
        """The id of a run's model in MLflow, if it has one."""
        outputs = self.client.get_run(run_id).outputs
        return outputs.model_outputs[0].model_id if outputs and outputs.model_outputs else None

    def tag(self, tags: Mapping[str, str], run_id: str | None = None) -> None:
        """Tag the open child run, or another."""
        for name, value in tags.items():
            self.client.set_tag(run_id or self.run_id, name, value)

    def finish(self, status: str, time_ms: int | None = None) -> None:
        """Close the child run as FINISHED, FAILED or KILLED."""
        if self.run_id is not None:
            self.client.set_terminated(self.run_id, status, end_time=time_ms)
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

    def run_of_cohort(self, cohort: str) -> str:
        """The run below which a cohort's trainings stand."""
        _ = self.client  # made under the same lock
        with holding(LOCK):
            return self._parent(cohort)

    def _left(self, key: RunKey, resume_key: str, run_id: str | None) -> str | None:
        """The run that is to be gone on with, if there is one."""
        if run_id is not None:
            named = self.search(f"attributes.run_id = '{run_id}'")  # the deleted are not found
            return run_id if named else None
        left = self._find(key, f"tags.resume_key = '{resume_key}'")
        return str(left[0].info.run_id) if left and left[0].info.status == "KILLED" else None

    def _parent(self, cohort: str) -> str:
        if found := self.search(f"tags.parent_of = '{cohort}'"):
            return str(found[0].info.run_id)
        parent = self._create(cohort, {"parent_of": cohort, "cohort": cohort})
        self.client.set_terminated(parent, "FINISHED")
        return parent

    def _create(self, name: str, tags: Mapping[str, str], time_ms: int | None = None) -> str:
        made = {"start_time": time_ms, "run_name": name, "tags": dict(tags)}
        run = self.client.create_run(self.experiment_id, **made)
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


def _is_of_test(metric: str) -> bool:
    """Whether MLflow shows a number at the model, too: what papers print of it."""
    return metric.startswith("test/")


def here() -> dict[str, str]:
    """Tags that say which process makes a run, and from which code."""
    return {
        "host": socket.gethostname(),
        "process": str(os.getpid()),
        "git_commit": git_commit(),
    }


def git_commit() -> str:
    """The commit of the working tree, with `+` where files differ from it.

    "" outside git, as in a ZIP of the project, and on a machine that has no git.
    """

    def git(*words: str) -> str:
        try:
            found = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        except OSError:  # no such program, or one that may not be run
            return ""
        return found.stdout.strip() if found.returncode == 0 else ""

    # A folder that lies unknown in another's repository has no commit of its own.
    commit = git("rev-parse", "HEAD") if git("ls-files", "pyproject.toml") else ""
    return commit + ("+" if commit and git("status", "--porcelain", "src", "conf") else "")


@contextmanager
def needed(tracker: Tracker) -> Iterator[None]:
    """For what is for MLflow alone: its errors in one line that names it.

    Raises:
        OSError: MLflow does not answer, or refuses.
    """
    try:
        yield
    except (ValueError, OSError, ModuleNotFoundError):
        raise
    except Exception as error:
        raise OSError(f"MLflow, {tracker.uri}: {why(error)}") from None


def why(error: BaseException) -> str:
    """What MLflow said, in one short line."""
    text = str(error).strip() or type(error).__name__
    if asked := re.match(r"API request to (\S+) failed", text):
        return f"no answer from {asked[1]}"
    return text.splitlines()[0][:200]


def _refuse_damaged(uri: str) -> None:
    """Raise what SQLite says of its file, which MLflow would try ten times in two minutes."""
    path = Path(uri.removeprefix(SQLITE))
    if uri.startswith(SQLITE) and path.exists():
        with closing(sqlite3.connect(path)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
