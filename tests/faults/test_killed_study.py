"""Two trainings side by side, killed in the middle: the same command again makes the same bytes."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.faults.project import digests, kill_all_of, make_project, make_study, run, start

ROWS = ("isd", "isd_without_self_distillation")  # of Table 6
COMMAND = ("studies/side_by_side", "synthetic", "table6", "2")
MADE = ("data/06_models", "data/07_model_output", "data/08_reporting/synthetic/runs")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose trainings nothing has disturbed; `before` beside it had none of them."""
    project = make_project(tmp_path_factory.mktemp("unbroken") / "project")
    make_study(project, [*ROWS])
    run(project, "dvc", "repro", "-q", "studies/synthetic/dvc.yaml:embed")
    shutil.copytree(project, project.with_name("before"), symlinks=True)
    run(project, *COMMAND)
    return project


@pytest.mark.slow
def test_killed_and_run_again_trainings_side_by_side_give_bitwise_what_unbroken_ones_do(
    unbroken: Path,
) -> None:
    project = unbroken.with_name("before")
    with start(project, *COMMAND) as first:
        deadline = time.monotonic() + 300
        while len({state.parent for state in project.glob("scratch/training/*/epoch-*.json")}) < 2:
            assert first.poll() is None, first.stdout and first.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        kill_all_of(first)
    assert not list(project.glob("data/06_models/**/model.json"))

    told = run(project, *COMMAND)
    assert told.count("of an interrupted training") == 2
    assert digests(project, *MADE) == digests(unbroken, *MADE)
    assert (
        len([name for name in digests(project, *MADE) if name.endswith("scores.safetensors")]) == 2
    )

    # Killed while DVC wrote its own files, as it was not here:
    lock = project / "studies/synthetic/dvc.lock"
    lock.write_text(lock.read_text()[: lock.read_text().rindex("  train_isd@") + 500])
    (project / ".dvc/tmp/rwlock").write_text('{"write": {"/')
    told = run(project, *COMMAND)
    assert told.count("half written by a process that was killed") == 2
    assert "kedro run --pipelines=train " not in told  # they come from the cache of runs
    assert digests(project, *MADE) == digests(unbroken, *MADE)
