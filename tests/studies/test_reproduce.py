"""When a run made again counts as the same, and what is said where it cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from isd_pipeline.catalog.results import Run, merge
from isd_pipeline.studies import reproduce as module
from isd_pipeline.studies.reproduce import HEADLINE, judge, reproduce

GPU = {"on_gpu": 1.0}


def run(score: float, *, seed: int = 1, dev: float = 0.5, weights: str | None = None) -> Run:
    metrics = {"dev": {"map": dev}, "test": dict.fromkeys(HEADLINE, score)}
    return Run(experiment="isd", seed=seed, kind="network", metrics=metrics, weights=weights)


SEEDS = [run(0.5), run(0.6, seed=2)]  # one deviation: 0.0707


@pytest.mark.parametrize(
    ("again", "verdict"),
    [
        (run(0.5), "same to the bit"),
        (run(0.5, weights="ab"), "same to the bit"),  # the recorded weights are not known
        (run(0.5 + 1e-12), "within the seeds' spread"),
        (run(0.5, dev=0.4), "within the seeds' spread"),
        (run(0.67), "within the seeds' spread"),
        (run(0.43), "within the seeds' spread"),
        (run(0.68), "different"),
        (run(0.42), "different"),
    ],
)
def test_a_verdict_by_the_recorded_seeds(again: Run, verdict: str) -> None:
    found = judge("x", SEEDS[0], again, SEEDS)
    assert found.verdict == verdict
    assert found.metrics.keys() == set(HEADLINE)
    difference = again.metrics["test"]["p_at_5"] - 0.5
    assert found.metrics["p_at_5"]["difference"] == pytest.approx(difference)
    assert found.lines()[-1] == f"isd, seed 1: {verdict}"


def test_other_weights_are_not_the_same_to_the_bit() -> None:
    recorded = run(0.5, weights="ab")
    assert judge("x", recorded, run(0.5, weights="ab"), [recorded]).verdict == "same to the bit"
    other = judge("x", recorded, run(0.5, weights="cd"), [recorded])
    assert other.verdict == "within the seeds' spread"


def test_of_one_seed_no_spread_is_known() -> None:
    assert judge("x", run(0.5), run(0.5 + 1e-12), [run(0.5)]).verdict == "different"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    merge(tmp_path / "results/x", SEEDS)
    return tmp_path


def test_what_is_not_recorded_or_not_prepared_is_one_line(root: Path) -> None:
    with pytest.raises(FileNotFoundError, match="results/y: no run of this cohort is recorded"):
        reproduce("y", "isd", 1, root)
    with pytest.raises(ValueError, match="results/x has no 'ids'; did you mean 'isd'"):
        reproduce("x", "ids", 1, root)
    with pytest.raises(ValueError, match=r"isd has the seeds \[1, 2\], and no 3"):
        reproduce("x", "isd", 3, root)
    with pytest.raises(FileNotFoundError) as told:
        reproduce("x", "isd", 1, root)
    command = "kedro run --pipelines=extract,preprocess,embed --params=cohort=x"
    assert str(told.value).startswith("data/03_primary/x/code_index.json: not there yet.")
    assert command in str(told.value)


def test_another_device_than_the_recorded_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    of_gpu = Run(experiment="isd", seed=1, metrics={}, training=GPU)
    device, [said] = module._device(of_gpu)
    assert (device, said.split(",")[0]) == ("cpu", "recorded on a GPU")
    device, [said] = module._device(Run(experiment="isd", seed=1, metrics={}))
    assert (device, "does not say" in said) == ("cpu", True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert module._device(of_gpu) == ("cuda", [])


def test_nothing_of_the_checkout_lies_where_a_run_made_again_writes(root: Path) -> None:
    for name in ("conf/base", "conf/local", "data/05_model_input/x", "data/06_models/x/isd"):
        (root / name).mkdir(parents=True)
    (root / "data/07_model_output/x/isd").mkdir(parents=True)
    (root / "pyproject.toml").write_text("")
    settings = {"system": "ensemble", "model": {"base_models": ["isd"]}}
    made = Run(experiment="both", seed=1, kind="ensemble", metrics={}, settings=settings)
    project = module._project("x", made, root)
    assert (project / "data/05_model_input").resolve() == root / "data/05_model_input"
    assert not (project / "data/06_models").exists()
    assert (project / "data/07_model_output/x/isd").resolve() == root / "data/07_model_output/x/isd"
    assert not (project / "data/07_model_output").is_symlink()
    assert (project / "conf/local/tracking.yml").read_text() == 'uri: ""\n'
    assert not (root / "conf/local/tracking.yml").exists()
