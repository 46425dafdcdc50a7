"""The run that is open in MLflow, for nodes that do not know whether anybody listens.

MLflow decorates the work and never stops it. What it cannot be told (no answer, a locked or
damaged database, a run deleted meanwhile, no MLflow installed) is said in one line and kept in
`spool`; it is sent when the run is closed, by the next stage that MLflow is told of, or by
`publish`.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from isd_pipeline.tracking import spool
from isd_pipeline.tracking.shown import shown_figure
from isd_pipeline.tracking.tracker import RunKey, Tracker, here, why

logger = logging.getLogger(__name__)
SENT = "sent with the next training, or by `kedro run --pipelines=publish`"


class Told:
    """What MLflow was told of the open run, and where that is kept once it does not listen."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self._lines: list[dict[str, Any]] = []
        self._path: Path | None = None

    @property
    def listens(self) -> bool:
        """Whether MLflow has taken all until now."""
        return self._path is None

    def tell(self, do: str, **said: Any) -> None:
        """Tell MLflow; from its first error on, keep what it should know."""
        line = {"do": do, "time": int(time.time() * 1000), **said}
        if self._path is not None:
            self._keep([line])
            return
        self._lines = [*([] if do in spool.OPENING else self._lines), line]
        try:
            spool.tell(self.tracker, line)
        except Exception as error:
            self._path = spool.new_path(line["time"])
            told = "MLflow is not told (%s); the work goes on, its figures are kept in %s and %s"
            logger.warning(told, why(error), self._path, SENT)
        if do == "start":  # perhaps it was made, and then MLflow failed
            line["run_id"] = self.tracker.run_id
        if self._path is not None:
            self._keep(self._lines)

    def send(self) -> None:
        """Try once more to tell what was kept."""
        if self._path is None:
            return
        try:
            spool.send(self.tracker, self._path)
        except Exception:
            return  # it was said when it began
        logger.info("MLflow listens again: it was told what had been kept in %s", self._path)

    def _keep(self, lines: list[dict[str, Any]]) -> None:
        try:
            assert self._path is not None
            spool.append(self._path, lines)
        except OSError as error:
            logger.warning("figures for MLflow could not be kept either: %s", why(error))


_open: Told | None = None


def use(tracker: Tracker) -> None:
    """Let the functions below speak to this tracker's open run; send what waits for MLflow."""
    global _open
    _open = Told(tracker)
    for path in spool.waiting():
        try:
            spool.send(tracker, path)
        except Exception as error:
            logger.warning("%s: still waits for MLflow (%s)", path, why(error))
            return
        logger.info("MLflow was told what had been kept in %s", path)


def current() -> Tracker | None:
    """The tracker in use, if any."""
    return _open.tracker if _open else None


def listens() -> bool:
    """Whether there is a tracker, and MLflow has taken all that it was told."""
    return _open is not None and _open.listens


def start(key: RunKey, parameters: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    """Open the child run of `key`, or take up the one that a killed process left."""
    shown = {name: str(value) for name, value in parameters.items()}
    _tell("start", key=asdict(key), parameters=shown, tags={**here(), **tags})


def reopen(key: RunKey) -> None:
    """Open the newest child run of `key` again; without one, a fresh one."""
    _tell("reopen", key=asdict(key))


def log(metrics: Mapping[str, float], step: int = 0) -> None:
    """Log numbers to the open run; without one, do nothing."""
    _tell("log", metrics={name: float(value) for name, value in metrics.items()}, step=step)


def log_epoch(epoch: int, figures: Mapping[str, float]) -> None:
    """Log the figures of an epoch to the open run, under the names that MLflow groups by."""
    log({shown_figure(name): value for name, value in figures.items()}, step=epoch)


def tag(tags: Mapping[str, str]) -> None:
    """Tag the open run; without one, do nothing."""
    _tell("tag", tags=dict(tags))


def belongs(key: RunKey, fingerprints: Mapping[str, str], weights: str | None) -> None:
    """Say which data and which weights the open run is of, by their hashes."""
    _tell("data", key=asdict(key), fingerprints=dict(fingerprints))
    if weights is not None:
        _tell("model", key=asdict(key), weights=weights)


@contextmanager
def part(key: RunKey, parameters: Mapping[str, Any], tags: Mapping[str, str]) -> Iterator[None]:
    """Give a part of a pipeline a run of its own; without a tracker, do nothing.

    If the block raises, the run stays open: `close` is told what it became.
    """
    start(key, parameters, tags)
    yield
    _tell("finish", status="FINISHED")


def close(status: str) -> None:
    """Close the open run, if any, as FINISHED, FAILED or KILLED."""
    global _open
    if _open is not None:
        _tell("finish", status=status)
        _open.send()
        _open = None


def _tell(do: str, **said: Any) -> None:
    if _open is not None:
        _open.tell(do, **said)
