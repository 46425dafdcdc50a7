"""What lies over what, when an experiment's row is read for a cohort."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from isd_pipeline.config.experiments import notes_of, read_plan, shown_parameters
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.config.reading import flatten
from isd_pipeline.config.rows import merged, merged_row, own_row, system_of
from isd_pipeline.hooks import ParametersHook
from isd_pipeline.predictors.registry import predictor

CONF = Path(__file__).parents[2] / "conf/base"
AT = {  # one setting of an ISD row on a cohort, from the lowest layer to the highest
    "profiles.few": {"profiles": {"few": {"training": {"clip": 1}}}},
    "profiles.few.systems.isd": {
        "profiles": {"few": {"systems": {"isd": {"training": {"clip": 2}}}}}
    },
    "cohorts.small.train": {"cohorts": {"small": {"train": {"training": {"clip": 3}}}}},
    "cohorts.small.train.systems.isd": {
        "cohorts": {"small": {"train": {"systems": {"isd": {"training": {"clip": 4}}}}}}
    },
    "experiments.row": {"experiments": {"row": {"training": {"clip": 5}}}},
    "profiles.few.experiments.row": {
        "profiles": {"few": {"experiments": {"row": {"training": {"clip": 6}}}}}
    },
    "cohorts.small.train.experiments.row": {
        "cohorts": {"small": {"train": {"experiments": {"row": {"training": {"clip": 7}}}}}}
    },
}
PARAMETERS: dict[str, Any] = {
    "cohort": "small",
    "experiment": "row",
    "seed": 1,
    "profiles": {
        "few": {
            "training": {"patience": 3, "clip": 1},
            "systems": {"isd": {"model": {"n_queries": 8}}, "caml": {"model": {"dropout": 0.5}}},
            "experiments": {"caml": {"training": {"patience": 7}}},
        }
    },
    "cohorts": {
        "small": {
            "profile": "few",
            "train": {
                "training": {"clip": 2},
                "systems": {"isd": {"model": {"width": 16}}},
                "experiments": {"other": {"training": {"patience": 9}}},
            },
        },
        "plain": {},
    },
    "experiments": {
        "row": None,
        "other": {"system": "isd_lstm", "training": {"patience": 4, "batch_size": 2}},
        "caml": {"system": "caml", "training": {"patience": 5}},
        "words": {"system": "logistic_regression", "model": {"cost": 2.0}},
        "both": {"system": "ensemble", "model": {"base_models": ["row", "words"]}},
    },
}


def everything() -> dict[str, Any]:
    read = [yaml.safe_load(path.read_text()) or {} for path in CONF.glob("parameters*.yml")]
    return {key: value for content in read for key, value in content.items()}


CONFIGURED = everything()


def changed(*keys: str, to: Any) -> dict[str, Any]:
    """The parameters with one value put in."""
    found = deepcopy(PARAMETERS)
    place = found
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = to
    return found


@pytest.mark.parametrize("n", range(len(AT)))
def test_of_the_layers_that_give_a_setting_the_highest_holds(n: int) -> None:
    """Each layer over all below it, in the order of `AT`, and the origin says which it was."""
    given: dict[str, Any] = {
        "cohort": "small",
        "experiment": "row",
        "cohorts": {"small": {"profile": "few"}},
        "profiles": {"few": {}},
        "experiments": {"row": {}},
    }
    for layer in list(AT.values())[: n + 1]:
        given = merged(given, layer)
    found = merged_row(given)
    assert found.settings == {"system": "isd", "training": {"clip": n + 1}}
    assert found.origins == {
        "system": "the default",
        "training.clip": f"{list(AT)[n]}.training.clip",
    }


def test_layers_join_key_by_key_and_change_nothing_in_place() -> None:
    before = deepcopy(PARAMETERS)
    assert merged_row(PARAMETERS).settings == {
        "system": "isd",
        "model": {"n_queries": 8, "width": 16},
        "training": {"patience": 3, "clip": 2},
    }
    assert merged_row(PARAMETERS, "caml").settings == {
        "system": "caml",
        "model": {"dropout": 0.5},
        "training": {"patience": 7, "clip": 2},
    }
    assert merged_row(PARAMETERS, "other").settings == {
        "system": "isd_lstm",
        "training": {"patience": 9, "clip": 2, "batch_size": 2},
    }
    assert before == PARAMETERS


def test_training_of_a_profile_or_cohort_is_for_networks_alone() -> None:
    assert merged_row(PARAMETERS, "words").settings == {
        "system": "logistic_regression",
        "model": {"cost": 2.0},
    }
    assert merged_row(PARAMETERS, "both").settings["model"] == {"base_models": ["row", "words"]}
    assert "training" not in merged_row(PARAMETERS, "both").settings


def test_on_a_cohort_without_profile_a_row_is_itself() -> None:
    found = merged_row(PARAMETERS | {"cohort": "plain"}, "caml")
    assert found.settings == {"system": "caml", "training": {"patience": 5}}


@pytest.mark.parametrize("cohort", list(CONFIGURED["cohorts"]))
def test_every_setting_of_every_row_has_an_origin_that_gives_it(cohort: str) -> None:
    for experiment in CONFIGURED["experiments"]:
        row = merged_row(CONFIGURED | {"cohort": cohort}, experiment)
        settings = flatten(row.settings)
        assert row.origins.keys() == settings.keys()
        for name, origin in row.origins.items():
            if origin != "the default":
                assert value_at(origin) == settings[name], (experiment, name, origin)


def value_at(origin: str) -> Any:
    place = CONFIGURED
    for key in origin.split("."):
        place = place[key]
    return place


@pytest.mark.parametrize(
    ("keys", "to", "told"),
    [
        (("cohort",), "smal", "cohorts has no 'smal'; did you mean 'small'?"),
        (("experiment",), "othr", "experiments has no 'othr'; did you mean 'other'?"),
        (("cohorts", "small", "profile"), "few_", "profiles has no 'few_'; did you mean 'few'?"),
        (
            ("profiles", "few", "trainin"),
            {},
            "profiles.few has no 'trainin'; did you mean 'training'?",
        ),
        (
            ("profiles", "few", "systems", "camel"),
            {},
            "few.systems has no 'camel'; did you mean 'caml'?",
        ),
        (
            ("profiles", "few", "systems", "isd", "modle"),
            {},
            "profiles.few.systems.isd has no 'modle'; did you mean 'model'?",
        ),
        (
            ("profiles", "few", "experiments", "camel"),
            {},
            "profiles.few.experiments has no 'camel'; did you mean 'caml'?",
        ),
        (
            ("profiles", "few", "experiments", "caml", "trainin"),
            {},
            "few.experiments.caml has no 'trainin'; did you mean 'training'?",
        ),
        (
            ("cohorts", "small", "train", "experimets"),
            {},
            "cohorts.small.train has no 'experimets'; did you mean 'experiments'?",
        ),
        (
            ("cohorts", "small", "train", "systems", "isd_lsmt"),
            {},
            "cohorts.small.train.systems has no 'isd_lsmt'; did you mean 'isd_lstm'?",
        ),
        (
            ("cohorts", "small", "train", "experiments", "othr"),
            {},
            "cohorts.small.train.experiments has no 'othr'; did you mean 'other'?",
        ),
        (
            ("experiments", "row"),
            {"modle": {}},
            "experiments.row has no 'modle'; did you mean 'model'?",
        ),
        (
            ("experiments", "row"),
            {"system": "isd_lsmt"},
            "experiments.row.system has no 'isd_lsmt'; did you mean 'isd_lstm'?",
        ),
        (
            ("experiments", "row"),
            {"training": {"patiense": 3}},
            "experiments.row.training has no 'patiense'; did you mean 'patience'?",
        ),
        (
            ("experiments", "row"),
            {"model": {"width": "16"}},
            "experiments.row.model.width: Input should",
        ),
    ],
)
def test_a_name_that_is_not_there_is_one_line_with_the_near_match(
    keys: tuple[str, ...], to: Any, told: str
) -> None:
    given = changed(*keys, to=to)
    if keys == ("experiments", "row") and "model" in to:
        given["cohort"] = "plain"  # where nothing lies over the row
    with pytest.raises(ValueError, match=r"has no|Input should") as refused:
        read_plan(given)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("experiment", "section"), [("words", "training"), ("words", "objective"), ("both", "training")]
)
def test_a_section_that_a_system_does_not_have_is_refused(experiment: str, section: str) -> None:
    given = deepcopy(PARAMETERS)
    given["experiments"][experiment][section] = {}
    with pytest.raises(ValueError, match=rf"experiments\.{experiment} has no '{section}'; known"):
        read_plan(given | {"experiment": experiment})


@pytest.mark.parametrize(
    ("base_models", "told"),
    [
        (["rwo"], r"both\.model\.base_models has no 'rwo'; did you mean 'row'"),
        (["row", "both"], r"both is an ensemble; name its base models instead"),
        (["row", "row"], "one or more experiments, each once"),
    ],
)
def test_base_models_are_experiments_and_no_ensembles(base_models: list[str], told: str) -> None:
    given = changed("experiments", "both", "model", "base_models", to=base_models)
    with pytest.raises(ValueError, match=told):
        read_plan(given | {"experiment": "both"})


VIEWS = ["small/row", "plain/both"]  # of which the second is an ensemble


def of_views(base_models: list[str], **model: Any) -> dict[str, Any]:
    """Parameters of a row that weighs these, the cohort `plain` in Spanish."""
    row = {"system": "ensemble", "model": {"base_models": base_models, **model}}
    given = changed("experiments", "pair", to=row)
    for cohort, language in (("small", "en"), ("plain", "es")):
        of_cohort = given["cohorts"][cohort]
        of_cohort["extract"] = {"source": "codiesp", "raw": "x", "language": language}
    return given | {"experiment": "pair"}


def test_two_views_are_runs_of_two_cohorts_and_may_be_ensembles() -> None:
    plan = read_plan(of_views(VIEWS, descriptions=False))
    assert plan.sections["model"].views
    assert not read_plan(of_views(["row"])).sections["model"].views


@pytest.mark.parametrize(
    ("base_models", "model", "told"),
    [
        (["smal/row", "plain/both"], {}, r"has no 'smal'; did you mean 'small'"),
        (["small/rwo", "plain/both"], {}, r"has no 'rwo'; did you mean 'row'"),
        (["small/row", "both"], {}, "two base models, each as COHORT/EXPERIMENT"),
        (["small/row"], {}, "two base models, each as COHORT/EXPERIMENT"),
        (["small/row", "small/both"], {}, "both views are of one language, en"),
        (["small/row", "plain/pair"], {}, "plain/pair is of two views itself"),
        (VIEWS, {"descriptions": True}, r"pair\.model\.descriptions: true, but"),
        (VIEWS, {"every_seed": True}, r"pair\.model\.every_seed: true, but"),
    ],
)
def test_what_are_no_two_views_is_refused(
    base_models: list[str], model: dict[str, bool], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        read_plan(of_views(base_models, **{"descriptions": False, **model}))


@pytest.mark.parametrize("cohort", list(CONFIGURED["cohorts"]))
def test_every_experiment_can_be_read_for_every_cohort(cohort: str) -> None:
    for name, row in CONFIGURED["experiments"].items():
        plan = read_plan(CONFIGURED | {"cohort": cohort, "experiment": name})
        assert plan.experiment == name
        assert plan.system == (row or {}).get("system", "isd")
        assert plan.sections.keys() == predictor(plan.system).sections(plan.system).keys()
        if plan.system == "ensemble":
            assert list(plan.sections["model"].base_models) == row["model"]["base_models"]


def test_the_profiles_and_cohorts_that_others_name_exist() -> None:
    known = {*CONFIGURED["cohorts"], *CONFIGURED["paper_cohorts"]}
    for section in CONFIGURED["cohorts"].values():
        assert section.get("profile", "mimic2") in CONFIGURED["profiles"]
        assert section.get("paper", "mimic2") in known
    naming = [*CONFIGURED["cohorts"].values(), *CONFIGURED["sizes"].values()]
    used = {section.get("profile") for section in naming}
    assert used - {None} <= set(CONFIGURED["profiles"])
    assert set(CONFIGURED["profiles"]) <= used


def test_every_former_name_leads_to_an_experiment_and_is_none_itself() -> None:
    renamed = CONFIGURED["renamed"]
    assert set(renamed.values()) <= set(CONFIGURED["experiments"])
    assert not set(renamed) & set(CONFIGURED["experiments"])


def test_a_former_name_is_refused_in_one_line_that_names_the_new_one() -> None:
    class Context:
        params = CONFIGURED | {"experiment": "isd_lstm_own_queries", "table": "table3"}

    told = r"^experiment isd_lstm_own_queries is now called bilstm_label_attention$"
    with pytest.raises(ValueError, match=told):
        own_row(CONFIGURED, "isd_lstm_own_queries")
    with pytest.raises(ValueError, match=told):
        ParametersHook().after_context_created(Context())
    for name in CONFIGURED["experiments"]:
        own_row(CONFIGURED, name)


def test_the_rows_of_table_4_are_what_they_are_called_on_every_cohort() -> None:
    for cohort in CONFIGURED["cohorts"]:
        for queries in (1, 32, 64, 128):
            chosen = {"cohort": cohort, "experiment": f"isd_queries_{queries}"}
            assert read_plan(CONFIGURED | chosen).sections["model"].n_queries == queries


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
        ("mimic2", "caml", "training", {"learning_rate": 3e-4}),
        ("mimic2", "isd", "model", {"width": 128}),
    ],
)
def test_rows_are_the_authors_settings(
    cohort: str, experiment: str, section: str, settings: dict[str, Any]
) -> None:
    read = read_plan(CONFIGURED | {"cohort": cohort, "experiment": experiment}).sections[section]
    assert {name: getattr(read, name) for name in settings} == settings


def test_what_has_to_be_said_of_a_row_is_said_by_the_row_and_is_no_setting() -> None:
    rows = {"isd": None, "mine": {"system": "hypercore", "note": "said"}, "svm": {"title": "SVM"}}
    assert notes_of({"experiments": rows}) == {"mine": "said"}
    found = merged_row({"cohort": "c", "cohorts": {"c": {}}, "experiments": rows}, "mine")
    assert found.settings == {"system": "hypercore"}


def test_a_system_whose_authors_released_no_code_is_noted_in_every_row() -> None:
    said, rows = "re-implementation from the description", CONFIGURED["experiments"]
    expected = {name for name in rows if system_of(CONFIGURED, name) in ("msatt_kg", "hypercore")}
    assert {name for name, note in notes_of(CONFIGURED).items() if note == said} == expected
    assert expected == {"msatt_kg", "hypercore"}


def test_all_runs_of_a_system_are_shown_with_the_same_names() -> None:
    shown = [
        shown_parameters(CONFIGURED | {"cohort": "synthetic", "experiment": name, "seed": 1})
        for name in ("isd", "isd_aligned")
    ]
    assert shown[0].keys() == shown[1].keys()
    assert {"cohort", "experiment", "seed", "system", "training.learning_rate"} <= shown[0].keys()


def test_a_network_of_a_last_training_may_not_choose_an_epoch() -> None:
    rows = {"isd": {}, "words": {"system": "logistic_regression"}}
    last = {"extract": {"last_of": "first"}}
    chosen: dict[str, Any] = {"cohort": "last", "experiment": "words", "seed": 1}
    chosen |= {"cohorts": {"last": last}, "experiments": rows}
    assert read_plan(chosen).system == "logistic_regression"
    with pytest.raises(ValueError, match="nothing can be chosen on its dev"):
        read_plan({**chosen, "experiment": "isd"})
    last["train"] = {"training": {"keep": "last"}}
    assert read_plan({**chosen, "experiment": "isd"}).sections["training"].keep == "last"


def test_a_last_cohort_differs_from_the_first_in_nothing_but_its_place() -> None:
    first = {"extract": {"source": "codiesp", "raw": "a", "language": "es"}}
    last = {"extract": {**first["extract"], "raw": "b", "last_of": "first"}}
    cohorts = {"first": first, "last": last}
    settings = ExtractSettings(**last["extract"])
    settings.refuse_other_last(cohorts, "last")
    last["preprocess"] = {"tokeniser": "numerals"}
    with pytest.raises(ValueError, match=r"section preprocess says otherwise \(tokeniser\)"):
        settings.refuse_other_last(cohorts, "last")
