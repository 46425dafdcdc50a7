"""What a table of a study asks for: its trainings, how many are here, how long the others take.

Minutes are those of the record, results/COHORT/runs.jsonl, where it has this experiment on this
cohort. Else they are an estimate, by the pace of recorded trainings of the same system: words read
in a minute, or pairs of a note and a code where nothing is read in epochs. All are of one CPU core.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from isd_pipeline.catalog.results import RUNS
from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.expected_counts import expected_counts
from isd_pipeline.config.experiments import first_cohort, read_plan
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.config.reading import choose, refuse_unknown
from isd_pipeline.config.reports import TABLES, read_tables
from isd_pipeline.config.rows import has_one_run, own_row, run_of, system_of
from isd_pipeline.predictors.registry import ENSEMBLE, NETWORK, kind_of
from isd_pipeline.studies.graphs import SEEDS

DEMO = "demo"  # the root's dvc.yaml, asked for by studies/stages.yaml
LONG = 10.0  # minutes, beyond which a command says what it will take
EPOCHS = 40  # of a training that ends when it improves no more, where none is recorded
WORDS = 1_500  # of a note whose words nobody counted: MIMIC-III's discharge summaries have 1,485
GENERATED = 2 / 3  # share of a synthetic hospital's admissions that train
RECORDED, ESTIMATED, UNKNOWN = "recorded", "estimated", "unknown"
MADE = "data/08_reporting/{}/runs/{}/seed_{}/metrics.json"


@dataclass(frozen=True)
class Shape:
    """How large a cohort is: training notes, words of one, codes."""

    notes: float
    words: float
    codes: float


@dataclass(frozen=True)
class Trainings:
    """An experiment's runs that a table needs; `minutes` of one, None where nothing tells."""

    cohort: str
    experiment: str
    seeds: tuple[int, ...]
    made: int
    minutes: float | None
    source: str

    @property
    def to_make(self) -> int:
        """How many are not here yet."""
        return len(self.seeds) - self.made


@dataclass(frozen=True)
class Cost:
    """What a table of a cohort asks for, experiment by experiment, base models first."""

    cohort: str
    table: str
    trainings: tuple[Trainings, ...]

    @property
    def minutes(self) -> float:
        """Of all that are to be made, as far as they are known."""
        return sum(one.to_make * (one.minutes or 0) for one in self.trainings)

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        each = [asdict(one) | {"to_make": one.to_make} for one in self.trainings]
        told = {"cohort": self.cohort, "table": self.table, "minutes": round(self.minutes, 1)}
        return {**told, "trainings": each}

    def lines(self, jobs: int = 1) -> Iterator[str]:
        """For people: what will be run, how long it takes, and of which experiments."""
        total = sum(len(one.seeds) for one in self.trainings)
        left = sum(one.to_make for one in self.trainings)
        yield f"{self.table} of {self.cohort}: {_counted(total)}, {left} of them to be made here"
        if not left:
            return
        for one in (one for one in self.trainings if one.to_make):
            name = one.experiment if one.cohort == self.cohort else f"{one.cohort}/{one.experiment}"
            each = "nothing tells how long" if one.minutes is None else f"{_time(one.minutes)} each"
            yield f"  {one.to_make:3} {name:44} {each}{'' if one.minutes is None else _by(one)}"
        side = f", {jobs} at once where there are as many cores" if jobs > 1 else ""
        unknown = any(one.to_make and one.minutes is None for one in self.trainings)
        least = "at least " if unknown else ""
        yield f"  in all {least}{_time(self.minutes / jobs)} on CPU cores{side}; a GPU takes less"


