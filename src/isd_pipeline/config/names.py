"""What cohorts, experiments, profiles and tables may be called.

Their names become folders, stages of DVC, keys of YAML and values of --params, and each of these
reads some words as something else: `2026` and `1e5` as numbers, `on` as true, a dot as a level.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
RULE = "a name is an ASCII letter, then letters, digits or _, at most 80 in all"
OF_YAML = {"on", "off", "yes", "no", "y", "n", "true", "false", "null", "none", "nan", "inf"}
TAKEN = {  # folders and files that stand where those of the name would
    "cohorts": ("side_by_side",),
    "experiments": ("evidence",),
    "tables": ("settings", "generate", "extract", "preprocess", "embed", "demo"),
}
NAMED = ("cohorts", "experiments", "profiles", "tables")


def refuse_name(name: Any, source: str) -> None:
    """Raise a ValueError, in one line, unless this is a name."""
    if isinstance(name, bool) or name is None:
        raise ValueError(f"{source}: a name that YAML reads as {str(name).lower()}; {RULE}")
    if not isinstance(name, str):
        raise ValueError(f"{source}: {name!r} is read as a number, not as a name; {RULE}")
    if not NAME.fullmatch(name):
        raise ValueError(f"{source}: {name!r} cannot be a name; {RULE}")
    if name.lower() in OF_YAML:
        raise ValueError(f"{source}: {name!r} is a word of YAML; take another name")


def refuse_names(places: Mapping[str, Mapping[Any, Path]]) -> None:
    """Raise a ValueError where a section of parameters has a name that cannot be one.

    `places`: by section and name, the file where it stands.
    """
    for section in NAMED:
        seen: dict[str, str] = {}
        for name, path in places[section].items():
            refuse_name(name, f"{path}: {section}")
            if name in TAKEN.get(section, ()):
                raise ValueError(f"{path}: {section}.{name} is taken; choose another name")
            # Some disks keep `own` and `Own` in one folder.
            if (other := seen.setdefault(name.lower(), name)) != name:
                raise ValueError(
                    f"{path}: {section}: {other} and {name} differ in case alone, and some disks "
                    "would keep both in one folder; rename one"
                )
