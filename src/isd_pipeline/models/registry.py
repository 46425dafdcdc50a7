"""Where each system that can be trained lives: its name and its module, loaded when asked for.

A new system is its file and a line here. Nothing is imported by importing this: a training of one
system runs no code of another.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isd_pipeline.models.system import System

MODULES = {
    "isd": "isd_pipeline.models.isd.system",
    "isd_lstm": "isd_pipeline.models.isd.lstm",
    "isd_pretrained": "isd_pipeline.models.isd.pretrained",
    "cnn": "isd_pipeline.models.cnn_gru",
    "bi_gru": "isd_pipeline.models.cnn_gru",
    "bag_of_embeddings": "isd_pipeline.models.bag_of_embeddings",
    "caml": "isd_pipeline.models.caml",
    "dr_caml": "isd_pipeline.models.caml",
    "multirescnn": "isd_pipeline.models.multirescnn",
    "laat": "isd_pipeline.models.laat",
    "joint_laat": "isd_pipeline.models.laat",
    "ha_gru": "isd_pipeline.models.ha_gru",
    "msatt_kg": "isd_pipeline.models.msatt_kg",
    "hypercore": "isd_pipeline.models.hypercore",
    "plm_icd": "isd_pipeline.models.plm_icd",
    "plm_ca": "isd_pipeline.models.plm_icd",
}


def names() -> tuple[str, ...]:
    """Every system's name."""
    return tuple(MODULES)


def module_name(name: str) -> str:
    """The dotted name of the module of a system."""
    return MODULES[name]


def load(name: str) -> System:
    """Import a system's module; an unknown name is a ValueError with the near match."""
    if name not in MODULES:
        near = get_close_matches(name, MODULES, n=1) or list(MODULES)
        raise ValueError(f"there is no system '{name}'; did you mean {' or '.join(near)}?")
    system: System = import_module(MODULES[name]).SYSTEMS[name]
    return system
