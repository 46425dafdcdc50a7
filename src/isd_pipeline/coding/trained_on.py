"""What a bundle says of its training data: names, counts and figures, nothing of a note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TrainedOn:
    """The data of a bundle, for its card.

    source: the corpus, in words.  language: of the notes.  systems: how many codes of each coding
    system.  synthetic: whether the notes were generated.  notes: documents of train, dev and test.
    split: how these were parted.  licence: the terms of the notes.  intervals: by test metric the
    95 % bootstrap interval over test documents, empty where its replicates were not there.
    """

    source: str
    language: str
    systems: Mapping[str, int]
    synthetic: bool
    notes: Mapping[str, int]
    split: str
    licence: str
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def trained_on_from(record: Mapping[str, Any] | None) -> TrainedOn | None:
    """What `dataclasses.asdict` made of it, as read from JSON; None for a bundle without."""
    if record is None:
        return None
    intervals = {name: (low, high) for name, (low, high) in record["intervals"].items()}
    return TrainedOn(**{**record, "intervals": intervals})
