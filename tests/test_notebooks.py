"""Notebooks are in git with what they printed and drew, and nothing of the machine they ran on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# A path that only one machine has, a moment, or the address of an object.
OF_A_MACHINE = re.compile(
    r"(?<![\w.<])/(?:home|root|tmp|work|Users|opt|usr|mnt|var|builds)/[\w.-]+"
    r"|\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d|\bat 0x[0-9a-f]{6,}|\b\d\d:\d\d:\d\d [DIWE] "
)


def cells(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_kept_with_its_outputs(path: Path) -> None:
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == [*range(1, len(code) + 1)]
    kinds = {kind for cell in code for one in cell["outputs"] for kind in one.get("data", {})}
    assert {"image/png", "text/html"} <= kinds
    assert "error" not in {one["output_type"] for cell in code for one in cell["outputs"]}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_outputs_tell_no_path_and_no_time_of_a_machine(path: Path) -> None:
    for cell in cells(path):
        assert set(cell["metadata"]) == set()
        for output in cell.get("outputs", []):
            shown = {k: v for k, v in output.get("data", {}).items() if k != "image/png"}
            found = OF_A_MACHINE.search(json.dumps([shown, output.get("text")], ensure_ascii=False))
            assert found is None, found


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS
