"""`isd train`: refused in one line, gone on with where it was stopped, kept as a cohort."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from isd_pipeline.__main__ import main
from isd_pipeline.data.custom.example import write_example
from isd_pipeline.data.custom.layout import CustomLayout
from isd_pipeline.studies import custom_training as training
from isd_pipeline.studies.custom_sizes import look

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    write_example(tmp_path / "ward")
    return tmp_path / "ward"


@pytest.fixture
def isd(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.chdir(ROOT)
    return lambda *words: CliRunner().invoke(main, ["train", *map(str, words)])


def asked(raw: Path, **changed: Any) -> training.Asked:
    section = {"extract": {"source": "custom", "raw": str(raw), "custom": {"system": "icd10cm"}}}
    given: dict[str, Any] = {"experiments": ("noisy_or", "logistic_regression"), "embeds": False}
    return training.Asked(cohort="ward", section=section, **given | changed)


def test_a_dry_run_tells_the_plan_and_writes_nothing(ward: Path, isd: Callable[..., Any]) -> None:
    done = isd(ward, "--to", ward.parent / "made", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "160 coded notes" in done.output
    assert "chosen: ensemble_mentions_words, about a minute" in done.output
    assert not (ward.parent / "made").exists()


@pytest.mark.parametrize(
    ("damage", "options", "told"),
    [
        (lambda ward: (ward / "notes.csv").unlink(), (), "no file of notes"),
        (lambda ward: (ward / "codes.csv").unlink(), (), "no codes; give a file codes.csv"),
        (
            lambda ward: (ward / "notes.csv").write_bytes((ward / "notes.csv").read_bytes()[:9000]),
            *((), "ends inside a quoted cell, so it is cut off"),
        ),
        (lambda ward: None, ("--system", "icd10"), "--system knows no 'icd10'; did you mean"),
        (lambda ward: None, ("--columns", "text=BODY"), "no column BODY"),
        (lambda ward: None, ("--minutes", "0"), "a number above 0 is wanted"),
        (lambda ward: None, ("--minutes", "0.1"), "are too few"),
        (lambda ward: None, ("--keep", "a-b"), "cannot be a name"),
        (lambda ward: None, ("--keep", "codiesp_50"), "give --keep another name"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_trained(
    ward: Path, isd: Callable[..., Any], damage: Any, options: tuple[str, ...], told: str
) -> None:
    damage(ward)
    done = isd(ward, "--to", ward.parent / "made", *options)
    assert done.exit_code == 1
    assert told in done.output
    assert "Traceback" not in done.output
    assert not (ward.parent / "made").exists()


def test_a_folder_that_is_not_there_is_told_with_the_near_match(
    ward: Path, isd: Callable[..., Any]
) -> None:
    done = isd(ward.parent / "wart")
    assert (done.exit_code, f"is it {ward}?" in done.output) == (1, True)
    assert "name the folder that it is in" in isd(ward / "notes.csv").output


def test_a_folder_with_something_else_is_never_written_into(ward: Path) -> None:
    with pytest.raises(FileExistsError, match="no unfinished training"):
        training.refuse_target(ward, force=True)
    (ward.parent / "made/bundle").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="--force trains anew"):
        training.refuse_target(ward.parent / "made", force=False)
    training.refuse_target(ward.parent / "made", force=True)


def test_without_the_extra_it_is_one_line(
    ward: Path, isd: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kedro", None)
    done = isd(ward)
    told = "this needs kedro, which is not here: pip install '.[pipeline]' in the checkout"
    assert (done.exit_code, done.output) == (1, f"Error: {told}\n")


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What runs instead of the pipelines: each call is noted."""
    calls: list[Any] = []

    def run(project: Path, pipelines: list[str], parameters: dict[str, Any]) -> None:
        assert Path.cwd() == project
        calls.append(parameters.get("experiment", pipelines[0]))

    monkeypatch.setattr(training, "_run", run)
    monkeypatch.setattr(training, "_finish", lambda *_: None)
    return calls


def test_what_was_stopped_goes_on_and_other_notes_begin_anew(
    ward: Path, stages: list[Any], tmp_path: Path
) -> None:
    told: list[str] = []
    to = tmp_path / "made"
    run = training._run
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(training, "_run", _stopping(run, after=2))
        with pytest.raises(KeyboardInterrupt):
            training.train(asked(ward), to, ROOT, told.append)
    assert stages == ["extract", "noisy_or"]
    training.refuse_target(to, force=False)
    training.train(asked(ward), to, ROOT, told.append)
    assert stages == ["extract", "noisy_or", "logistic_regression", "record"]
    assert any("goes on where it was stopped" in line for line in told)
    (ward / "codes.csv").write_text((ward / "codes.csv").read_text() + "V0001,I10,\n")
    training.train(asked(ward), to, ROOT, told.append)
    assert stages[4:] == ["extract", "noisy_or", "logistic_regression", "record"]
    assert "is begun anew" in told[-9]


def _stopping(run: Any, after: int) -> Any:
    counted: list[None] = []

    def stopping(*given: Any) -> None:
        if len(counted) == after:
            raise KeyboardInterrupt
        counted.append(None)
        run(*given)

    return stopping


def test_the_working_project_has_this_cohort_alone_and_no_git_takes_it(
    ward: Path, stages: list[Any], tmp_path: Path
) -> None:
    training.train(asked(ward), tmp_path / "made", ROOT, lambda line: None)
    files = (tmp_path / "made/project/conf/base").glob("parameters_cohorts*.yml")
    assert [path.name for path in files] == ["parameters_cohorts_ward.yml"]
    assert (tmp_path / "made/.gitignore").read_text() == "*\n"
    assert json.loads((tmp_path / "made/project/asked.json").read_text())["files"]


def test_a_seed_is_taken_that_leaves_notes_to_tune_and_to_test_on(ward: Path) -> None:
    lines = (ward / "codes.csv").read_text().splitlines(keepends=True)
    ids = sorted({line.partition(",")[0] for line in lines[1:]})[:24]
    kept = [line for line in lines if line.partition(",")[0] in {"id", *ids}]
    (ward / "codes.csv").write_text("".join(kept))
    found = look(ward, CustomLayout())
    assert found is not None
    assert found.seed is not None
    assert found.documents == 24
    assert found.sizes.notes <= 14
    assert found.language == "en"
    assert found.sizes.marked


def test_word_vectors_are_a_stage_apart_for_their_settings_follow_what_was_counted(
    ward: Path,
) -> None:
    stages = [pipelines for _, pipelines, _ in asked(ward, embeds=True).stages]
    assert stages[:2] == [["extract", "preprocess"], ["embed"]]
    assert all("embed" not in one for _, one, _ in asked(ward).stages)