def cost_of(parameters: Mapping[str, Any], cohort: str, table: str, root: Path = Path()) -> Cost:
    """What a table, or the demonstration, asks for of a cohort.

    Raises:
        ValueError: in one line, for a cohort or table that is not there, and for a table whose
            rows the cohort's study does not list.
    """
    choose(cohort, parameters["cohorts"], "conf/base/parameters_cohorts*.yml: cohorts")
    experiments, seeds = _rows(parameters, cohort, table, root)
    clock = Clock(parameters, root)
    found = []
    needed = dict.fromkeys(_needed(parameters, cohort, experiments, seeds))
    for of, experiment, wanted in needed:
        made = sum((root / MADE.format(of, experiment, seed)).exists() for seed in wanted)
        found.append(Trainings(of, experiment, wanted, made, *clock.minutes(of, experiment)))
    return Cost(cohort, table, tuple(found))


def told_of_run(parameters: Mapping[str, Any], cohort: str, experiment: str, times: int = 1) -> str:
    """A line on a training, or so many of it, that may take long; nothing where it does not."""
    minutes, source = Clock(parameters, Path()).minutes(cohort, experiment)
    if minutes is not None and minutes * times < LONG:
        return ""
    what = f"{experiment} on {cohort}" if times == 1 else f"{times} trainings of {experiment}"
    if minutes is None:
        return f"{what}: nothing tells how long it takes; on a CPU it may be hours"
    one = Trainings(cohort, experiment, (1,), 0, minutes, source)
    return f"{what}: {_time(minutes * times)} on a CPU core{_by(one)}; a GPU takes less"


def _rows(
    parameters: Mapping[str, Any], cohort: str, table: str, root: Path
) -> tuple[Sequence[str], tuple[int, ...]]:
    """The experiments of a table, and the seeds of its cohort's study."""
    lists = _read(root / f"studies/{cohort}/study.yaml")
    if table == DEMO:
        asked = _read(root / "studies/stages.yaml")[DEMO]
        if cohort != asked["cohort"]:
            raise ValueError(f"{DEMO} is of {asked['cohort']}, not of {cohort}")
        return asked["experiments"], (1,)
    tables = read_tables(parameters)
    refuse_unknown(table, list(tables), TABLES)
    experiments = tables[table].experiments
    if lists and (missing := [name for name in experiments if name not in lists["experiments"]]):
        raise ValueError(
            f"studies/{cohort}/study.yaml: experiments lacks {', '.join(missing)}, of which "
            f"{table} has rows; add them, then run the same command again"
        )
    return experiments, tuple(lists["seeds"] if lists else SEEDS)


