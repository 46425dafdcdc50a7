"""How long a training takes: as recorded, or by the pace of others.

Minutes are those of the record, results/COHORT/runs.jsonl, where it has this experiment on this
cohort. Else they are an estimate, by the pace of recorded trainings of the same system: words read
in a minute; notes times codes where nothing is read in epochs; notes of an ensemble. All are of one
CPU core.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from isd_pipeline.catalog.results import RUNS
from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.expected_counts import expected_counts
from isd_pipeline.config.experiments import read_plan
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.config.rows import system_of
from isd_pipeline.predictors.registry import ENSEMBLE, NETWORK, kind_of

EPOCHS = 40  # of a training that ends when it improves no more, where none is recorded
WORDS = 1_500  # of a note whose words nobody counted: MIMIC-III's discharge summaries have 1,485
GENERATED = 2 / 3  # share of a synthetic hospital's admissions that train
RECORDED, ESTIMATED, UNKNOWN = "recorded", "estimated", "unknown"


@dataclass(frozen=True)
class Shape:
    """How large a cohort is: training notes, words of one, codes."""

    notes: float
    words: float
    codes: float


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
        work = self._work(shape, system, self._epochs(cohort, experiment))
        return work / median(same or like), ESTIMATED

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
        card = read(self.root / f"results/{cohort}/data_card.json")
        if card:
            train = card["splits"]["train"]
            mean = train["words_per_document"]["mean"]
            return Shape(train["documents"], mean, card["codes"]["distinct"])
        counts = read(self.root / f"data/03_primary/{cohort}/counts.json")
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
    found = []
    for text in path.read_text(encoding="utf-8").splitlines():
        with suppress(ValueError):  # a damaged line is told where the record is used
            found.append({**json.loads(text), "cohort": path.parent.name})
    return [line for line in found if line.get("settings")]


def has_files(raw: Path) -> bool:
    """Whether a cohort's raw files are there: a file, or a folder that is not empty."""
    return raw.is_file() or (raw.is_dir() and any(raw.iterdir()))


def read(path: Path) -> Any:
    """A file of YAML or JSON; None where it is not there, or damaged."""
    with suppress(OSError, yaml.YAMLError):
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return None
