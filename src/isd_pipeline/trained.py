"""A folder of notes and codes into page and bundle: what `isd train` and `fit` have in common.

It stands above the layers, for it needs the check of the stage `extract` and the studies.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from isd_pipeline.catalog.formats import read_json
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.config.loading import read_parameters
from isd_pipeline.config.names import NAME, OF_YAML, TAKEN, refuse_name
from isd_pipeline.config.reading import read_config
from isd_pipeline.data.quality.findings import Finding
from isd_pipeline.messages import counted
from isd_pipeline.studies import custom_training as training
from isd_pipeline.studies.choice import REGRESSION, Plan, plan, settings_of
from isd_pipeline.studies.custom_sizes import Looked, look

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks for. `custom` is the section of that name (docs/custom_data.md).

    `to`: where the result goes; None: data/trained/NAME of the project. `keep`: under which name
    section and study are written into the project, "" for not at all.
    """

    folder: Path
    custom: dict[str, Any]
    minutes: float = 10
    to: Path | None = None
    keep: str = ""
    device: str = "auto"
    jobs: int = 1
    force: bool = False
    only_plan: bool = False

    @property
    def cohort(self) -> str:
        """What the data set is called: as it is kept, or by its folder."""
        name = re.sub(r"\W+", "_", self.folder.resolve().name, flags=re.ASCII).strip("_")
        taken = {*OF_YAML, *TAKEN["cohorts"]}
        usable = NAME.fullmatch(name) and name.lower() not in taken
        return self.keep or (name if usable else "custom")


def train(request: Request, root: Path, tell: Tell, warn: Tell) -> training.Trained | None:
    """Check, choose, train, evaluate, write; None where only the plan is asked for.

    Raises:
        ValueError: the check finds an error (its lines were told to `warn`), or the minutes are
            too few.
        FileExistsError: `to` or `keep` is taken.
    """
    _refuse_folder(request.folder)
    to = request.to or root / "data/trained" / request.cohort
    if request.minutes <= 0:
        raise ValueError(f"--minutes {request.minutes:g}: a number above 0 is wanted")
    if request.keep:
        refuse_name(request.keep, "--keep")
        training.refuse_kept(request.keep, root)
    training.refuse_target(to, force=request.force)
    parameters = read_parameters(root / "conf")
    if request.keep in parameters["cohorts"]:
        raise FileExistsError(f"--keep {request.keep}: a cohort has that name; take another")
    raw = request.folder.resolve()
    extract: dict[str, Any] = {
        "source": "custom",
        "raw": _named(raw, root),
        "custom": request.custom,
    }
    settings = read_config(ExtractSettings, {**extract, "raw": str(raw)}, "the command")
    seen = look(raw, settings.custom) if raw.is_dir() else None
    if seen is not None:
        extract |= {"language": "es" if seen.language == "es" else "en"}
        extract |= {"split_seed": seen.seed} if seen.seed not in (None, 1) else {}
    _check(raw, extract, parameters, warn)
    assert seen is not None  # what the check finds no error in was read
    chosen = plan(seen.sizes, request.minutes, parameters, root / "results")
    _tell_plan(seen, chosen, request, to, root, tell)
    if request.only_plan:
        return None
    section = {"extract": extract, **settings_of(chosen.regime), "report": {"k": 5}}
    asked = training.Asked(
        cohort=request.cohort,
        section={**section, "extract": {**extract, "raw": str(raw)}},
        experiments=chosen.experiments,
        embeds=chosen.embeds,
        device=request.device,
        jobs=request.jobs,
    )
    found = training.train(asked, to, root, tell)
    if request.keep:
        for path in training.keep(request.keep, section, chosen.experiments, root):
            tell(f"kept: {path}")
    return found


def _refuse_folder(folder: Path) -> None:
    if not folder.exists():
        near = get_close_matches(folder.name, _names_beside(folder), n=1)
        hint = f"; is it {folder.with_name(near[0])}?" if near else ""
        raise FileNotFoundError(f"{folder}: no such folder{hint}")
    if not folder.is_dir():
        raise NotADirectoryError(
            f"{folder}: a file; name the folder that it is in, with notes.* and codes.*"
        )


def _names_beside(folder: Path) -> list[str]:
    return [one.name for one in folder.parent.iterdir()] if folder.parent.is_dir() else []


