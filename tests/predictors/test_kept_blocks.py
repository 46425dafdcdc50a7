"""A killed fit goes on with the blocks that it kept, and ends with the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from isd_pipeline.predictors import linear_fit
from isd_pipeline.predictors.kept_blocks import drop_blocks, identity, kept
from isd_pipeline.predictors.linear_fit import FittedLinear, LinearConfig, logistic_regression
from tests.predictors.test_linear_fit import notes


def fit_in(folder: Path, jobs: int = 1, **changed: object) -> FittedLinear:
    (train, gold), (other, _) = notes(80, 0), notes(40, 1)
    gold[0, 0] ^= bool(changed.pop("other_codes", False))
    if changed.pop("other_words", False):
        train[0] = ["other"]
    matrix, config = sparse.csr_matrix(gold), LinearConfig(**changed)
    return logistic_regression(train, matrix, [other], config, jobs, lambda digest: folder / digest)


def same(one: FittedLinear, two: FittedLinear) -> bool:
    assert one.model is not None
    assert two.model is not None
    parts, others = one.model.arrays(), two.model.arrays()
    return (
        one.model.ngrams == two.model.ngrams
        and all(parts[name].tobytes() == others[name].tobytes() for name in parts)
        and one.scores[0].tobytes() == two.scores[0].tobytes()
    )


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_fit, "CODES_AT_ONCE", 2)


def test_a_killed_fit_goes_on_and_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, fitted = fit_in(tmp_path / "whole"), []

    def stopped(*given: object) -> object:
        fitted.append(1)
        if len(fitted) == 3:
            raise KeyboardInterrupt
        return linear_fit.FittedCode(*fit_code(*given))

    fit_code = linear_fit.fit_code
    monkeypatch.setattr(linear_fit, "fit_code", stopped)
    with pytest.raises(KeyboardInterrupt):
        fit_in(tmp_path / "killed")
    again = fit_in(tmp_path / "killed")
    assert len(fitted) == 4  # three codes differ between notes, and the first two were kept
    assert same(whole, again)


def test_what_is_kept_does_not_depend_on_jobs_or_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = fit_in(tmp_path / "one"), fit_in(tmp_path / "two", jobs=2)
    names = [sorted(f.name for f in (tmp_path / n).rglob("block-*")) for n in ("one", "two")]
    assert names[0] == names[1]
    assert len(names[0]) == 3
    monkeypatch.setattr(linear_fit, "CODES_AT_ONCE", 5)
    assert same(one, two)
    assert same(one, fit_in(tmp_path / "one"))


@pytest.mark.parametrize(
    "changed", [{"cost": 2.0}, {"max_ngram": 1}, {"other_codes": True}, {"other_words": True}]
)
def test_other_inputs_do_not_go_on_there(tmp_path: Path, changed: dict[str, object]) -> None:
    before, after = fit_in(tmp_path), fit_in(tmp_path, **changed)
    assert before.scratch != after.scratch
    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_block_is_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = fit_in(tmp_path)
    damaged = sorted(tmp_path.rglob("block-*"))[1]
    damaged.write_bytes(damaged.read_bytes()[:-9])
    assert same(before, fit_in(tmp_path))
    assert "cut off or changed since it was written; it is made again" in caplog.text


def test_a_block_that_is_kept_is_not_made_again(tmp_path: Path) -> None:
    made = kept(tmp_path, "block-0", lambda: {"a": np.arange(3.0)})
    again = kept(tmp_path, "block-0", lambda: {"a": np.zeros(0)})
    assert again["a"].tolist() == made["a"].tolist()


def test_blocks_and_unfinished_ones_go_once_the_fit_is_written(tmp_path: Path) -> None:
    kept(tmp_path, "block-0", lambda: {"a": np.arange(3.0)})
    (tmp_path / ".block-1-0.safetensors.77.tmp").write_bytes(b"half")
    (tmp_path / "epoch-0001.json").write_text("{}")
    drop_blocks(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["epoch-0001.json"]


def test_an_identity_tells_where_one_part_ends_and_what_type_it_has() -> None:
    whole = identity("ab", "c")
    assert whole != identity("a", "bc")
    assert identity(np.arange(3)) != identity(np.arange(3.0))
    assert whole == identity("ab", "c")


def test_documents_that_hold_as_many_other_ngrams_are_other_data() -> None:
    """Counts alone would not tell them."""
    gold, config = sparse.csc_matrix(np.array([[True], [False]])), LinearConfig()
    one, other = (
        sparse.csr_matrix((np.ones(2), columns, [0, 1, 2]), (2, 2)) for columns in ([0, 1], [1, 0])
    )
    assert linear_fit._identity(one, gold, config) != linear_fit._identity(other, gold, config)
