"""A checkout for a test to run stages in, without data."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]


def copy_checkout(project: Path) -> Path:
    """Settings and sources of this checkout in an empty folder, which is given back."""
    for name in ("conf", "src"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", project)
    return project
