"""The page shows a run as what it is by its kind, not by the name of its row."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import sparse

from isd_pipeline.catalog.results import Run
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.evaluation.calibration import calibrate
from isd_pipeline.evaluation.metrics import CodeCounts, all_metrics
from isd_pipeline.evaluation.strata import all_strata, code_table
from isd_pipeline.evaluation.thresholds import tune_threshold, tuned_metrics
from isd_pipeline.pipelines.report.nodes import make_report, raw_files
from isd_pipeline.reports.results import Experiment, RunResult
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.vocabulary import Vocabulary

ROOT = Path(__file__).parents[2]
CODES, NOTES = 8, 30
INDEX = CodeIndex(
    tuple(f"{code:03}.1" for code in range(CODES)), ("diagnosis",) * CODES, ("title",) * CODES
)


@pytest.fixture(scope="module")
def gold() -> np.ndarray:
    return np.random.default_rng(0).random((NOTES, CODES)) < 0.4


def parameters() -> dict[str, Any]:
    read = [
        yaml.safe_load(path.read_text()) or {}
        for path in (ROOT / "conf/base").glob("parameters*.yml")
    ]
    found = {key: value for content in read for key, value in content.items()}
    rows = {"my_words": {"system": "linear_svm"}, "together": {"system": "ensemble"}}
    found["experiments"] = found["experiments"] | rows
    table = {"title": "All", "experiments": ["isd", *rows], "reference": "isd"}
    return found | {"cohort": "synthetic", "tables": {"all": table}}


def run(gold: np.ndarray, name: str, seed: int, kind: str, skill: float) -> Run:
    draw = np.random.default_rng([seed, len(name)])
    scores = (draw.normal(size=gold.shape) + skill * gold - 2).astype(np.float32)
    truth = sparse.csr_matrix(gold)
    threshold = tune_threshold(truth, scores)
    metrics = {**all_metrics(truth, scores), **tuned_metrics(truth, scores, threshold)}
    strata = all_strata(
        truth,
        scores,
        threshold=threshold,
        train_frequency=gold.sum(axis=0),
        codes=INDEX.codes,
        systems=INDEX.systems,
        lengths=np.full(NOTES, 5),
    )
    return Run(
        experiment=name,
        seed=seed,
        kind=kind,
        metrics={"dev": metrics, "test": metrics},
        breakdowns=strata,
        calibration=calibrate((truth, scores), (truth, scores)),
    )


def tables(
    runs: list[Run],
    gold: np.ndarray,
    by_code: Mapping[tuple[str, int], pd.DataFrame] | None = None,
    recorded: str = "",
) -> str:
    """The tables in Markdown of these runs; `recorded`, as they stood before."""
    rows, columns = np.nonzero(gold)
    documents = Documents(
        ids=np.array([str(n) for n in range(NOTES)]),
        tokens=np.ones(5 * NOTES, dtype=np.int32),
        token_starts=np.arange(0, 5 * NOTES + 1, 5),
        labels=columns.astype(np.int32),
        label_starts=np.searchsorted(rows, np.arange(NOTES + 1)),
    )
    splits = dict.fromkeys(("train", "dev", "test"), documents)
    words = Vocabulary(("word",))
    found, card = parameters(), json.loads((ROOT / "results/synthetic/data_card.json").read_text())
    _, markdown = make_report(
        runs, by_code or {}, {}, {}, splits, INDEX, words, found, card, recorded
    )
    return markdown


def test_a_run_is_shown_as_what_it_is_whatever_its_row_is_called(gold: np.ndarray) -> None:
    """A linear model is what the others are held against; a network of its name is not."""
    runs = [
        run(gold, "isd", 1, "network", 1.0),
        run(gold, "linear_svm", 1, "network", 2.0),
        run(gold, "my_words", 1, "baseline", 3.0),
        run(gold, "together", 1, "ensemble", 4.0),
    ]
    lines = [line.strip("| ").split(" | ") for line in tables(runs, gold).splitlines()]
    held: dict[str, str] = {}
    for name, *_, against in (line for line in lines if line[1:2] == ["1 seed"]):
        held.setdefault(re.split("[ ;]", name)[0], against)
    assert held.pop("my_words").startswith("the best ")
    assert held.pop("together").startswith("not below")
    assert {name: said.split(",")[0] for name, said in held.items()} == {
        "isd": "below",
        "linear_svm": "below",
    }


def test_the_word_for_a_run_is_that_of_its_kind() -> None:
    kinds = {"my_words": "baseline", "linear_svm": "network", "together": "ensemble"}
    found = {
        name: Experiment(name, (RunResult(experiment=name, seed=1, metrics={}, kind=kind),)).kind
        for name, kind in kinds.items()
    }
    assert found["linear_svm"] == "network"
    assert len(set(found.values())) == len(kinds)


def code_table_of(skill: int) -> pd.DataFrame:
    counts = CodeCounts(*(np.full(CODES, n) for n in (skill, 9, 9)))
    names = [f"{code}|*<" for code in INDEX.codes]
    return code_table(names, INDEX.titles, counts, np.full(CODES, 20))


def test_tables_by_code_of_these_runs_are_kept_where_they_cannot_be_made(gold: np.ndarray) -> None:
    """What they are made of is not in git: a clone's page goes on showing what was recorded."""
    runs = [
        run(gold, "isd", 1, "network", 1.0),
        run(gold, "logistic_regression", 1, "baseline", 2.0),
    ]
    by_code = {("isd", 1): code_table_of(7), ("logistic_regression", 1): code_table_of(3)}
    made = tables(runs, gold, by_code)
    rows = [line for line in made.splitlines() if line.startswith("| 000.1")]
    assert rows
    kept = tables(runs, gold, recorded=made)
    assert [line for line in kept.splitlines() if line.startswith("| 000.1")] == rows
    assert "Kept as it was recorded of these runs" in kept
    assert tables(runs, gold, recorded=kept) == kept
    others = [run(gold, "isd", 1, "network", 1.5), runs[1]]
    left_out = tables(others, gold, recorded=made)
    assert "Nothing code by code" in left_out
    assert not any(line.startswith("| 000.1") for line in left_out.splitlines())


def test_sums_of_raw_files_are_kept_where_the_files_are_absent(
    gold: np.ndarray, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    raw, told = {"a.csv": {"bytes": 3, "sha256": "ab"}}, {"train": "12", "codes": "34"}
    recorded = {"raw_files": raw, "fingerprints": told}
    assert raw_files(tmp_path / "absent", told, recorded) == raw
    assert not caplog.messages
    assert raw_files(tmp_path / "absent", {**told, "train": "13"}, recorded) == {}
    assert "of other documents" in caplog.messages[0]
    (tmp_path / "b.csv").write_text("b")
    assert list(raw_files(tmp_path, told, recorded)) == ["b.csv"]


def test_the_summary_has_six_rows_at_most_and_the_best_of_each_kind(gold: np.ndarray) -> None:
    names = [f"net_{n}" for n in range(7)]
    runs = [run(gold, name, 1, "network", 3.0 + n) for n, name in enumerate(names)]
    runs += [run(gold, "my_words", 1, "baseline", 0.5), run(gold, "together", 1, "ensemble", 0.4)]
    made = tables(runs, gold)
    summary = made[made.index("**Summary") : made.index("**Test split")]
    rows = [line for line in summary.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 6
    assert {"my_words", "together"} <= {re.split("[ ;|]+", row)[1] for row in rows}
    assert "6 of 9 systems" in summary
