"""Who is at work on what: two processes never write the same run at once, nor what it reads."""

import fcntl
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

logger = logging.getLogger(__name__)
FOLDER = Path("scratch/at_work")
ON_A_COHORT = {"generate", "extract", "preprocess", "embed"}  # make what every run of it reads
ON_A_RUN = {"train", "evaluate", "evidence", "search"}


class AtWork:
    """The locks of one process on what it makes, so that two never write the same run at once.

    Stages that prepare a cohort have it alone; its trainings share it, and each has its own run
    alone. Who comes second waits, and says so. A process that dies lets go.
    """

    def __init__(self) -> None:
        self._held: list[IO[str]] = []

    def take(self, pipelines: Iterable[str], parameters: Mapping[str, Any]) -> None:
        """Take what these pipelines need; wait where another process has it."""
        names = {*pipelines}
        cohort, experiment, seed = (str(parameters[n]) for n in ("cohort", "experiment", "seed"))
        if names & (ON_A_COHORT | ON_A_RUN):
            self._take([cohort], shared=not names & ON_A_COHORT)
        if names & ON_A_RUN:
            self._take([cohort, experiment, f"seed {seed}"], shared=False)

    def let_go(self) -> None:
        """Let go of everything."""
        while self._held:
            self._held.pop().close()

    def _take(self, what: list[str], *, shared: bool) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        file = (FOLDER / f"{'-'.join(what).replace(' ', '_')}.lock").open("a")
        self._held.append(file)
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.warning("another process is at work on %s: waiting for it", ", ".join(what))
            fcntl.flock(file, kind)
        except OSError:  # a file system without locks, as some of a network are
            return
