"""A clock that runs back, a time zone, a language, a seed of hashes: no byte depends on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.project import digests, make_project, run

STAGES = ("generate", "extract,preprocess,embed,train,evaluate")
BACKWARDS = Path(__file__).parent / "backwards"
SURROUNDINGS: dict[str, dict[str, str]] = {
    "far east, no language": {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
    "turkish": {"TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "2"},
    "backwards": {"PYTHONPATH": f"{BACKWARDS}:"},
}


def made(folder: Path, surroundings: dict[str, str]) -> dict[str, str]:
    """Digests of all that the stages make there."""
    project = make_project(folder / "project")
    if "PYTHONPATH" in surroundings:
        surroundings = {"PYTHONPATH": surroundings["PYTHONPATH"] + str(project / "src")}
    for stages in STAGES:
        run(project, "kedro", "run", f"--pipelines={stages}", **surroundings)
    return digests(project, "data")


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return made(tmp_path_factory.mktemp("usual"), {})


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SURROUNDINGS))
def test_time_and_language_change_no_byte(usual: dict[str, str], tmp_path: Path, name: str) -> None:
    found = made(tmp_path, SURROUNDINGS[name])
    assert len(found) > 30
    assert found == usual
