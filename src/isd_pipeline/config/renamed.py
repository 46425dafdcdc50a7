"""Names that experiments had before: told in one line which name they have now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def refuse_renamed(experiment: str, renamed: Mapping[str, str]) -> None:
    """Raise a ValueError for an experiment's former name."""
    if experiment in renamed:
        raise ValueError(f"experiment {experiment} is now called {renamed[experiment]}")


def read_renamed(root: Path) -> Mapping[str, str]:
    """By former name, the name of today, from a project's conf/base."""
    import yaml

    text = (root / "conf/base/parameters_renamed.yml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)["renamed"]
    return found
