"""What deploy/ starts is a command that `isd serve` takes, as nobody who can write."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from isd_pipeline.commands.serving import refuse_open, serve
from tests.checkout import ROOT

UNIT = ROOT / "deploy" / "isd-serve.service"
CONTAINER = ROOT / "deploy" / "Containerfile"


def taken(words: list[str]) -> dict[str, object]:
    """The options of a command line, as `isd serve` reads them."""
    assert words[0].endswith("isd")
    assert words[1] == "serve"
    return serve.make_context("serve", words[2:]).params


def test_the_units_commands_are_ones_and_need_no_token_or_have_one() -> None:
    commands = re.findall(r"^#?ExecStart=(.*)$", UNIT.read_text(), re.M)
    found = [taken(shlex.split(command)) for command in commands]
    assert [one["token_file"] for one in found] == [None, Path("%d/isd_token")]
    refuse_open(str(found[0]["host"]), None)


def test_the_containers_command_is_one_that_wants_a_token() -> None:
    text = CONTAINER.read_text()
    words = [
        json.loads(re.findall(f"^{one} (.*)$", text, re.M)[0]) for one in ("ENTRYPOINT", "CMD")
    ]
    found = taken(words[0] + words[1])
    assert found["host"] == "0.0.0.0"
    assert found["token_file"] == Path("/run/secrets/isd_token")
    assert re.search(r"^USER 10001", text, re.M)
    assert "http" not in text.replace("docker.io", "")  # the build fetches nothing


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_reads_the_unit_and_finds_it_shut_off(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/isd/bin/isd", shutil.which("true") or ""))
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    for line in ("DynamicUser=yes", "ProtectSystem=strict", "IPAddressDeny=any", "LimitCORE=0"):
        assert line in UNIT.read_text().splitlines()
