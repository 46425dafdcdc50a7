"""What lies over what, when an experiment's row is read for a cohort."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from isd_pipeline.config.sections import experiment_row

from isd_pipeline.config.experiments import FLOORS, STACK, notes_of, read_plan, read_stack

CONF = Path(__file__).parents[2] / "conf/base"
COHORTS = {"small": {"train": {"model": {"n_queries": 8}, "training": {"patience": 3, "clip": 1}}}}
EXPERIMENTS = {
    "isd": None,
    "recurrent": {"system": "isd_lstm"},
    "caml": {"system": "caml", "training": {"patience": 10}},
    "elsewhere": {
        "system": "caml",
        "training": {"patience": 10},
        "cohorts": {"small": {"model": {"dropout": 0.5}, "training": {"patience": 4}}},
    },
}


def conf(name: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / f"parameters_{name}.yml").read_text())


def row(experiment: str) -> dict[str, Any]:
    return experiment_row(COHORTS, "small", EXPERIMENTS, experiment)


def test_a_row_lies_over_its_cohort_and_a_cohort_in_the_row_over_both() -> None:
    assert row("isd") == {"system": "isd", **COHORTS["small"]["train"]}
    assert row("recurrent") == {"system": "isd_lstm", **COHORTS["small"]["train"]}
    assert row("caml") == {"system": "caml", "training": {"patience": 10, "clip": 1}}
    assert row("elsewhere")["training"] == {"patience": 4, "clip": 1}
    assert row("elsewhere")["model"] == {"dropout": 0.5}
    assert EXPERIMENTS["elsewhere"]["training"] == {"patience": 10}  # nothing is changed in place


def test_what_a_cohort_has_for_a_row_lies_over_all_else_and_names_a_row() -> None:
    rows: dict[str, Any] = {"elsewhere": {"model": {"width": 9}, "training": {"patience": 5}}}
    train = {"training": {"patience": 3, "clip": 1}, "experiments": rows}
    cohorts = {"small": {"train": train}}
    found = experiment_row(cohorts, "small", EXPERIMENTS, "elsewhere")
    assert found["training"] == {"patience": 5, "clip": 1}
    assert found["model"] == {"dropout": 0.5, "width": 9}
    assert "experiments" not in experiment_row(cohorts, "small", EXPERIMENTS, "isd")
    rows["camel"] = {}
    with pytest.raises(ValueError, match="has no 'camel'; did you mean 'caml'"):
        experiment_row(cohorts, "small", EXPERIMENTS, "isd")


def test_the_rows_of_table_4_are_what_they_are_called_on_every_cohort() -> None:
    everything = conf("cohorts") | conf("experiments")
    for cohort in everything["cohorts"]:
        for queries in (1, 32, 64, 128):
            chosen = {"cohort": cohort, "experiment": f"isd_queries_{queries}"}
            assert read_plan(everything | chosen).model.n_queries == queries


@pytest.mark.parametrize("cohort", list(conf("cohorts")["cohorts"]))
def test_every_experiment_can_be_read_for_every_cohort(cohort: str) -> None:
    everything = conf("cohorts") | conf("experiments") | {"cohort": cohort}
    for name, settings in everything["experiments"].items():
        system = (settings or {}).get("system")
        if system == STACK:
            assert read_stack(everything | {"experiment": name}).members == tuple(
                settings["model"]["members"]
            )
        elif system not in FLOORS:
            plan = read_plan(everything | {"experiment": name})
            assert plan.name == (settings or {}).get("system", "isd")


def test_the_cohorts_that_rows_name_exist_here_or_in_the_paper() -> None:
    known = {*conf("cohorts")["cohorts"], *conf("paper")["paper_cohorts"]}
    for settings in conf("experiments")["experiments"].values():
        assert set((settings or {}).get("cohorts", {})) <= known


@pytest.mark.parametrize(
    ("cohort", "experiment", "section", "settings"),
    [
        ("mimic3_full", "dr_caml", "objective", {"description": 0.01}),
        ("mimic3_50", "dr_caml", "objective", {"description": 10}),
        ("mimic3_full", "caml", "model", {"width": 50, "kernel_size": 10, "dropout": 0.2}),
        ("mimic3_full", "caml", "training", {"learning_rate": 1e-4, "batch_size": 16}),
        ("mimic3_50", "multirescnn", "training", {"metric": "dev_p_at_5", "patience": 10}),
        ("mimic3_full", "laat", "model", {"width": 512, "attention_width": 512}),
        ("mimic3_50", "laat", "model", {"width": 256, "attention_width": 256}),
        ("mimic3_full", "caml_tuned", "training", {"learning_rate": 5e-3, "weight_decay": 1e-3}),
    ],
)
def test_rows_are_the_authors_settings(
    cohort: str, experiment: str, section: str, settings: dict[str, Any]
) -> None:
    everything = conf("cohorts") | conf("experiments")
    plan = read_plan(everything | {"cohort": cohort, "experiment": experiment})
    read = getattr(plan, section)
    assert {name: getattr(read, name) for name in settings} == settings


def test_systems_whose_authors_released_no_code_are_noted_whatever_their_row_is_called():
    rows = {"isd": None, "msatt_kg": {"system": "msatt_kg"}, "mine": {"system": "hypercore"}}
    rows |= {"linear_svm": {"system": "linear_svm"}, "caml": {"system": "caml"}}
    said = "re-implementation from the description"
    assert notes_of({"experiments": rows}) == {"msatt_kg": said, "mine": said}
