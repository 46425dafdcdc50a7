"""What a format writes, it reads again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isd_pipeline.evaluation.resampling import Bootstrap, Sampling
from isd_pipeline.pipelines.formats import read_bootstrap, write_bootstrap


def test_draws_come_back_as_they_were_kept(tmp_path: Path) -> None:
    draws = {"f1_micro": np.array([0.1, np.nan, 0.3]), "map": np.array([1 / 3, 0.0, 1.0])}
    kept = Bootstrap(Sampling(7, 3, 5), {"f1_micro": 0.2, "map": 1 / 3}, draws)
    write_bootstrap(kept, tmp_path / "draws.safetensors")
    again = read_bootstrap(tmp_path / "draws.safetensors")
    assert (again.sampling, again.observed) == (kept.sampling, kept.observed)
    np.testing.assert_equal(again.draws, kept.draws)
