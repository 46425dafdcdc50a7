"""What a command says of itself before it takes hours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from isd_pipeline.config.loading import read_parameters
from isd_pipeline.studies.clock import ESTIMATED, RECORDED, UNKNOWN, Clock
from isd_pipeline.studies.cost import MADE, cost_of, told_before

ROOT = Path(__file__).parents[2]
OWN = {"extract": {"source": "custom", "raw": "x", "custom": {"system": "icd10cm"}}}


@pytest.fixture(scope="module")
def parameters() -> dict[str, Any]:
    found = read_parameters(ROOT / "conf")
    own = OWN | {"train": {"training": {"max_epochs": 5, "warm_up_epochs": 1}}}
    return found | {"cohorts": {**found["cohorts"], "own": own, "small": OWN}}


def record(root: Path, cohort: str, shape: tuple[int, int, int], *runs: Mapping[str, Any]) -> None:
    folder = root / "results" / cohort
    folder.mkdir(parents=True, exist_ok=True)
    notes, words, codes = shape
    train = {"documents": notes, "words_per_document": {"mean": words}}
    card = {"splits": {"train": train}, "codes": {"distinct": codes}}
    (folder / "data_card.json").write_text(json.dumps(card))
    (folder / "runs.jsonl").write_text("".join(json.dumps(run) + "\n" for run in runs))


def run(experiment: str, system: str, minutes: float, **training: float) -> dict[str, Any]:
    told = {"minutes": minutes, "on_gpu": 0.0, **training}
    return {"experiment": experiment, "settings": {"system": system}, "training": told}


def test_recorded_minutes_are_the_median_of_those_on_a_cpu(
    tmp_path: Path, parameters: dict[str, Any]
) -> None:
    on_gpu = run("isd", "isd", 0.1, on_gpu=1.0, epochs=9)
    runs = [run("isd", "isd", minutes, epochs=9) for minutes in (3, 50, 4)]
    record(tmp_path, "small", (10, 10, 5), *runs, on_gpu)
    assert Clock(parameters, tmp_path).minutes("small", "isd") == (4, RECORDED)


def test_without_a_record_time_follows_the_words_that_are_read(
    tmp_path: Path, parameters: dict[str, Any]
) -> None:
    # 100 notes of 200 words, 10 epochs, in 2 minutes: 100,000 words a minute.
    record(tmp_path, "small", (100, 200, 50), run("isd_aligned", "isd", 2, epochs=10))
    record(tmp_path, "own", (1_000, 400, 9))
    minutes, source = Clock(parameters, tmp_path).minutes("own", "isd")
    assert (minutes, source) == (1_000 * 400 * 5 / 100_000, ESTIMATED)


def test_a_regression_takes_longer_with_more_notes_and_more_codes(
    tmp_path: Path, parameters: dict[str, Any]
) -> None:
    linear = "logistic_regression"
    record(tmp_path, "small", (100, 200, 50), run(linear, linear, 1))
    record(tmp_path, "own", (300, 999, 100))
    assert Clock(parameters, tmp_path).minutes("own", linear) == (6, ESTIMATED)


def test_of_mimic_the_published_sizes_tell(parameters: dict[str, Any]) -> None:
    minutes, source = Clock(parameters, ROOT).minutes("mimic3_full", "isd")
    measured = 47_719 / 11.3 / 60 * 40  # docs/performance.md: 11.3 notes a CPU second, 40 epochs
    assert source == ESTIMATED
    assert minutes is not None
    assert measured / 3 < minutes < measured * 3


def test_where_nothing_was_counted_nothing_is_claimed(
    tmp_path: Path, parameters: dict[str, Any]
) -> None:
    record(tmp_path, "small", (100, 200, 50), run("isd", "isd", 2, epochs=10))
    assert Clock(parameters, tmp_path).minutes("own", "isd") == (None, UNKNOWN)
    assert any("nothing tells how long" in line for line in lines(parameters, "own", tmp_path))


def lines(parameters: dict[str, Any], cohort: str, root: Path) -> list[str]:
    return [*cost_of(parameters, cohort, "table3", root).lines()]


def test_a_table_is_told_with_what_is_here_and_what_is_to_be_made(
    tmp_path: Path, parameters: dict[str, Any]
) -> None:
    rows = parameters["tables"]["table3"]["experiments"]
    record(tmp_path, "own", (10, 10, 5), *[run(row, "isd", 30, epochs=9) for row in rows])
    lists = {"cohort": "own", "experiments": rows, "seeds": [1, 2, 3]}
    study = tmp_path / "studies/own/study.yaml"
    study.parent.mkdir(parents=True)
    study.write_text(yaml.safe_dump(lists))
    made = tmp_path / MADE.format("own", rows[0], 2)
    made.parent.mkdir(parents=True)
    made.write_text("{}")
    first, *_, last, missing = lines(parameters, "own", tmp_path)
    assert missing == "  before that: x, where the raw files are to be, has none yet"
    (tmp_path / "x").touch()
    assert lines(parameters, "own", tmp_path)[-1] == last
    assert first == "table3 of own: 18 trainings, 17 of them to be made here"
    assert "about 8 hours" in last  # 17 times half an hour
    study.write_text(yaml.safe_dump(lists | {"experiments": rows[1:]}))
    with pytest.raises(ValueError, match=rf"study\.yaml: experiments lacks {rows[0]}, of which"):
        lines(parameters, "own", tmp_path)


def test_base_models_are_asked_for_before_the_ensembles_that_weigh_them(
    parameters: dict[str, Any],
) -> None:
    trainings = cost_of(parameters, "codiesp_50", "ensembles", ROOT).trainings
    names = [one.experiment for one in trainings]
    assert len(names) == len(set(names))
    for one in trainings:
        model = (parameters["experiments"][one.experiment] or {}).get("model") or {}
        for base in model.get("base_models", ()):
            assert names.index(base) < names.index(one.experiment)


def test_a_last_training_asks_for_the_cohort_on_whose_dev_all_was_chosen(
    parameters: dict[str, Any],
) -> None:
    trainings = cost_of(parameters, "codiesp_es_full_last", "mentions", ROOT).trainings
    assert {one.cohort for one in trainings} == {"codiesp_es_full", "codiesp_es_full_last"}


@pytest.mark.parametrize(
    ("cohort", "table", "told"),
    [
        ("codiesp_5O", "table3", r"has no 'codiesp_5O'; did you mean 'codiesp_50'\?"),
        ("codiesp_50", "tabel3", r"has no 'tabel3'; did you mean 'table3'\?"),
        ("codiesp_50", "demo", r"demo is of synthetic, not of codiesp_50"),
        ("codiesp_50", "evidence", r"study\.yaml: lists no experiments for `evidence`"),
    ],
)
def test_a_misspelt_cohort_or_table_is_one_line(
    parameters: dict[str, Any], cohort: str, table: str, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        cost_of(parameters, cohort, table, ROOT)


def test_only_what_takes_long_is_said_before_a_run(
    tmp_path: Path, parameters: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tmp_path, "own", (10, 10, 5), run("isd", "isd", 9, epochs=9))
    monkeypatch.chdir(tmp_path)
    asked = parameters | {"cohort": "own", "experiment": "isd", "search": {"isd": {"trials": 40}}}
    assert told_before(["preprocess", "train"], asked) == []
    (told,) = told_before(["search"], asked)
    assert told.startswith("40 trainings of isd: about 6 hours on a CPU core, as recorded")
