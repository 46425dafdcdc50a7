"""What a table of a study asks for: its trainings, how many are here, how long the others take."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from isd_pipeline.config.cohorts import cohort_section, is_generated
from isd_pipeline.config.experiments import first_cohort
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.config.reading import choose, refuse_unknown
from isd_pipeline.config.reports import TABLES, read_tables
from isd_pipeline.config.rows import has_one_run, own_row, run_of
from isd_pipeline.messages import counted
from isd_pipeline.studies.clock import RECORDED, Clock, has_files, read
from isd_pipeline.studies.graphs import SEEDS

DEMO = "demo"  # the root's dvc.yaml, asked for by studies/stages.yaml
EVIDENCE = "evidence"  # the stages evidence_SYSTEM of a study
LONG = 10.0  # minutes, beyond which a command says what it will take
UNTOLD = "nothing tells how long: no such training is recorded, and notes and codes are not counted"
MADE = "data/08_reporting/{}/runs/{}/seed_{}/metrics.json"


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
    missing: str = ""  # the raw files, where they are not here

    @property
    def minutes(self) -> float:
        """Of all that are to be made, as far as they are known."""
        return sum(one.to_make * (one.minutes or 0) for one in self.trainings)

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        each = [asdict(one) | {"to_make": one.to_make} for one in self.trainings]
        told = {"cohort": self.cohort, "table": self.table, "minutes": round(self.minutes, 1)}
        told |= {"missing_raw_files": self.missing}
        return {**told, "trainings": each}

    def lines(self, jobs: int = 1) -> Iterator[str]:
        """For people: what will be run, how long it takes, and of which experiments."""
        total = sum(len(one.seeds) for one in self.trainings)
        left = sum(one.to_make for one in self.trainings)
        made = f"{counted(total, 'training')}, {left} of them to be made here"
        yield f"{self.table} of {self.cohort}: {made}"
        waiting = [one for one in self.trainings if one.to_make]
        names = {
            one: "/".join([one.cohort] * (one.cohort != self.cohort) + [one.experiment])
            for one in waiting
        }
        width = max(map(len, names.values()), default=0)
        for one in waiting:
            each = UNTOLD if one.minutes is None else f"{_time(one.minutes)} each{_by(one)}"
            yield f"  {one.to_make:3} {names[one]:{width}}  {each}"
        if waiting:
            yield f"  in all {self._in_all(jobs)}"
        if self.missing:
            yield f"  before that: {self.missing}, where the raw files are to be, has none yet"

    def _in_all(self, jobs: int) -> str:
        if not self.minutes:
            return UNTOLD
        unknown = any(one.to_make and one.minutes is None for one in self.trainings)
        side = f", {jobs} at once where there are as many cores" if jobs > 1 else ""
        least = "at least " if unknown else ""
        return f"{least}{_time(self.minutes / jobs)} on CPU cores{side}; a GPU takes less"


def cost_of(parameters: Mapping[str, Any], cohort: str, table: str, root: Path = Path()) -> Cost:
    """What a table, the demonstration or the stages of evidence ask for of a cohort.

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
    raw = cohort_section(parameters["cohorts"], cohort, "extract", ExtractSettings).raw
    lacks = not has_files(root / raw) and not is_generated(parameters["cohorts"], cohort)
    return Cost(cohort, table, tuple(found), raw if lacks else "")


def told_of_run(parameters: Mapping[str, Any], cohort: str, experiment: str, times: int = 1) -> str:
    """A line on a training, or so many of it, that may take long; nothing where it does not."""
    minutes, source = Clock(parameters, Path()).minutes(cohort, experiment)
    if minutes is not None and minutes * times < LONG:
        return ""
    what = f"{experiment} on {cohort}" if times == 1 else f"{times} trainings of {experiment}"
    if minutes is None:
        return f"{what}: {UNTOLD}"
    one = Trainings(cohort, experiment, (1,), 0, minutes, source)
    return f"{what}: {_time(minutes * times)} on a CPU core{_by(one)}; a GPU takes less"


def told_before(pipelines: Sequence[str], parameters: Mapping[str, Any]) -> list[str]:
    """What is to be said before these pipelines run, of those that may take long."""
    cohort, experiment = parameters["cohort"], parameters["experiment"]
    told = []
    if "train" in pipelines:
        told.append(told_of_run(parameters, cohort, experiment))
    if "search" in pipelines:
        trials = ((parameters.get("search") or {}).get(experiment) or {}).get("trials", 1)
        told.append(told_of_run(parameters, cohort, experiment, trials))
    if "evidence" in pipelines:
        told.append(
            f"evidence of {experiment} on {cohort}: reads the marked notes of dev and test; "
            "nothing tells how long, minutes for hundreds of notes"
        )
    return [line for line in told if line]


def _rows(
    parameters: Mapping[str, Any], cohort: str, table: str, root: Path
) -> tuple[Sequence[str], tuple[int, ...]]:
    """The experiments of a table, and the seeds of its cohort's study."""
    lists = read(root / f"studies/{cohort}/study.yaml")
    if table == EVIDENCE:
        if not lists or not lists.get("evidence"):
            raise ValueError(f"studies/{cohort}/study.yaml: lists no experiments for `evidence`")
        return lists["evidence"], tuple(lists["seeds"])
    if table == DEMO:
        asked = read(root / "studies/stages.yaml")[DEMO]
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


def _by(one: Trainings) -> str:
    return ", as recorded" if one.source == RECORDED else ", an estimate"


def _time(minutes: float) -> str:
    """About how long, in the unit that people say it in."""
    if minutes < 1:
        return "under a minute"
    for unit, size in (("days", 1440), ("hours", 60)):
        if minutes >= 2 * size:
            return f"about {minutes / size:,.0f} {unit}"
    return f"about {counted(round(minutes), 'minute')}"
