"""How commands speak: an error in one line instead of a page of traceback, a count with its noun.

Without Kedro and MLflow, which are not there where notes are only coded; what they would add is
looked for where they were imported.
"""

import functools
import logging
import os
import resource
import select
import signal
import sys
from collections.abc import Callable
from typing import Any

import click

OF_EXTRAS = {"dask": "cluster", "distributed": "cluster", "fsspec": "cluster"}
OF_SERVING = ("fastapi", "prometheus_client", "starlette", "uvicorn")
# A pool of processes, of joblib or of Python itself, of which one was killed.
BROKEN_POOLS = ("TerminatedWorkerError", "BrokenProcessPool")
FOR_USERS = (ValueError, OSError, FloatingPointError)


def one_line(command: Callable[..., Any], *, failed: int = 1) -> Callable[..., Any]:
    """Wrap a command: its errors become one line each, and the exit status `failed`.

    ISD_DEBUG=1 shows the trace instead. A process that is killed leaves no core dump: notes would
    be in it.
    """

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            try:
                return command(*arguments, **options)
            finally:
                sys.stdout.flush()
        except (KeyboardInterrupt, SystemExit) as stop:
            # A run that MLflow is told of, which only a process that tracks can have.
            if tracking := sys.modules.get("isd_pipeline.tracking.open_run"):
                tracking.close("KILLED")
            sys.exit(130 if isinstance(stop, KeyboardInterrupt) else stop.code)
        except Exception as error:
            if isinstance(error, BrokenPipeError) and _is_unread():
                _end_unread()
            if os.environ.get("ISD_DEBUG"):
                raise
            raise refusal(cause(error), failed) from None

    return wrapped


def counted(count: int, noun: str) -> str:
    """A number and what it is of: 1 error, 2 errors, 1,200 notes."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def any_letter(*streams: Any) -> None:
    """Have a terminal that lacks a letter show its number, instead of failing when all is done."""
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _is_unread() -> bool:
    """Whether nobody reads what is printed any more, as behind `| head -1`."""
    ends = select.poll()
    for number in (1, 2):
        ends.register(number, 0)
    return any(state & select.POLLERR for _, state in ends.poll(0))


def _end_unread() -> None:
    """End as a shell has it of a command whose reader went: quietly, with 128 + SIGPIPE."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    sys.exit(128 + signal.SIGPIPE)


def show_progress() -> None:
    """Show what the library tells of its progress, on standard error."""
    logger, shown = logging.getLogger("isd_pipeline"), logging.StreamHandler()
    shown.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(shown)
    logger.setLevel(logging.INFO)


def refusal(text: str, exit_code: int) -> click.ClickException:
    """An error of one line that ends a command with this exit status."""
    kind = type("Refusal", (click.ClickException,), {"exit_code": exit_code})
    told: click.ClickException = kind(text)
    return told


def cause(error: BaseException) -> str:
    """What went wrong: the innermost error that was written for the user, in one line."""
    while error.__cause__ is not None and _is_for_users(error.__cause__):
        error = error.__cause__
    text = " ".join(str(error).split())
    if _is_for_users(error):
        return text
    if type(error).__name__ in BROKEN_POOLS:
        return (
            "a worker process was killed, as happens where memory runs out; nothing half made was "
            "kept. Run the same command again, with fewer at once: --params jobs=1"
        )
    missing = str(getattr(error, "name", "")).partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and missing != "isd_pipeline":
        extra = "serve" if missing in OF_SERVING else OF_EXTRAS.get(missing, "pipeline")
        install = f"pip install '.[{extra}]' in the checkout"  # the project is on no index
        return f"this needs {missing}, which is not here: {install}"
    return f"{type(error).__name__}: {text} (ISD_DEBUG=1 shows where)"


def _is_for_users(error: BaseException) -> bool:
    """One of ours, or Kedro's error of a file that it could not read or write."""
    kedro_io = sys.modules.get("kedro.io")
    return isinstance(error, (*FOR_USERS, *([kedro_io.DatasetError] if kedro_io else [])))
