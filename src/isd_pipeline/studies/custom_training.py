"""A custom data set trained in one go: stages, page and bundle, in a project folder of its own.

    TO/report.html   the page       TO/bundle     the bundle
    TO/results       the numbers    TO/study      the section and the study, as --keep writes them

Until it is done TO/project holds the work, and with it the notes. A training that was killed goes
on there, if it is asked for the same; else it is begun anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from isd_pipeline.catalog.formats import read_json
from isd_pipeline.catalog.results import Run, read_results
from isd_pipeline.data.io.files import fingerprint_files, replacing, write_json, write_text
from isd_pipeline.studies.choice import METRIC, REGRESSION
from isd_pipeline.studies.closures import PACKAGE
from isd_pipeline.studies.graphs import LISTS, write_study
from isd_pipeline.studies.working_project import make_project, write_section

SEED, SPLITS = 1, "isd_pipeline.data.splits"
TITLE = "What was trained, against the bag-of-words logistic regression"
ASKED, DONE, IGNORED = "asked.json", "done", ".gitignore"
MADE = ("report.html", "bundle", "results", "study")
SHOWN = (METRIC, "f1_micro", "p_at_5", "map")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What is to be trained: a cohort's section, and the experiments in their order.

    `embeds`: whether one of them reads word vectors. `device` and `jobs` are a machine's.
    """

    cohort: str
    section: Mapping[str, Any]
    experiments: Sequence[str]
    embeds: bool
    device: str = "auto"
    jobs: int = 1

    @property
    def stages(self) -> list[tuple[str, list[str], dict[str, Any]]]:
        """What is done one after the other: its name, the pipelines, their parameters."""
        of_machine = {"device": self.device, "jobs": self.jobs}
        common = {"cohort": self.cohort, **of_machine}
        runs = [
            (name, ["train", "evaluate"], {**common, "experiment": name, "seed": SEED})
            for name in self.experiments
        ]
        words = [("words", ["embed"], common)]  # apart: its settings follow what is counted before
        return [
            ("notes", ["extract", "preprocess"], common),
            *(words if self.embeds else []),
            *runs,
            ("page", ["record", "compare", "report"], common),
        ]


@dataclass(frozen=True)
class Trained:
    """What came of it. `chosen` is the run of the bundle, the best on dev of all that were trained.

    intervals: by experiment, of each metric (low, high), 95 % over bootstrapped test notes.
    difference: of the chosen run's tuned micro-F1 to the regression's, low, high; None of one run.
    """

    folder: Path
    chosen: Run
    runs: tuple[Run, ...]
    intervals: Mapping[str, Mapping[str, tuple[float, float]]]
    difference: tuple[float, float, float] | None
    notes: Mapping[str, int]

    @property
    def bundle(self) -> Path:
        """Where the bundle is."""
        return self.folder / "bundle"


def refuse_target(to: Path, *, force: bool) -> None:
    """Raise where something stands that is no unfinished training of this kind."""
    if not to.exists():
        return
    if to.is_dir() and (to / "bundle").exists():
        if not force:
            raise FileExistsError(
                f"{to}: holds a bundle already; --force trains anew, or name --to"
            )
    elif not to.is_dir() or ({one.name for one in to.iterdir()} - {*MADE, "project", IGNORED}):
        raise FileExistsError(
            f"{to}: is there already, and no unfinished training; name a new --to"
        )


def train(asked: Asked, to: Path, root: Path, tell: Tell) -> Trained:
    """Do what is not done yet, and put the result into TO.

    Raises what a stage raises; the work so far is kept.
    """
    project = _begin(asked, to, root, tell).absolute()
    names = [name for name, _, _ in asked.stages]
    for number, (name, pipelines, parameters) in enumerate(asked.stages, start=1):
        stamp, began = project / DONE / name, time.monotonic()
        if stamp.exists():
            tell(f"{number}/{len(names)} {name}: done before")
            continue
        tell(f"{number}/{len(names)} {name} ({', '.join(pipelines)})")
        with inside(project):
            _run(project, pipelines, parameters)
        write_text(stamp, "")
        tell(f"{number}/{len(names)} {name}: {time.monotonic() - began:.0f} s")
    return _finish(asked, project, to)


def keep(
    name: str, section: Mapping[str, Any], experiments: Sequence[str], root: Path
) -> list[Path]:
    """Write a section and a study into the project, for Kedro and DVC to go on from there."""
    study = root / f"studies/{name}/study.yaml"
    written = [write_section(root, name, section), study]
    write_text(study, study_text(name, experiments))
    return [*written, write_study(name, root)]


def refuse_kept(name: str, root: Path) -> None:
    """Raise, before anything is trained, where a cohort of this name is there already."""
    places = (root / f"conf/base/parameters_cohorts_{name}.yml", root / f"studies/{name}")
    for path in places:
        if path.exists():
            raise FileExistsError(f"{path}: is there already; give --keep another name")


