"""The demonstration that is killed is whole before the first kill."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.checkout import ROOT
from tests.faults.kills import checkout


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a checkout without git's own folder")
def test_the_demonstration_that_is_killed_has_every_tracked_file(tmp_path: Path) -> None:
    checkout(tmp_path / "round", tiny=False)
    listed = subprocess.run(
        ["git", "ls-tree", "-rz", "--name-only", "HEAD"], cwd=ROOT, capture_output=True, check=True
    )
    missing = [
        name
        for name in listed.stdout.decode().split("\0")
        if not (tmp_path / "round" / name).exists()
    ]
    assert missing == []
    assert not (tmp_path / "round/.git").exists()
