"""`kedro run`, with an error told in one line instead of a page of traceback."""

from __future__ import annotations

import functools
import os
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
from kedro import KedroDeprecationWarning
from kedro.framework.cli.project import run as kedro_run
from kedro.io import DatasetError

from isd_pipeline.pipelines import tracking
from isd_pipeline.pipelines.configuration import refuse_unknown

FOR_USERS = (ValueError, OSError, FloatingPointError, DatasetError)


def one_line(command: Callable[..., Any], *, failed: int = 1) -> Callable[..., Any]:
    """Wrap a command: its errors become one line each, and the exit status `failed`.

    ISD_DEBUG=1 shows the trace instead.
    """

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        signal.signal(signal.SIGTERM, _terminated)
        try:
            return command(*arguments, **options)
        except KeyboardInterrupt:
            tracking.close("KILLED")
            sys.exit(130)
        except SystemExit:
            tracking.close("KILLED")
            raise
        except Exception as error:
            if os.environ.get("ISD_DEBUG"):
                raise
            told = click.ClickException(cause(error))
            told.exit_code = failed
            raise told from None

    return wrapped


def cause(error: BaseException) -> str:
    """What went wrong: the innermost error that was written for the user, in one line."""
    while isinstance(error.__cause__, FOR_USERS):
        error = error.__cause__
    text = " ".join(str(error).split())
    if isinstance(error, FOR_USERS):
        return text
    return f"{type(error).__name__}: {text} (ISD_DEBUG=1 shows where)"


def run_known(**options: Any) -> Any:
    """Kedro's `run`, which would meet a misspelt pipeline with an import error."""
    folders = [path.parent.name for path in Path(__file__).parent.glob("pipelines/*/pipeline.py")]
    for name in [options["pipeline"], *(options["pipelines"] or [])]:
        if name and name != "__default__":
            refuse_unknown(name, sorted(folders), "--pipelines")
    return kedro_run.callback(**options)


def _terminated(*_: object) -> NoReturn:
    sys.exit(143)


@click.group(name="isd_pipeline")
def cli() -> None:
    """Commands of this project; `run` is Kedro's own."""


# The short form is what people type, and it works; the warning helps nobody here.
warnings.filterwarnings("ignore", message="Option '--pipeline' is deprecated")
warnings.filterwarnings("ignore", category=KedroDeprecationWarning)
cli.add_command(
    click.Command(
        "run",
        callback=one_line(run_known),
        params=kedro_run.params,
        help=kedro_run.help,
        short_help="Run a pipeline, e.g. --pipelines=train --params cohort=synthetic,seed=2",
    )
)
