"""Automatic ICD coding: ISD (Zhou et al., ACL 2021) from hospital files to tracked results.

The layers, each importing only from those before it (import-linter holds it):
data > text > embeddings > training > models > predictors > evaluation > reports, coding >
config > catalog > studies, tracking, synthetic > pipelines > commands.

In Python: `Coder`, `Note`, `fit`, `metrics` (docs/python.md), each imported when it is asked for.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"
__all__ = ["Coder", "Note", "__version__", "fit", "metrics"]
_MODULES = {"Coder": "coding.coder", "Note": "coding.coder", "fit": "fitting"}
_MODULES["metrics"] = "evaluation.arrays"


def __getattr__(name: str) -> Any:
    """What stands in a module that only its users import."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """For completion."""
    return sorted({*globals(), *__all__})
