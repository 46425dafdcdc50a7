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
from isd_pipeline.studies.without_git import link_out, refuse_links

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
    (tmp_path / ".git").mkdir()
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


def test_a_zip_of_the_project_without_git_is_one_that_dvc_works_in(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    (tmp_path / ".dvc").mkdir()
    for name in (".dvc/config", ".dvc/.gitignore"):
        (tmp_path / name).write_bytes((root / name).read_bytes())
    (tmp_path / "dvc.yaml").write_text("stages: {one: {cmd: touch made, outs: [made]}}")
    assert "is not a git repository" in dvc(tmp_path, "repro").stderr

    assert mend(tmp_path) == [
        "no Git here, so runs name no commit: DVC works without Git from now on "
        f"({tmp_path / '.dvc/config.local'}: no_scm)"
    ]
    done = dvc(tmp_path, "repro")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made").exists()
    assert not any("no Git" in line for line in mend(tmp_path))


def test_what_a_user_set_for_this_machine_is_kept_where_there_is_no_git(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    path = tmp_path / ".dvc/config.local"
    path.write_text("[core]\n    remote = mine\n['remote \"mine\"']\n    url = /a%20b\n")
    mend(tmp_path)
    told = dvc(tmp_path, "config", "--list", "--local").stdout
    assert {*told.splitlines()} == {
        *("core.remote=mine", "core.no_scm=true", "remote.mine.url=/a%20b")
    }


def test_a_checkout_of_git_keeps_dvcs_settings(checkout: Path) -> None:
    assert mend(checkout) == []
    assert not (checkout / ".dvc/config.local").exists()


@pytest.mark.parametrize("linked", ["data", "data/06_models/mine"])
def test_where_data_lies_on_another_disk_dvc_works_on_it_or_says_so_before_a_stage(
    tmp_path: Path, linked: str
) -> None:
    project, disk = tmp_path / "project", tmp_path / "disk"
    disk.mkdir()
    (project / ".dvc").mkdir(parents=True)
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    (project / ".gitignore").write_text("/data/\n/data\n")
    (project / linked).parent.mkdir(parents=True, exist_ok=True)
    (project / linked).symlink_to(disk)
    made = "data/06_models/mine/isd"
    stage = {"cmd": f"mkdir -p {made} && touch {made}/model", "outs": [made]}
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"train": stage}}))
    assert "outside of git repository" in dvc(project, "repro").stderr  # once it has run

    with pytest.raises(OSError, match=f"^{linked}: a link out of the checkout.* `isd repair`"):
        refuse_links({"DVC_ROOT": str(project)})
    refuse_links({})  # `kedro run` alone minds no link
    [told] = [line for line in mend(project) if "Git" in line]
    assert told.startswith(f"{linked} leads out of the checkout: DVC works without Git")
    refuse_links({"DVC_ROOT": str(project)})
    done = dvc(project, "repro")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in disk.rglob("model")] == ["model"]


def test_links_to_raw_files_and_within_the_checkout_are_no_matter(tmp_path: Path) -> None:
    project, disk = tmp_path / "project", tmp_path / "disk"
    disk.mkdir()
    for name in ("data/01_raw", "data/03_primary", "inside"):
        (project / name).mkdir(parents=True)
    (project / "data/01_raw/mimic3").symlink_to(disk)
    (project / "data/03_primary/mine").symlink_to(project / "inside")
    assert link_out(project) is None


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