def _needed(
    parameters: Mapping[str, Any], cohort: str, experiments: Iterable[str], seeds: tuple[int, ...]
) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Cohort, experiment and seeds of every run, of an ensemble after those that it weighs."""
    for name in experiments:
        model = own_row(parameters, name).get("model") or {}
        for base in model.get("base_models", ()):
            other, experiment = run_of(base, cohort)
            yield from _needed(parameters, other, [experiment], seeds)
        if first := first_cohort({**parameters, "cohort": cohort}):
            yield from _needed(parameters, first, [name], seeds)
        yield cohort, name, (1,) if has_one_run(parameters, name) else seeds


class Clock:
    """How long trainings took, and by that how long others take."""

    def __init__(self, parameters: Mapping[str, Any], root: Path) -> None:
        self.parameters, self.root = parameters, root
        self._shape = cache(self._shape_of)

    def minutes(self, cohort: str, experiment: str) -> tuple[float | None, str]:
        """Minutes of one training, and whether they are recorded, estimated or unknown."""
        here = [one for one in self._recorded(cohort) if one["experiment"] == experiment]
        if took := [_minutes(one) for one in here if _is_of_cpu(one)]:
            return median(took), RECORDED
        system, shape = system_of(self.parameters, experiment), self._shape(cohort)
        paces = [self._pace(one) for one in self._all if _is_of_cpu(one)]
        paces = [(of, pace) for of, pace in paces if pace]
        same = [pace for of, pace in paces if of == system]
        like = [pace for of, pace in paces if kind_of(of) == kind_of(system)]
        if shape is None or not (same or like):
            return None, UNKNOWN
        return self._work(shape, system, self._epochs(cohort, experiment)) / median(
            same or like
        ), ESTIMATED

    @property
    def _all(self) -> list[Mapping[str, Any]]:
        folders = sorted(path.parent.name for path in self.root.glob(f"results/*/{RUNS}"))
        return [one for cohort in folders for one in self._recorded(cohort)]

    def _recorded(self, cohort: str) -> list[Mapping[str, Any]]:
        return _read_runs(self.root / "results" / cohort / RUNS)

    def _pace(self, run: Mapping[str, Any]) -> tuple[str, float]:
        """The system of a recorded run, and how much work it did a minute; 0 where not known."""
        system, shape = run["settings"]["system"], self._shape(run["cohort"])
        epochs = run["training"].get("epochs", 1)
        return system, self._work(shape, system, epochs) / _minutes(run) if shape else 0.0

    def _work(self, shape: Shape, system: str, epochs: float) -> float:
        if kind_of(system) == NETWORK:
            return shape.notes * shape.words * epochs
        return shape.notes * (1 if kind_of(system) == ENSEMBLE else shape.codes)

    def _epochs(self, cohort: str, experiment: str) -> float:
        if kind_of(system_of(self.parameters, experiment)) != NETWORK:
            return 1
        plan = read_plan({**self.parameters, "cohort": cohort, "experiment": experiment})
        return float(min(plan.settings["training"]["max_epochs"], EPOCHS))

    def _shape_of(self, cohort: str) -> Shape | None:
        """As its data card has it, as `preprocess` counted, as published, as it is generated."""
        card = _read(self.root / f"results/{cohort}/data_card.json")
        if card:
            train = card["splits"]["train"]
            mean = train["words_per_document"]["mean"]
            return Shape(train["documents"], mean, card["codes"]["distinct"])
        counts = _read(self.root / f"data/03_primary/{cohort}/counts.json")
        if counts:
            return Shape(counts["train_documents"], WORDS, counts["labels"])
        section = (self.parameters.get("cohorts") or {}).get(cohort) or {}
        if "generate" in section:
            made = section["generate"]
            return Shape(made["admissions"] * GENERATED, made["words"], made.get("code_pool", 1))
        return self._published(cohort) if "extract" in section else None

    def _published(self, cohort: str) -> Shape | None:
        settings = cohort_section(self.parameters["cohorts"], cohort, "extract", ExtractSettings)
        known = expected_counts(settings, {}) if settings.real else {}
        notes = known.get("train_documents_with_code") or known.get("train_ids")
        return Shape(notes.value, WORDS, known["labels"].value) if notes else None


def _minutes(run: Mapping[str, Any]) -> float:
    return max(float(run["training"]["minutes"]), 0.01)


def _is_of_cpu(run: Mapping[str, Any]) -> bool:
    return not run["training"].get("on_gpu") and "minutes" in run["training"]


@cache
def _read_runs(path: Path) -> list[Mapping[str, Any]]:
    if not path.exists():
        return []
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [{**line, "cohort": path.parent.name} for line in lines if line["settings"]]


def _read(path: Path) -> Any:
    """A file of YAML or JSON; None where it is not there."""
    if not path.exists():
        return None
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def _counted(count: int) -> str:
    return f"{count} training{'s' * (count != 1)}"


def _by(one: Trainings) -> str:
    return ", as recorded" if one.source == RECORDED else ", an estimate"


def _time(minutes: float) -> str:
    """About how long, in the unit that people say it in."""
    if minutes < 1:
        return "under a minute"
    for unit, size in (("days", 1440), ("hours", 60)):
        if minutes >= 2 * size:
            return f"about {minutes / size:,.0f} {unit}"
    return f"about {minutes:.0f} minute{'s' * (round(minutes) != 1)}"
