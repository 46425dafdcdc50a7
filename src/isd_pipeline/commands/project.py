"""The project's folder, found from any folder in it; what runs elsewhere would make a second one.

Settings, data, MLflow's database and scratch are named from there.
"""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAMED = 'package_name = "isd_pipeline"'  # in pyproject.toml, under [tool.kedro]
PARTS = ("conf", "studies", "results", ".dvc")


def root_of(folder: Path) -> Path | None:
    """The project's folder at or above this one; None where there is none."""
    for one in (folder, *folder.parents):
        try:
            if NAMED in (one / "pyproject.toml").read_text(encoding="utf-8"):
                return one
        except (OSError, UnicodeDecodeError):
            continue
    return folder if any((folder / name).is_dir() for name in PARTS) else None


def enter_project(*, required: bool = True) -> Path:
    """Go to the project's folder. What was named from the former folder lies under this path.

    Raises:
        FileNotFoundError: this is in no project, and one is required.
    """
    here = Path.cwd()
    root = root_of(here)
    if root is None and required:
        raise FileNotFoundError(
            f"{here}: in no project of isd_pipeline; go to your checkout (`cd`), the folder with "
            "pyproject.toml and conf/, or into a folder of it"
        )
    if root in (None, here):
        return Path()
    os.chdir(root)
    return here


def in_project(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a command that works on the project: it does so from any folder of it.

    Paths that the user gives are those of the folder in which they were typed.
    """

    @functools.wraps(command)
    def wrapped(**options: Any) -> Any:
        here = enter_project()
        given = {n: here / value for n, value in options.items() if isinstance(value, Path)}
        return command(**options | given)

    return wrapped
