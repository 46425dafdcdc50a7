"""One byte changed anywhere in what was recorded is found, and named."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from click.testing import CliRunner

from isd_pipeline.__main__ import main
from isd_pipeline.data.io.files import sha256, write_json
from isd_pipeline.data.io.tensor_files import pack, sealed
from isd_pipeline.studies.recorded import CACHE
from isd_pipeline.studies.verify import verify
from isd_pipeline.training.checkpoints import write_model

MODEL = Path("data/06_models/tiny/isd/seed_1")
TRAINING = Path("data/08_reporting/tiny/runs/isd/seed_1/training.json")
NOTES = Path("data/02_intermediate/tiny/notes.parquet")
BUNDLE = Path("bundles/tiny-isd-1")
STATE = Path("scratch/training/0123456789abcdef")
EPOCH = STATE / "epoch-0003.json"


def dvc(project: Path, *words: str) -> None:
    command = [sys.executable, "-m", "dvc", *words]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as the stages leave it, which DVC itself has recorded."""
    project = tmp_path_factory.mktemp("made")
    (project / NOTES).parent.mkdir(parents=True)
    (project / NOTES).write_bytes(b"n" * 3_000_000)
    write_model(project / MODEL, {"w": torch.ones(3)}, settings={"seed": 1}, fingerprints={})
    [weights] = (project / MODEL).glob("*.safetensors")
    write_json(project / TRAINING, {"minutes": 1, "run": {"weights_sha256": sha256(weights)}})
    write_model(project / STATE, {"w": torch.zeros(3)}, settings={}, fingerprints={})
    (project / STATE / "model.json").rename(project / STATE / "epoch-0003.json")
    made_bundle(project / BUNDLE)
    study = project / "studies/tiny/dvc.yaml"
    study.parent.mkdir(parents=True)
    stages = {
        "extract": {"wdir": "../..", "cmd": "true", "outs": [str(NOTES)]},
        "train": {
            "wdir": "../..", "cmd": "true", "outs": [str(MODEL)], "metrics": [str(TRAINING)]
        },
    }  # fmt: skip
    study.write_text(yaml.safe_dump({"stages": stages}))
    dvc(project, "init", "--no-scm", "-q")
    dvc(project, "config", "core.analytics", "false")
    dvc(project, "commit", "-q", "-f", str(study.relative_to(project)))
    return project


def made_bundle(folder: Path) -> None:
    content, digest = pack({"w": torch.ones(2)})
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(content)
    write_json(folder / "bundle.json", sealed({"format": 2, "weights_sha256": digest}, "sha256"))
    (folder / "MODEL_CARD.md").write_text("for people")


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import shutil

    copied = tmp_path / "project"
    shutil.copytree(made, copied)
    monkeypatch.chdir(copied)
    return copied


def other_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(content))


def weights() -> Path:
    return next(MODEL.glob("*.safetensors"))


def kept(path: Path) -> Path:
    """Its copy in DVC's cache."""
    from isd_pipeline.studies.recorded import cached, md5

    return cached(Path(), md5(path))


def test_whole_is_exit_0_and_counts_what_was_looked_at(project: Path) -> None:
    done = CliRunner().invoke(main, ["verify"])
    assert (done.exit_code, done.stdout) == (
        0,
        "verified: 1 bundles, 2 checkpoints, 4 files, 5 files in DVC's cache, 3 outputs; "
        "0 differ\n",
    )


@pytest.mark.parametrize(
    ("harm", "path", "what"),
    [
        (lambda: other_byte(NOTES), lambda: NOTES, "changed"),
        (NOTES.unlink, lambda: NOTES, "missing"),
        (lambda: other_byte(TRAINING), lambda: TRAINING, "changed"),
        (lambda: other_byte(MODEL / "model.json"), lambda: MODEL / "model.json", "changed"),
        (lambda: (MODEL / "model.json").unlink(), lambda: MODEL / "model.json", "missing"),
        (lambda: (MODEL / "more.bin").write_bytes(b""), lambda: MODEL / "more.bin", "extra"),
        (lambda: other_byte(BUNDLE / "bundle.json"), lambda: BUNDLE / "bundle.json", "damaged"),
        (lambda: (BUNDLE / "note.txt").write_text(""), lambda: BUNDLE / "note.txt", "extra"),
        (lambda: other_byte(EPOCH), lambda: EPOCH, "damaged"),
    ],
)  # fmt: skip
def test_each_harm_is_named_with_its_file_and_is_exit_1(
    project: Path, harm: Callable[[], None], path: Callable[[], Path], what: str
) -> None:
    harm()
    done = CliRunner().invoke(main, ["verify", "--json"])
    told = json.loads(done.stdout)
    assert done.exit_code == 1
    found = [(one["path"], one["what"]) for one in told["problems"]]
    assert (str(path()), what) in found
    # A changed hash in training.json says of the weights, too, that they are others.
    assert {name for name, _ in found} - {str(path())} <= {f"{MODEL}/model-*"}
    assert all(one["remedy"] and one["recorded_in"] for one in told["problems"])


@pytest.mark.parametrize("name", ["weights.safetensors"])
@pytest.mark.parametrize("harm", [other_byte, Path.unlink])
def test_weights_of_a_bundle_are_hashed(project: Path, name: str, harm: Callable) -> None:
    harm(BUNDLE / name)
    assert [one.path for one in verify(Path()).problems] == [str(BUNDLE / name)]


def test_weights_that_are_not_those_of_the_training_are_named_also_without_dvc(
    project: Path,
) -> None:
    Path("studies/tiny/dvc.lock").unlink()
    write_model(MODEL, {"w": torch.full((3,), 2.0)}, settings={"seed": 1}, fingerprints={})
    [found] = verify(Path()).problems
    assert (found.path, found.recorded_in) == (f"{MODEL}/model-*", str(TRAINING))


@pytest.mark.parametrize("path", [lambda: NOTES, weights, lambda: TRAINING])
def test_one_byte_in_dvcs_cache_is_found(project: Path, path: Callable[[], Path]) -> None:
    copy = kept(path())
    other_byte(copy)
    done = CliRunner().invoke(main, ["verify"])
    assert done.exit_code == 1
    assert done.stderr.splitlines()[0].startswith(f"{copy}: damaged (DVC's copy of ")
    assert len(done.stderr.splitlines()) == 1


def test_a_damaged_list_of_a_folder_is_found_and_the_folder_is_still_hashed(project: Path) -> None:
    [listed] = CACHE.glob("*/*.dir")
    other_byte(listed)
    assert [one.path for one in verify(Path()).problems] == [str(listed)]
    other_byte(MODEL / "model.json")
    assert str(listed) in [one.path for one in verify(Path()).problems]
    listed.unlink()
    assert (str(MODEL), "changed") in [(one.path, one.what) for one in verify(Path()).problems]


def test_what_was_never_made_here_is_counted_and_no_fault(project: Path) -> None:
    import shutil

    for folder in ("data", ".dvc/cache", "scratch", "bundles"):
        shutil.rmtree(folder)
    done = CliRunner().invoke(main, ["verify"])
    assert done.exit_code == 0
    assert "3 recorded outputs were never made here" in done.stdout


def test_a_cohort_can_be_chosen_and_a_misspelt_one_is_refused(project: Path) -> None:
    other_byte(NOTES)
    assert CliRunner().invoke(main, ["verify", "tiny"]).exit_code == 1
    done = CliRunner().invoke(main, ["verify", "tinny"])
    assert done.exit_code == 1
    assert "tiny" in done.stderr
    assert len(done.stderr.splitlines()) == 1
