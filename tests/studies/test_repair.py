"""What DVC leaves behind when it is killed no longer stands in the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml
from dvc.schema import COMPILED_LOCKFILE_SCHEMA

from isd_pipeline.studies.repair import mend, whole_stages

STAGE = {
    "cmd": "kedro run --pipelines=train --params=cohort=synthetic,experiment=isd,seed=1",
    "deps": [{"path": "src/models", "hash": "md5", "md5": "0a" * 16, "size": 12, "nfiles": 3}],
    "params": {"conf/base/parameters_experiments.yml": {"experiments.isd": {}}},
    "outs": [{"path": "data/06_models/isd", "hash": "md5", "md5": "1e10" * 8, "size": 4567}],
}
NAMES = ("embed", "train@isd-1", "evaluate@isd-1")
STAGES = {name: json.loads(json.dumps(STAGE)) for name in NAMES}  # copies, or YAML refers
LOCK = yaml.safe_dump({"schema": "2.0", "stages": STAGES}, sort_keys=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / "studies/synthetic").mkdir(parents=True)
    return tmp_path


def test_a_lock_file_cut_anywhere_is_one_that_dvc_reads_with_every_whole_stage() -> None:
    for cut in range(len(LOCK) + 1):
        kept = whole_stages(LOCK[:cut])
        assert LOCK.startswith(kept)
        stages = COMPILED_LOCKFILE_SCHEMA(yaml.safe_load(kept))["stages"] if kept else {}
        whole = [name for name in NAMES if f"  {name}:\n" in LOCK[:cut]][:-1]
        assert list(stages)[: len(whole)] == whole
        assert all(stages[name] == STAGE for name in whole)
    assert whole_stages(LOCK) == LOCK


def test_torn_lock_files_are_cut_and_whole_ones_keep_their_bytes(checkout: Path) -> None:
    torn, whole = checkout / "studies/synthetic/dvc.lock", checkout / "dvc.lock"
    whole.write_text(LOCK)
    torn.write_text(LOCK[:-20])
    (told,) = mend(checkout)
    assert "studies/synthetic/dvc.lock: half written" in told
    assert "2 whole stages are kept" in told
    assert list(yaml.safe_load(torn.read_text())["stages"]) == ["embed", "train@isd-1"]
    assert whole.read_text() == LOCK
    for nothing in ("", LOCK[:30]):
        torn.write_text(nothing)
        assert "0 whole stages" in mend(checkout)[0]
        assert not torn.exists()
    assert mend(checkout) == []


def test_a_lock_file_with_both_sides_of_a_merge_is_not_taken_for_a_torn_one(
    checkout: Path,
) -> None:
    merging = checkout / "dvc.lock"
    ours, theirs = LOCK, LOCK.replace("0a", "0b")
    both = f"<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> other\n"
    merging.write_text(both)
    with pytest.raises(ValueError, match=r"dvc\.lock: holds both sides of a merge; take one"):
        mend(checkout)
    assert merging.read_text() == both


def waiting(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", *arguments])


def test_only_living_processes_keep_their_locks(checkout: Path) -> None:
    rwlock = checkout / ".dvc/tmp/rwlock"
    command = ("repro", "--single-item", "x")
    with waiting(*command) as here, waiting("something", "else") as stranger:
        dead = waiting(*command)
        dead.kill()
        while psutil.Process(dead.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        holders = {
            name: {"pid": process.pid, "cmd": f"/bin/dvc {' '.join(command)}"}
            for name, process in (("here", here), ("stranger", stranger), ("dead", dead))
        }
        write = {f"/out/{name}": holder for name, holder in holders.items()}
        read = {"/shared": list(holders.values()), "/old": [holders["dead"]]}
        rwlock.write_text(json.dumps({"write": write, "read": read}))
        assert len(mend(checkout)) == 1
        left = json.loads(rwlock.read_text())
        assert left == {
            "write": {"/out/here": holders["here"]},
            "read": {"/shared": [holders["here"]]},
        }
        assert mend(checkout) == []
        for process in (here, stranger, dead):
            process.kill()
            process.wait()


def test_half_a_file_of_locks_is_removed(checkout: Path) -> None:
    rwlock = checkout / ".dvc/tmp/rwlock"
    for text in ("", '{"write": {"/a": {"pid": 1', '{"write": {"/a": 3}}'):
        rwlock.write_text(text)
        assert "removed" in mend(checkout)[0]
        assert not rwlock.exists()


def test_a_run_that_ended_by_itself_leaves_nothing_to_tell(checkout: Path) -> None:
    rwlock = checkout / ".dvc/tmp/rwlock"
    for left in ("{}", '{"read": {}}', '{"write": {}, "read": {"/old": []}}'):
        rwlock.write_text(left)
        assert mend(checkout) == []
        assert rwlock.read_text() == left


def test_where_dvc_never_ran_there_is_nothing_to_mend(tmp_path: Path) -> None:
    assert mend(tmp_path) == []
    assert os.listdir(tmp_path) == []


def dvc(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    command = [sys.executable, "-m", "dvc", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("git", [True, False])
def test_dvc_works_in_a_zip_and_on_another_disk_and_git_sees_nothing_of_what_it_did(
    tmp_path: Path, git: bool
) -> None:
    root, project, disk = Path(__file__).parents[2], tmp_path / "project", tmp_path / "disk"
    for folder in (disk, project / ".dvc", project / "studies/mine"):
        folder.mkdir(parents=True)
    for name in (".dvc/config", ".dvc/.gitignore", ".gitignore"):
        (project / name).write_bytes((root / name).read_bytes())
    (project / "data").symlink_to(disk)
    stage = {"wdir": "../..", "cmd": "touch data/model", "outs": ["data/model"]}
    graph = project / "studies/mine/dvc.yaml"
    graph.write_text(yaml.safe_dump({"stages": {"train": stage}}))
    if git:
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    done = dvc(project, "repro", "studies/mine/dvc.yaml")
    assert done.returncode == 0, done.stderr
    assert (disk / "model").exists()
    assert graph.with_name("dvc.lock").exists()
    if git:
        command = ["git", "status", "--porcelain", "--untracked-files=all"]
        seen = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
        assert [line for line in seen.stdout.splitlines() if "studies" in line] == []


def test_every_dvc_repro_of_make_waits_for_another_command_of_dvc() -> None:
    root = Path(__file__).parents[2]
    for name in ("Makefile", "studies/side_by_side"):
        lines = (root / name).read_text().splitlines()
        called = [line for line in lines if line.strip(" \t@").startswith(("dvc ", "xargs"))]
        repro = [line for line in called if " repro" in line]
        assert repro
        assert all("dvc --wait-for-lock repro" in line for line in repro), name


def test_a_repro_that_waits_outlives_a_second_command_of_dvc(tmp_path: Path) -> None:
    dvc(tmp_path, "init", "--no-scm")
    hold = "import time, zc.lockfile as z; held = z.LockFile('.dvc/tmp/lock'); time.sleep(7)"
    other = f'"{sys.executable}" -c "{hold}" &'  # begins while the stage runs, and outlasts it
    stage = {"cmd": f"{other} sleep 1; touch made", "outs": ["made"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"one": stage}}))
    done = dvc(tmp_path, "--wait-for-lock", "repro")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "dvc.lock").exists()
