"""What a run of the pipeline knows of itself: the code, and who listens to its epochs.

The hook makes it (hooks.py) and every node that trains or evaluates takes it as an input.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunContext:
    """`code`: by stage, the hash of the code that makes its outputs. `made_by` is what is recorded.

    `on_epoch` takes the number of an epoch, counted from 1, and its figures.
    """

    code: Mapping[str, str] = field(default_factory=dict)
    made_by: Mapping[str, Any] = field(default_factory=dict)
    on_epoch: Callable[[int, Mapping[str, float]], None] = lambda epoch, figures: None

    def of(self, stage: str) -> dict[str, Any]:
        """What is recorded of an output of a stage."""
        return {**self.made_by, "code": self.code.get(stage, "")}
