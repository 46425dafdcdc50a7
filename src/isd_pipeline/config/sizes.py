"""Settings for a cohort that names none: they follow the number of its notes and codes.

The defaults of every setting are the paper's, for 47,723 training notes. On a hundred they take
hours and learn nothing. So a cohort whose section has neither `profile` nor `embed` nor `train`
takes those of the first row of conf/base/parameters_sizes.yml that its data fit into, once the
stage `preprocess` has counted them. MIMIC itself (`real: true`) keeps the paper's.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from isd_pipeline.config.reading import read_config

SIZES = "conf/base/parameters_sizes.yml: sizes"
COUNTS = "data/03_primary/{}/counts.json"  # what `preprocess` counted
OF_SETTINGS = ("profile", "embed", "train")
SIZED = {"embed", "settings", "train", "search"}  # the stages that read these settings


@dataclass(frozen=True, kw_only=True)
class SizeSettings:
    """What data of at most so many training notes and codes are told; 0: of any number."""

    notes: int = 0
    codes: int = 0
    profile: str = ""
    embed: dict[str, Any] = field(default_factory=dict)

    def holds(self, notes: int, codes: int) -> bool:
        """Whether data fit into this row."""
        return (not self.notes or notes <= self.notes) and (not self.codes or codes <= self.codes)


class Sized(NamedTuple):
    """Parameters with the settings of their sizes, and by cohort what is to be said of it."""

    parameters: dict[str, Any]
    told: dict[str, str]


def follows_size(section: Mapping[str, Any]) -> bool:
    """Whether the settings of a cohort follow its size."""
    is_real = bool((section.get("extract") or {}).get("real"))
    return "extract" in section and not is_real and not any(n in section for n in OF_SETTINGS)


def with_sizes(parameters: Mapping[str, Any], project: Path) -> Sized:
    """The parameters, each cohort that names no settings having those of its size.

    Raises a ValueError for a row of the table that cannot be read.
    """
    rows = read_sizes(parameters)
    cohorts, told = dict(parameters.get("cohorts") or {}), {}
    for name, section in cohorts.items():
        if rows and follows_size(section):
            row, told[name] = _of_size(name, rows, project)
            named = {key: getattr(row, key) for key in ("profile", "embed") if getattr(row, key)}
            cohorts[name] = {**section, **named}
        elif lacking := _takes_the_papers(section):
            told[name] = f"{name} names no {lacking}: there it takes the paper's, for 47,723 notes"
    return Sized({**parameters, "cohorts": cohorts}, told)


def read_sizes(parameters: Mapping[str, Any]) -> dict[str, SizeSettings]:
    """The rows of the table of sizes, in its order."""
    rows = (parameters.get("sizes") or {}).items()
    return {name: read_config(SizeSettings, row, f"{SIZES}.{name}") for name, row in rows}


def row_of(rows: Mapping[str, SizeSettings], notes: int, codes: int) -> str:
    """The first row that data of so many training notes and codes fit into; "" where none does."""
    return next((name for name, row in rows.items() if row.holds(notes, codes)), "")


def refuse_uncounted(stages: Collection[str], parameters: Mapping[str, Any], project: Path) -> None:
    """Raise where one run would take settings by size before its own `preprocess` has counted.

    So it would, too, where raw files are newer than the count: it is that of former data.
    """
    name = parameters["cohort"]
    section = parameters["cohorts"][name]
    one_run = "preprocess" in stages and SIZED.intersection(stages)
    if not one_run or not follows_size(section):
        return
    counts = project / COUNTS.format(name)
    raw = section["extract"].get("raw", f"data/01_raw/{name}")
    if not counts.exists():
        known = "are known once `preprocess` has counted"
    elif changed_at(project / raw) > counts.stat().st_mtime:
        known = f"would be those of former data: {raw} is newer than what `preprocess` counted"
    else:
        return
    raise ValueError(
        f"{name} names no settings (profile, embed, train), and those of its size {known}. "
        f"Run `kedro run --pipelines=extract,preprocess --params cohort={name}` first, then this"
    )


def changed_at(path: Path) -> float:
    """When a file, or a folder or anything below it, was last written; 0 where nothing is there."""
    below = path.rglob("*") if path.is_dir() else ()
    return max((one.stat().st_mtime for one in (path, *below) if one.exists()), default=0.0)


def _takes_the_papers(section: Mapping[str, Any]) -> str:
    """What a cohort leaves out that names other settings, if it is not MIMIC itself."""
    if "extract" not in section or section["extract"].get("real"):
        return ""
    trains = "profile" in section or "train" in section
    if trains and "embed" in section:
        return ""
    return "`embed`" if trains else "`profile` and no `train`"


def _of_size(
    name: str, rows: Mapping[str, SizeSettings], project: Path
) -> tuple[SizeSettings, str]:
    """The row of a cohort's data, and what is said of it; an empty row before they are counted."""
    path = project / COUNTS.format(name)
    source = f"{name} names no settings (profile, embed, train)"
    if not path.exists():
        waits = "they follow the number of notes and codes, which `preprocess` counts"
        return SizeSettings(), f"{source}: {waits}"
    counts = json.loads(path.read_text(encoding="utf-8"))
    notes, codes = int(counts["train_documents"]), int(counts["labels"])
    key = row_of(rows, notes, codes)
    row = rows.get(key, SizeSettings())
    taken = f"profile {row.profile}" if row.profile else "the paper's settings"
    said = f"{notes:,} training notes and {codes:,} codes take {taken} ({SIZES}.{key})"
    return row, f"{source}: {said}; `isd show {name} EXPERIMENT` prints all"
