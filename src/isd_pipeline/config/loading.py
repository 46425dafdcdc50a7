"""How parameters are put together from conf/, for Kedro's runs and for commands beside them."""

from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader

LOADER_ARGS: dict[str, Any] = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"tracking": ["tracking*"]},
    # conf/local changes the keys it names, and only them.
    "merge_strategy": {"parameters": "soft", "tracking": "soft"},
}


def read_parameters(conf: Path) -> dict[str, Any]:
    """All parameters, as a run of Kedro is given them."""
    found: dict[str, Any] = OmegaConfigLoader(str(conf), **LOADER_ARGS)["parameters"]
    return found
