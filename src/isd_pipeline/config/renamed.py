"""Names that experiments had before: told in one line which name they have now."""

from __future__ import annotations

from collections.abc import Mapping


def refuse_renamed(experiment: str, renamed: Mapping[str, str]) -> None:
    """Raise a ValueError for an experiment's former name."""
    if experiment in renamed:
        raise ValueError(f"experiment {experiment} is now called {renamed[experiment]}")
