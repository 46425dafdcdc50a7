"""docs/python.md: every block of it runs as it stands, and is short."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

import isd_pipeline
from isd_pipeline.data.custom.example import write_example
from isd_pipeline.evaluation.arrays import metrics
from isd_pipeline.evaluation.metrics import all_metrics
from isd_pipeline.fitting import _tables, table_of

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/python.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
GOLD = np.array([[1, 0, 1], [0, 1, 0]])
SCORES = np.array([[0.9, 0.1, 0.4], [0.2, 0.8, 0.0]])


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the page was run, block after block, outside a project; what it printed.

    Without marks the example is trained by the regression alone.
    """
    folder = tmp_path_factory.mktemp("page")
    write_example(folder / "ward")
    (folder / "page.py").write_text("\n".join(BLOCKS))
    command = [sys.executable, "page.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_every_block_is_under_ten_lines() -> None:
    assert len(BLOCKS) == 4
    assert max(len(block.splitlines()) for block in BLOCKS) < 10


def test_a_frame_becomes_a_page_and_a_bundle(ran: tuple[Path, str]) -> None:
    folder, printed = ran
    assert "logistic_regression {'train': 118, 'dev': 15, 'test': 27}" in printed.replace(
        "'dev': 15, 'test': 27, 'train': 118", "'train': 118, 'dev': 15, 'test': 27"
    )
    assert sorted(path.name for path in (folder / "ward_trained").iterdir()) == [
        *(".gitignore", "bundle", "report.html", "results", "study")
    ]
    assert (folder / "ward_trained/report.html").read_text("utf-8").startswith("<!")


def test_a_text_is_coded_by_it(ran: tuple[Path, str]) -> None:
    assert "I10 Essential (primary) hypertension" in ran[1]
    assert "E11.9 Type 2 diabetes mellitus without complications" in ran[1]


def test_no_note_is_left_on_the_disk(ran: tuple[Path, str]) -> None:
    text = pd.read_csv(ran[0] / "ward/notes.csv")["text"][0].encode()
    for path in (ran[0] / "ward_trained").rglob("*"):
        assert path.is_dir() or text not in path.read_bytes()


def test_importing_the_package_imports_nothing_more() -> None:
    told = "import sys, isd_pipeline; print(*(n for n in sys.modules if n.startswith('isd_')))"
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["isd_pipeline"]
    assert {"Coder", "Note", "fit", "metrics"} <= set(dir(isd_pipeline))
    with pytest.raises(AttributeError, match="no attribute 'predict'"):
        _ = isd_pipeline.predict


@pytest.mark.parametrize(
    "kind", [list, sparse.csr_matrix, sparse.coo_array, pd.DataFrame, np.asfortranarray]
)
def test_metrics_are_the_same_of_any_kind_of_array(kind: type) -> None:
    expected = all_metrics(sparse.csr_array(GOLD.astype(bool)), SCORES, threshold=0.5)
    given = (GOLD.tolist(), SCORES.tolist()) if kind is list else (kind(GOLD), kind(SCORES))
    assert metrics(*given) == expected
    assert expected["f1_micro"] == 0.8


def test_log_odds_that_are_not_stored_are_below_all_others() -> None:
    odds = sparse.csr_array(np.array([[-1.0, 0.0, -3.0]]))
    found = metrics([[1, 0, 0]], odds, threshold=-2, log_odds=True)
    assert (found["precision_micro"], found["recall_micro"], found["map"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("gold", "scores", "told"),
    [
        ([[1, 0]], [[0.5]], "must be the same"),
        ([[2, 0]], [[0.5, 0.1]], "neither 0 nor 1"),
        ([[1, 0]], [[0.5, float("nan")]], "not a number"),
        ([1, 0], [0.5, 0.1], "1 axes"),
        ([["I10"]], [[0.5]], "numbers are wanted"),
    ],
)
def test_what_cannot_be_measured_is_refused(gold: object, scores: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        metrics(gold, scores)


def test_sequences_are_a_frame_by_their_places() -> None:
    (_, notes), (_, codes) = _tables(["a cough", "fever"], [["R05.9"], ["R50.9", "I10"]], None)
    assert notes.to_pydict() == {"id": ["0", "1"], "text": ["a cough", "fever"]}
    assert codes.to_pydict() == {"id": ["0", "1", "1"], "code": ["R05.9", "R50.9", "I10"]}


@pytest.mark.parametrize(
    ("notes", "codes", "told"),
    [
        (["a", "b"], [["I10"]], "2 notes and the codes of 1"),
        (["a"], ["I10"], "a list for each note"),
        (pa.table({"id": ["1"], "text": ["a"]}), [["I10"]], "two frames, or two sequences"),
    ],
)
def test_notes_and_codes_that_do_not_fit_are_refused(
    notes: Sequence[str], codes: object, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        _tables(notes, codes, None)


def test_a_frames_texts_are_texts_and_its_index_is_left_out() -> None:
    frame = pd.DataFrame({"id": [1, 2], "code": ["038.9", None]}, index=["a", "b"])
    frame["code"] = frame["code"].astype("category")
    frame["system"] = None
    assert table_of(frame, "codes").to_pydict() == {
        **{"id": [1, 2], "code": ["038.9", None], "system": [None, None]}
    }
    with pytest.raises(TypeError, match="codes: list is no frame"):
        table_of([1], "codes")
