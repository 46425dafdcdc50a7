"""An error told in one line instead of a page of traceback.

Without Kedro's framework, which sets up logging when it is imported: `isd code` may run anywhere.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click
from kedro.io import DatasetError

from isd_pipeline.tracking import tracker as tracking

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


def _terminated(*_: object) -> NoReturn:
    sys.exit(143)
