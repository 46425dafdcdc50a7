"""What a format writes, it reads again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from isd_pipeline.catalog.formats import write_history
from isd_pipeline.catalog.replicates import read_bootstrap, write_bootstrap
from isd_pipeline.catalog.results import read_results
from isd_pipeline.evaluation.resampling import Bootstrap, Sampling

ROOT = Path(__file__).parents[2]


def test_draws_come_back_as_they_were_kept(tmp_path: Path) -> None:
    draws = {"f1_micro": np.array([0.1, np.nan, 0.3]), "map": np.array([1 / 3, 0.0, 1.0])}
    kept = Bootstrap(Sampling(7, 3, 5), {"f1_micro": 0.2, "map": 1 / 3}, draws)
    write_bootstrap(kept, tmp_path / "draws.safetensors")
    again = read_bootstrap(tmp_path / "draws.safetensors")
    assert (again.sampling, again.observed) == (kept.sampling, kept.observed)
    np.testing.assert_equal(again.replicates, kept.replicates)


def test_the_same_draws_are_the_same_bytes(tmp_path: Path) -> None:
    kept = Bootstrap(Sampling(7, 3, 5), {"map": 1 / 3}, {"map": np.array([0.1, 0.2, 0.3])})
    written = set()
    for n in range(20):
        write_bootstrap(kept, tmp_path / f"{n}.safetensors")
        written.add((tmp_path / f"{n}.safetensors").read_bytes())
    assert len(written) == 1


def test_the_order_in_which_figures_come_changes_no_byte_of_a_history(tmp_path: Path) -> None:
    (run,) = (one for one in read_results(ROOT / "results/synthetic") if one.key == ("isd", 1))
    written = set()
    for columns in (list(run.history.columns), sorted(run.history.columns)):
        write_history(run.history[columns], tmp_path / "history.csv")
        written.add((tmp_path / "history.csv").read_bytes())
    assert len(written) == 1
    assert list(pd.read_csv(tmp_path / "history.csv").columns) == list(run.history.columns)