def _named(raw: Path, root: Path) -> str:
    """The folder as a section names it: from the project where it lies in it."""
    inside = root.resolve()
    return str(raw.relative_to(inside) if raw.is_relative_to(inside) else raw)


def _check(raw: Path, extract: dict[str, Any], parameters: dict[str, Any], warn: Tell) -> None:
    """What `isd check` says: its errors and warnings. An error ends it."""
    from isd_pipeline.pipelines.extract import checking

    target = str(raw)
    cohorts = {target: {"extract": {**extract, "raw": target}}}
    findings, _ = checking.check(target, cohorts, parameters.get("profiles"))
    _tell_findings(findings, warn)
    if count := sum(one.level == "error" for one in findings):
        raise ValueError(f"{raw}: {counted(count, 'error')} (above); nothing was trained")


def _tell_findings(findings: Iterable[Finding], warn: Tell) -> None:
    listed = list(findings)
    for one in listed:
        if one.level != "note":  # keys of a section are options here
            line = re.sub(r"custom\.(\w+)", lambda key: as_option(key[1]), one.line())
            warn(f"{one.level + ':':9}{line}")
    n = Counter(one.level for one in listed)
    warn(f"check: {counted(n['error'], 'error')}, {counted(n['warning'], 'warning')}")


def as_option(key: str) -> str:
    """What a key of the section `custom` is called on the command line."""
    return f"--{key.replace('_', '-')}"


def _tell_plan(
    seen: Looked, chosen: Plan, request: Request, to: Path, root: Path, tell: Tell
) -> None:
    sizes, regime = seen.sizes, chosen.regime
    marks = ", with coders' marks" if sizes.marked else ""
    split = "split as given" if seen.seed is None else f"split by patient with seed {seen.seed}"
    tell(
        f"{seen.documents:,} coded notes ({sizes.notes:,} to train on; {split}), "
        f"{sizes.codes:,} codes, {sizes.words:,} words to train on{marks}; "
        f"language {seen.language or 'unknown'}"
    )
    tell(f"kind of data: {regime.name} ({_record(regime.cohort, root)})")
    for one in (chosen.chosen, *chosen.others):
        gained = "" if one.experiment == REGRESSION else f", micro-F1 {_gained(one.gain)} there"
        head = "chosen" if one is chosen.chosen else "  not"
        over = "" if one.minutes <= request.minutes else f", over --minutes {request.minutes:g}"
        tell(f"{head}: {one.experiment}, about {_minutes(one.minutes)}{over}{gained}")
    tell(f"trains {', '.join(chosen.experiments)}; writes {to}")


def _record(cohort: str, root: Path) -> str:
    """Whose record it is chosen by, and of how many notes that is."""
    if not cohort:
        return "tried on the first 100 training reports of CodiEsp, docs/training.md"
    card = read_json(root / f"results/{cohort}/data_card.json")
    notes, codes = (card["splits"]["train"]["documents"], card["codes"]["distinct"])
    return f"as recorded of {cohort}: {notes:,} training notes, {codes:,} codes"


def _gained(gain: object) -> str:
    return f"{gain} over the regression" if gain is not None else "not recorded"


def _minutes(minutes: float) -> str:
    return f"{minutes:.0f} minutes" if minutes >= 1.5 else "a minute"


def shown(found: training.Trained) -> list[str]:
    """The result in a few lines: figures of the held-out notes with their intervals."""
    n = found.notes
    lines = [f"{n['test']} held-out notes; {n['train']} trained, {n['dev']} tuned"]
    for run in sorted(found.runs, key=lambda run: -run.metrics["test"][training.METRIC]):
        value = run.metrics["test"][training.METRIC]
        interval = found.intervals.get(run.experiment, {}).get(training.METRIC)
        within = f" [{max(0, interval[0]):.3f}, {min(1, interval[1]):.3f}]" if interval else ""
        mark = "bundle" if run is found.chosen else ""
        lines.append(f"  {run.experiment:34} micro-F1 {value:.3f}{within} {mark}".rstrip())
    if found.difference:
        difference, low, high = found.difference
        lines.append(
            f"  {found.chosen.experiment} less the regression: {difference:+.3f} "
            f"[{low:+.3f}, {high:+.3f}]"
        )
    return lines
