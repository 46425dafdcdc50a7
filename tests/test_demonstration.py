"""`make demo`: what it ends with fits a screen, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from isd_pipeline.__main__ import main

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
RECIPE = re.search(r"^demo: .*\n((?:\t.*\n)+)", MAKEFILE, re.M)
assert RECIPE is not None
LINES = [line.strip("\t@") for line in RECIPE[1].splitlines()]
MOST = 25  # lines behind the last stage


def demonstrated() -> list[str]:
    """The experiments of the demonstration."""
    stages = yaml.safe_load((ROOT / "studies/stages.yaml").read_text(encoding="utf-8"))
    found: list[str] = stages["demo"]["experiments"]
    return found


def test_the_demonstration_ends_with_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    told = CliRunner().invoke(main, ["summary", "synthetic"])
    assert told.exit_code == 0, told.output
    behind = LINES[LINES.index("dvc --wait-for-lock repro") + 1 :]
    quiet = [line for line in behind if line.endswith("> /dev/null")]
    echoes = [line for line in behind if line.startswith("echo")]
    assert len(behind) == len(quiet) + len(echoes) + 1  # and the summary
    assert len(told.stdout.splitlines()) + len(echoes) <= MOST


def test_the_note_is_coded_by_a_bundle_of_the_demonstration() -> None:
    bundle = re.search(r"^DEMO_BUNDLE := bundles/synthetic-(\w+)-1$", MAKEFILE, re.M)
    assert bundle is not None
    assert bundle[1] in demonstrated()
    coded = next(line for line in LINES if line.startswith("isd code"))
    note = ROOT / coded.split()[3]
    assert note.is_file()
    assert "[**" in note.read_text(encoding="utf-8")  # as the hospital's own notes have them


def test_the_demonstration_has_the_paper_s_model_one_without_a_part_and_something_simple() -> None:
    found = set(demonstrated())
    assert {"isd", "isd_aligned", "logistic_regression"} < found
    assert any(name.startswith("isd_without") for name in found)
    assert len(found) <= 8
