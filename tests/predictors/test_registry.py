"""Which kind every experiment is of, told by its system and never by the name of its row."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from isd_pipeline.config.rows import system_of
from isd_pipeline.models import registry as models
from isd_pipeline.predictors.registry import (
    BASELINE,
    ENSEMBLE,
    NETWORK,
    READS,
    SYSTEMS,
    is_seeded,
    kind_of,
    module_name,
    predictor,
    reads,
)

CONF = Path(__file__).parents[2] / "conf/base/parameters_experiments.yml"
EXPERIMENTS = yaml.safe_load(CONF.read_text())
LOADED = """
import json, sys
from importlib import import_module
for name in sys.argv[1:]:
    import_module(name)
print(json.dumps([name for name in ("torch", "sklearn", "scipy", "numpy") if name in sys.modules]))
"""


def loaded_by(*modules: str) -> list[str]:
    """Which expensive packages a fresh process has after it imported these modules."""
    command = [sys.executable, "-c", LOADED, *modules]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("experiment", EXPERIMENTS["experiments"])
def test_every_experiment_has_a_kind_whose_module_reads_fits_and_loads_it(experiment: str) -> None:
    system = system_of(EXPERIMENTS, experiment)
    assert kind_of(system) in (NETWORK, BASELINE, ENSEMBLE)
    assert (kind_of(system) == NETWORK) == (system in models.names())
    module = predictor(system)
    assert module.__name__ == module_name(system)
    assert callable(module.fit)
    assert callable(module.load)
    assert "model" in module.sections(system)
    assert READS[kind_of(system)]


def test_a_systems_name_is_of_one_registry() -> None:
    assert not set(SYSTEMS) & set(models.names())
    assert {"isd", "caml", "plm_icd"} <= {n for n in models.names() if kind_of(n) == NETWORK}


def test_a_row_is_a_baseline_by_its_system_whatever_it_is_called() -> None:
    rows = {"my_words": {"system": "linear_svm"}, "linear_svm": {"system": "caml"}, "isd": None}
    kinds = {name: kind_of(system_of({"experiments": rows}, name)) for name in rows}
    assert kinds == {"my_words": BASELINE, "linear_svm": NETWORK, "isd": NETWORK}


def test_a_seed_moves_every_kind_but_a_baseline() -> None:
    moved = {system: is_seeded(system) for system in ("isd", "ensemble", *SYSTEMS)}
    assert moved == {
        "isd": True,
        "ensemble": True,
        "logistic_regression": False,
        "linear_svm": False,
        "noisy_or": False,
        "mention_dictionary": False,
    }


def test_the_mention_dictionary_reads_words_and_mentions_and_no_other_baseline_does() -> None:
    read = {name: set(reads({"system": name})) for name in SYSTEMS if kind_of(name) == BASELINE}
    assert read.pop("mention_dictionary") == {"words_of_notes", "mentions_of_notes"}
    assert set(map(tuple, read.values())) == {("words_of_notes",)}


def test_asking_for_a_kind_imports_no_torch() -> None:
    assert loaded_by("isd_pipeline.predictors.registry", "isd_pipeline.models.registry") == []


def test_reading_a_row_imports_no_torch() -> None:
    assert "torch" not in loaded_by("isd_pipeline.config.rows", "isd_pipeline.catalog.base_models")
