"""What people see of a training: enough to know how it goes, not a line for every short epoch."""

from __future__ import annotations

import logging

import pytest
import torch

from isd_pipeline.predictors import progress

FIGURES = {"dev_f1_micro_tuned": 0.4, "dev_f1_micro": 0.2, "dev_map": 0.5, "loss": 0.1}


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(1.0, [1, 12, 20]), (4.0, [1, 4, 7, 10, 13, 16, 19, 20]), (60.0, [*range(1, 21)])],
)
def test_of_short_epochs_not_all_are_told_but_the_last_is(
    seconds: float,
    told: list[int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = {"now": 0.0}
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock["now"])
    caplog.set_level(logging.INFO, logger="isd_pipeline")
    heard: list[int] = []
    watch = progress.Stopwatch(20, torch.device("cpu"), lambda epoch, figures: heard.append(epoch))
    for epoch in range(1, 21):
        clock["now"] += seconds
        watch.record(epoch, FIGURES)
    assert [int(record.message.split()[1]) for record in caplog.records] == told
    assert heard == [*range(1, 21)]  # whoever keeps the figures hears of every epoch
