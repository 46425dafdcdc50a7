"""Several processes make the steps of one, write once, and end together when one of them dies."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from isd_pipeline.training import ranks
from isd_pipeline.training.device import choose_device
from isd_pipeline.training.ranks import ALONE, Ranks, here

ROOT = Path(__file__).parents[2]
SCRIPT = "tests.training.two_ranks"
TORCHRUN = ("torch.distributed.run", "--nproc-per-node=2", "--standalone")


def told(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    done = told(SCRIPT, tmp_path_factory.mktemp("ranks"))
    assert done.returncode == 0, done.stderr[-2_000:]
    return {**json.loads(done.stdout), "stderr": done.stderr}


@pytest.mark.parametrize("count", ["equal", "three"])
def test_ranks_make_the_three_steps_of_one_process_with_the_whole_batches(
    outcome: dict[str, Any], count: str
):
    """The last batch has one note, so that other ranks have none."""
    found = outcome[count]
    assert set(found["codes"]) == {0}
    assert len(found["said"]) == len(found["codes"])
    for of_rank in found["said"]:
        assert {"isd, 1", "isd, 2"} <= of_rank.keys()
        assert max(max(apart) for apart in of_rank.values()) < 1e-9


def test_checkpoints_are_written_by_the_first_rank_alone(outcome: dict[str, Any]):
    assert [one["writes"] for one in outcome["unbroken"]["said"]] == [4, 0]
    first, second = (one["figures"] for one in outcome["unbroken"]["said"])
    assert first["ranks"] == second["ranks"] == 2


@pytest.mark.parametrize(("killed", "codes"), [("second", [17, -9]), ("first", [-9, 17])])
def test_a_killed_rank_ends_the_other(outcome: dict[str, Any], killed: str, codes: list[int]):
    """By itself, with nobody to end it: it hears of the other's end and says so."""
    assert outcome[killed]["codes"] == codes
    assert outcome[killed]["states"] == ["epoch-0001.json", "epoch-0002.json"]
    assert outcome["stderr"].count("of the training has lost another one") == 2


def test_a_start_after_a_killed_rank_goes_on_to_the_same_bits(outcome: dict[str, Any]):
    unbroken, again = outcome["unbroken"]["said"], outcome["second again"]["said"]
    assert len({one["digest"] for one in (*unbroken, *again)}) == 1
    assert [one["writes"] for one in again] == [2, 0]  # epochs 3 and 4


def test_another_number_of_processes_goes_on_and_says_so_in_a_line(outcome: dict[str, Any]):
    (alone,) = outcome["first again"]["said"]
    assert alone["writes"] == 2
    assert "ranks" not in alone["figures"]
    lines = [line for line in outcome["stderr"].splitlines() if "that training had" in line]
    assert len(lines) == 1
    assert "had 2 processes and this one has 1" in lines[0]


def test_torchrun_ends_all_with_a_code_when_a_rank_is_killed(tmp_path: Path):
    done = told(*TORCHRUN, "-m", SCRIPT, tmp_path)
    assert done.returncode != 0
    assert "exitcode  : -9" in done.stderr
    assert sorted(path.name for path in tmp_path.glob("scratch/training/*/epoch-*.json")) == [
        "epoch-0001.json",
        "epoch-0002.json",
    ]


def test_without_torchrun_there_is_one_rank_which_tells_nobody(monkeypatch: pytest.MonkeyPatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert here() == ALONE
    with ranks.joined(torch.device("cpu")) as alone:
        assert alone.of_first({"score": 0.5}) == {"score": 0.5}
        alone.agree(1, "number")
    assert not torch.distributed.is_initialized()


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert here() == Ranks(1, 2)
    with pytest.raises(ValueError, match=r"there are 1 GPUs: use --nproc-per-node=1"):
        choose_device("cuda")
    assert choose_device("cpu") == torch.device("cpu")