def study_text(name: str, experiments: Sequence[str]) -> str:
    """What may be run on the cohort, as `study.yaml` says it."""
    lists = {"cohort": name, "experiments": list(experiments), "seeds": [SEED]}
    return LISTS + yaml.safe_dump(lists, sort_keys=False, default_flow_style=None, width=100)


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder, in which Kedro's paths are, without MLflow."""
    uri = os.environ.pop("MLFLOW_TRACKING_URI", None)
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        if uri is not None:
            os.environ["MLFLOW_TRACKING_URI"] = uri


def _begin(asked: Asked, to: Path, root: Path, tell: Tell) -> Path:
    """The project folder: that of a killed training of the same, or a new one."""
    project = to / "project"
    told = {**_plain(asked), "files": fingerprint_files(Path(asked.section["extract"]["raw"]))}
    told["code"] = _code()
    if project.exists():
        if (project / ASKED).exists() and read_json(project / ASKED) == told:
            tell(f"{project}: goes on where it was stopped")
            return project
        tell(f"{project}: of other notes, settings or code; is begun anew")
    for name in ("project", *MADE):
        _remove(to / name)
    to.mkdir(parents=True, exist_ok=True)
    write_text(to / IGNORED, "*\n")  # notes, words, weights: in no repository
    make_project(project, root, {})
    for path in (project / "conf/base").glob("parameters_cohorts*.yml"):
        path.unlink()  # of this project's own cohorts none is trained here
    write_section(project, asked.cohort, asked.section)
    table = {"title": TITLE, "experiments": list(asked.experiments), "reference": REGRESSION}
    tables = yaml.safe_dump({"tables": {"trained": table}}, sort_keys=False)
    write_text(project / "conf/base/parameters_tables.yml", tables)
    write_json(project / ASKED, told)
    return project


def _plain(asked: Asked) -> dict[str, Any]:
    """As JSON gives it back."""
    fields = {"cohort": asked.cohort, "section": asked.section, "experiments": asked.experiments}
    plain: dict[str, Any] = json.loads(json.dumps(fields | {"jobs": asked.jobs}))
    return plain


def _code() -> str:
    """A hash of this package's code: work of another version is not gone on with."""
    hashed = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        hashed.update(path.relative_to(PACKAGE).as_posix().encode() + path.read_bytes())
    return hashed.hexdigest()[:16]


def _run(project: Path, pipelines: Sequence[str], parameters: Mapping[str, Any]) -> None:
    """Some pipelines in this process, as `kedro run` has them."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(project)
    session: Any
    with _quiet(), KedroSession.create(project, runtime_params=dict(parameters)) as session:
        session.run(pipeline_names=list(pipelines))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Of what libraries log, what is a warning; the plan has told how the notes are split."""
    wanted = {"kedro": logging.WARNING, "isd_pipeline": logging.WARNING, SPLITS: logging.ERROR}
    loggers = {name: logging.getLogger(name) for name in wanted}
    before = {name: logger.level for name, logger in loggers.items()}
    for name, logger in loggers.items():
        logger.setLevel(wanted[name])
    try:
        yield
    finally:
        for name, logger in loggers.items():
            logger.setLevel(before[name])


def _finish(asked: Asked, project: Path, to: Path) -> Trained:
    from isd_pipeline.catalog.bundling import bundle_of_run
    from isd_pipeline.coding.bundle import Bundle, write_bundle

    results = project / "results" / asked.cohort
    runs = tuple(read_results(results))
    chosen = _best(runs, asked.experiments)
    with inside(project), _quiet():
        made = bundle_of_run(asked.cohort, chosen.experiment, chosen.seed, Path())
    assert isinstance(made, Bundle)  # of two views are cohorts of this project alone
    counts = read_json(project / f"data/03_primary/{asked.cohort}/counts.json")
    _copy(results, to / "results")
    _copy(project / f"data/08_reporting/{asked.cohort}/report.html", to / "report.html")
    study = to / "study"
    kept = write_section(project, asked.cohort, asked.section)
    _copy(kept, study / kept.name)
    write_text(study / "study.yaml", study_text(asked.cohort, asked.experiments))
    write_bundle(made, to / "bundle")  # last: it says that all is there
    shutil.rmtree(project)
    intervals = read_json(to / "results/intervals.json")
    return Trained(
        to,
        chosen,
        runs,
        {name: one["intervals"] for name, one in intervals.items()},
        _difference(to / "results/comparisons.json", chosen.experiment),
        {name: int(counts[f"{name}_documents"]) for name in ("train", "dev", "test")},
    )


def _best(runs: Sequence[Run], experiments: Sequence[str]) -> Run:
    """The best on dev; of equals the last that was trained, which was chosen beforehand."""
    return max(
        runs, key=lambda run: (run.metrics["dev"][METRIC], experiments.index(run.experiment))
    )


def _difference(path: Path, experiment: str) -> tuple[float, float, float] | None:
    for table in read_json(path).values() if path.exists() else ():
        for row in table["rows"] if table["reference"] == REGRESSION else ():
            if (row["experiment"], row["metric"]) == (experiment, METRIC):
                return row["difference"], row["low"], row["high"]
    return None


def _copy(source: Path, target: Path) -> None:
    with replacing(target) as temporary:
        (shutil.copytree if source.is_dir() else shutil.copy)(source, temporary)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
