"""kill -9 at any moment costs at most an epoch and never a bit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("killed_training.py")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    command = [sys.executable, str(SCRIPT), str(tmp_path_factory.mktemp("killed"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout)


def test_every_trial_was_killed_and_then_came_to_its_end(outcome: dict[str, Any]):
    trials = outcome["trials"]
    assert len(trials) > 40
    assert [name for name, one in trials.items() if not (one["killed"] and one["ended"])] == []


def test_a_training_that_goes_on_gives_bitwise_what_an_unbroken_one_does(outcome: dict[str, Any]):
    other = [
        name for name, one in outcome["trials"].items() if one["digest"] != outcome["unbroken"]
    ]
    assert other == []


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(outcome: dict[str, Any]):
    for step in ("half", "_sync"):
        # files 5 and 6 are the tensors and the JSON of epoch 3
        assert [outcome["trials"][f"{step} {n}"]["epoch"] for n in (5, 6)] == [2, 2]
    assert [outcome["trials"][f"_move {n}"]["epoch"] for n in (5, 6)] == [2, 3]


def test_what_a_kill_left_half_written_is_swept(outcome: dict[str, Any]):
    trials = outcome["trials"]
    assert all(one["stale"] == 1 for name, one in trials.items() if name[:4] in ("half", "_syn"))
    assert not any(one["stale_after"] for one in trials.values())


def test_many_kills_from_outside_in_one_training_change_nothing(outcome: dict[str, Any]):
    assert all(chain["kills"] > 2 for chain in outcome["chains"])
    assert {chain["digest"] for chain in outcome["chains"]} == {outcome["unbroken"]}
