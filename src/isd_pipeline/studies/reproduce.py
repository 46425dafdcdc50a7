"""A recorded run made again with the code as it is, and held against the record."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import stdev

import torch

from isd_pipeline.catalog.results import Run, read_results
from isd_pipeline.catalog.runs import read_runs
from isd_pipeline.config.loading import read_parameters
from isd_pipeline.config.reading import flatten, plain, refuse_unknown
from isd_pipeline.config.rows import merged_row, run_of
from isd_pipeline.data.io.files import write_text

HEADLINE = ("f1_micro", "f1_micro_tuned", "f1_macro_caml_tuned", "p_at_5", "p_at_8")
SAME, WITHIN, DIFFERENT = "same to the bit", "within the seeds' spread", "different"
PREPARED = {  # what a run reads, and the pipeline that makes it
    "03_primary/{}/code_index.json": "preprocess",
    "03_primary/{}/vocabulary.json": "preprocess",
    "05_model_input/{}": "preprocess",
    "04_feature/{}": "embed",
}
READ = ("01_raw", "02_intermediate", "03_primary", "04_feature", "05_model_input")
SCRATCH = Path("scratch/reproduce")


@dataclass(frozen=True)
class Verdict:
    """What came of it: `verdict`, each headline metric of test before and after, what to know."""

    cohort: str
    experiment: str
    seed: int
    verdict: str
    metrics: Mapping[str, Mapping[str, float]]
    notes: Sequence[str] = ()

    def lines(self) -> list[str]:
        """For people."""
        told = [
            f"{name}: {found['recorded']:.6f} recorded, {found['again']:.6f} again "
            f"({found['difference']:+.6f}; the seeds' spread is {found['low']:.6f} to "
            f"{found['high']:.6f})"
            for name, found in self.metrics.items()
        ]
        return [*self.notes, *told, f"{self.experiment}, seed {self.seed}: {self.verdict}"]


def judge(cohort: str, recorded: Run, again: Run, seeds: Sequence[Run]) -> Verdict:
    """Hold a run against its record.

    Same to the bit: every metric of dev and test is equal, and the weights' SHA-256 where both are
    known. Within the seeds' spread: each headline metric of test lies between the lowest and the
    highest of the recorded seeds, or at most one standard deviation of them (n - 1) outside; of
    one seed no spread is known, so only an equal number lies within. Else different.
    """
    metrics = {name: _beside(name, recorded, again, seeds) for name in HEADLINE}
    within = all(found["low"] <= found["again"] <= found["high"] for found in metrics.values())
    verdict = WITHIN if within else DIFFERENT
    if again.metrics == recorded.metrics and not _differ(recorded.weights, again.weights):
        verdict = SAME
    return Verdict(cohort, *recorded.key, verdict, metrics)


def _beside(name: str, recorded: Run, again: Run, seeds: Sequence[Run]) -> dict[str, float]:
    before, after = recorded.metrics["test"][name], again.metrics["test"][name]
    values = [run.metrics["test"][name] for run in seeds]
    reach = stdev(values) if len(values) > 1 else 0.0
    spread = {"low": min(values) - reach, "high": max(values) + reach}
    return {"recorded": before, "again": after, "difference": after - before, **spread}


def _differ(first: object, second: object) -> bool:
    """Of what is not known, nothing can be said."""
    return first is not None and second is not None and first != second


def reproduce(cohort: str, experiment: str, seed: int, root: Path) -> Verdict:
    """Train and evaluate a recorded run again, in a folder of its own under scratch/."""
    recorded, seeds = _recorded(cohort, experiment, seed, root)
    _refuse_unprepared(cohort, recorded, root)
    device, notes = _device(recorded)
    notes += _changed_settings(cohort, recorded, root)
    project = _project(cohort, recorded, root)
    _run(project, f"cohort={cohort},experiment={experiment},seed={seed},device={device}")
    [again] = read_runs(project / "data/08_reporting" / cohort / "runs")
    notes += [
        f"trained on other data: their {name} have another fingerprint than recorded"
        for name, value in (again.fingerprints or {}).items()
        if _differ((recorded.fingerprints or {}).get(name), value)
    ]
    return replace(judge(cohort, recorded, again, seeds), notes=notes)


def _recorded(cohort: str, experiment: str, seed: int, root: Path) -> tuple[Run, list[Run]]:
    """The run, and all recorded seeds of its experiment."""
    folder = Path("results", cohort)
    runs = read_results(root / folder)
    if not runs:
        raise FileNotFoundError(f"{folder}: no run of this cohort is recorded")
    refuse_unknown(experiment, list(dict.fromkeys(run.experiment for run in runs)), str(folder))
    seeds = [run for run in runs if run.experiment == experiment]
    known = {run.seed: run for run in seeds}
    if seed not in known:
        raise ValueError(f"{folder}: {experiment} has the seeds {[*known]}, and no {seed}")
    return known[seed], seeds


def _refuse_unprepared(cohort: str, recorded: Run, root: Path) -> None:
    """One line that names the command, where the data were not prepared here."""
    pipelines = ["preprocess", "embed"] if recorded.kind == "network" else ["preprocess"]
    for name, pipeline in PREPARED.items():
        path = Path("data", name.format(cohort))
        if pipeline in pipelines and not (root / path).exists():
            raise FileNotFoundError(
                f"{path}: not there yet. Make it with `kedro run --pipelines=extract,"
                f"{','.join(pipelines)} --params=cohort={cohort}`"
            )


def _device(recorded: Run) -> tuple[str, list[str]]:
    """The recorded device; where there is none here, the other one, and that is told."""
    if recorded.device != "gpu":
        unknown = "the record does not say on which device this was trained; now it is the CPU"
        return "cpu", [] if recorded.device else [unknown]
    if torch.cuda.is_available():
        return "cuda", []
    return "cpu", [
        "recorded on a GPU, and made again on the CPU, for no GPU is here: not the same to the bit"
    ]


def _changed_settings(cohort: str, recorded: Run, root: Path) -> list[str]:
    """Where the row says something else today than it did for the recorded run."""
    here = {"cohort": cohort, "experiment": recorded.experiment}
    row = flatten(plain(merged_row(read_parameters(root / "conf") | here).settings))
    before = flatten(recorded.settings or row)
    return [
        f"{name}: {before.get(name, 'nothing')} in the record, {row.get(name, 'nothing')} today"
        for name in sorted({*row, *before})
        if row.get(name) != before.get(name)
    ]


def _project(cohort: str, recorded: Run, root: Path) -> Path:
    """A project folder of its own: the settings, the prepared data, and what an ensemble weighs."""
    project = root / SCRATCH / f"{cohort}-{recorded.experiment}-{recorded.seed}"
    shutil.rmtree(project, ignore_errors=True)
    outputs, data = Path("data/07_model_output"), project / "data"
    (project / outputs / cohort).mkdir(parents=True)
    shutil.copytree(root / "conf", project / "conf")
    write_text(project / "conf/local/tracking.yml", 'uri: ""\n')
    (project / "src").mkdir()  # Kedro wants it to be no link
    for name in ("pyproject.toml", "src/isd_pipeline"):
        _link(root / name, project / name)
    for name in READ:
        _link(root / "data" / name, data / name)
    for name in ((recorded.settings or {}).get("model") or {}).get("base_models", ()):
        run = outputs.joinpath(*run_of(name, cohort))
        (project / run).parent.mkdir(exist_ok=True)
        _link(root / run, project / run)
    return project


def _link(there: Path, here: Path) -> None:
    if there.exists():
        here.symlink_to(there.resolve())


def _run(project: Path, chosen: str) -> None:
    """Train and evaluate there; what is said goes to stderr."""
    command = ["kedro", "run", "--pipelines=train,evaluate", f"--params={chosen}"]
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    called = [sys.executable, "-m", *command]
    done = subprocess.run(called, cwd=project, env=environment, stdout=sys.stderr, check=False)
    if done.returncode:
        raise ChildProcessError(f"`{' '.join(command)}` failed in {project}; it says why above")
