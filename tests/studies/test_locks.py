"""A lock that names code which its run did not record is told."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from isd_pipeline.catalog.results import Run, write_results
from isd_pipeline.studies.closures import hash_of
from isd_pipeline.studies.locks import untrue_stages

ROOT = Path(__file__).parents[2]
CODE = {"src/isd_pipeline/a.py": hashlib.md5(b"a").hexdigest(), "src/isd_pipeline/b.py": "0" * 32}


def test_the_locks_of_this_repository_name_the_code_that_their_runs_recorded() -> None:
    assert untrue_stages(ROOT) == []


def stage(pipeline: str, code: dict[str, str]) -> dict:
    data = {"path": "data/05_model_input/small", "hash": "md5", "md5": "1" * 32 + ".dir"}
    return {
        "cmd": f"kedro run --pipelines={pipeline} --params=cohort=small,experiment=isd,seed=1",
        "deps": [data, *({"path": path, "hash": "md5", "md5": md5} for path, md5 in code.items())],
        "outs": [],
    }


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made_by = {"code": hash_of(CODE), "evaluation_code": hash_of(CODE)}
    metrics = {"dev": {"f1_micro": 0.5}, "test": {"f1_micro": 0.5}}
    (tmp_path / "results/small").mkdir(parents=True)
    run = Run(experiment="isd", seed=1, made_by=made_by, metrics=metrics)
    write_results(tmp_path / "results/small", [run])
    return tmp_path


def lock(project: Path, **stages: dict) -> None:
    path = project / "studies/small/dvc.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


def test_a_lock_that_says_what_the_run_says_is_true(project: Path) -> None:
    lock(project, train=stage("train", CODE), evaluate=stage("evaluate", CODE))
    assert untrue_stages(project) == []


@pytest.mark.parametrize("pipeline", ["train", "evaluate"])
def test_a_lock_committed_anew_after_the_code_had_changed_is_told(
    project: Path, pipeline: str
) -> None:
    changed = CODE | {"src/isd_pipeline/b.py": "2" * 32}
    lock(project, **{f"{pipeline}_isd@isd-1": stage(pipeline, changed)})
    (line,) = untrue_stages(project)
    assert line.startswith(f"studies/small/dvc.lock, stage {pipeline}_isd@isd-1: names code ")
    assert hash_of(CODE) in line
    assert hash_of(changed) in line


def test_a_lock_of_a_run_that_is_not_recorded_is_told(project: Path) -> None:
    of_another = stage("train", CODE)
    of_another["cmd"] = of_another["cmd"].replace("experiment=isd", "experiment=caml")
    lock(project, train=of_another)
    (line,) = untrue_stages(project)
    assert "the run recorded none" in line


def test_the_command_tells_it_and_fails(project: Path) -> None:
    lock(project, train=stage("train", {}))
    command = [sys.executable, "-m", "isd_pipeline", "locks"]
    told = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert "studies/small/dvc.lock" in told.stderr
