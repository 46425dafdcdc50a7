"""A worker process that is killed, as the kernel does where memory ends, ends the wait for it."""

from __future__ import annotations

import threading
import time
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress

import numpy as np
import psutil
import pytest
from scipy import sparse

from isd_pipeline.predictors.linear_fit import LinearConfig, logistic_regression

WORKER = "popen_loky_posix"


def fitted(jobs: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    train = [[f"w{n}" for n in generator.integers(0, 90, 40)] for _ in range(60)]
    gold = sparse.csr_matrix(generator.random((60, 70)) < 0.2)
    return logistic_regression(train, gold, [train], LinearConfig(), jobs).scores[0]


class Killer(threading.Thread):
    """Kills the first worker of this process that it meets."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if any(WORKER in word for word in child.cmdline()):
                        child.kill()
                        return
            time.sleep(0.001)


def test_a_killed_worker_is_an_error_and_no_endless_wait_and_the_next_try_is_whole() -> None:
    killer = Killer()
    killer.start()
    try:
        with pytest.raises(BrokenProcessPool):
            fitted(jobs=2)
    finally:
        killer.ended.set()
        killer.join()
    assert np.array_equal(fitted(jobs=2), fitted(jobs=1))
