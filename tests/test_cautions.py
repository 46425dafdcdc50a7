"""What `benchmarks/corpora/cautions.py` and `watching.py` count."""

import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isd_pipeline.coding.coder import Coder, Note
from tests.coding.test_caution import DEV, TEXTS, usual_of
from tests.coding.tiny import bundle_of

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "corpora"))

from cautions import KINDS, shares
from cautions import test_notes as notes_of_test
from watching import review


def test_a_document_of_several_notes_is_read_as_one_and_of_test_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("data/03_primary/c", "data/02_intermediate/c"):
        Path(folder).mkdir(parents=True)
    splits = [{"document_id": n, "split": s} for n, s in (("1", "test"), ("2", "dev"))]
    pq.write_table(pa.Table.from_pylist(splits), "data/03_primary/c/splits.parquet")
    notes = [{"document_id": n, "text": text} for n, text in (("1", "a"), ("2", "b"), ("1", "c"))]
    pq.write_table(pa.Table.from_pylist(notes), "data/02_intermediate/c/notes.parquet")
    assert notes_of_test("c") == [Note("1", "a\n\nc")]


def test_shares_are_of_the_notes_with_a_caution_of_any_kind_and_of_each() -> None:
    plain = bundle_of()
    coder = Coder(replace(plain, usual=usual_of(plain)))
    notes = [Note("1", DEV[0]), Note("2", TEXTS["es"])]
    told = [{one["kind"] for one in answer.caution or ()} for answer in coder.code(notes)]
    assert told[0] == set()
    assert "other_language" in told[1]
    expected = [0.5, *(0.5 if kind in told[1] else 0.0 for kind in KINDS)]
    assert shares(coder, notes) == expected


def test_a_coder_who_goes_by_gold_decides_all_above_the_threshold_and_adds_the_rest() -> None:
    coder = Coder(bundle_of())
    code = {"score": 0.9, "above_threshold": True}
    below = {"code": "C", "score": 0.1, "above_threshold": False}
    answer = {"id": "7", "threshold": 0.5, "codes": [{"code": "A", **code}, {"code": "B", **code}]}
    answer["codes"].append(below)
    state = review(coder, answer, {"A", "C"})
    decided = {code: entry.decision for code, entry in state.codes.items()}
    assert decided == {"A": "accepted", "B": "rejected", "C": "added"}
    assert state.signed_off
