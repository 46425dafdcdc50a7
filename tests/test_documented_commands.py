"""No command of a page is one that a reader would be refused.

Every fenced `isd`, `kedro`, `dvc`, `make` and `python` command is parsed: its sub-command, options,
targets, cohorts and experiments exist. What stands under `<!-- runnable -->` is run, in one project
that has a small bundle wherever a page names one.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from isd_pipeline.__main__ import main
from isd_pipeline.cli import cli
from isd_pipeline.coding.bundle import write_bundle
from tests.checkout import ROOT, copy_checkout
from tests.coding import tiny
from tests.documentation import Fence, fences

CONF = ROOT / "conf/base"
COHORTS = yaml.safe_load((CONF / "parameters_cohorts.yml").read_text(encoding="utf-8"))["cohorts"]
ROWS = yaml.safe_load((CONF / "parameters_experiments.yml").read_text(encoding="utf-8"))
EXPERIMENTS = ROWS["experiments"]
TABLES = yaml.safe_load((CONF / "parameters_tables.yml").read_text(encoding="utf-8"))["tables"]
STAGES = {path.parent.name for path in (ROOT / "src/isd_pipeline/pipelines").glob("*/pipeline.py")}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*$|[A-Z]$|.*…")
OF_PATIENTS = re.compile(r"(?!--).*(note|nota|new|visit|decision)s?\.(csv|txt|html|jsonl|sqlite)$")
OWN = {"custom", "own"}  # cohorts that a reader makes
# Commands and variables of this release that other changes bring; parsed as soon as they are there.
COMMANDS = ("isd", "kedro", "dvc", "make", "python", "studies/side_by_side", "studies/apart")
BLOCKS = [fence for fence in fences() if fence.language in ("", "bash", "sh")]
RUN = [fence for fence in BLOCKS if fence.runnable]


def lines(text: str) -> list[str]:
    """The commands of a block, one each: continued lines joined, what stands behind `;` parted."""
    whole = re.sub(r"\\\n\s*", " ", text)
    parts = [one for line in whole.splitlines() for one in re.split(r"&&|;(?=\s|$)", line)]
    return [re.sub(r"^(do|then)\s+", "", part.strip()) for part in parts if part.strip()]


def words_of(line: str) -> list[str]:
    """The words of a command, without what is set before it and where its output goes."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # a quotation that the next line ends
        return []
    while words and re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    for sign in (">", "|", "<"):
        words = words[: words.index(sign)] if sign in words else words
    return words


def fault(words: list[str]) -> str | None:
    """What is wrong with a command; None where nothing is."""
    name, *rest = words
    if name == "isd":
        return of_isd(rest)
    if name == "kedro":
        return of_kedro(rest)
    if name == "make":
        return of_make(rest)
    if name == "dvc":
        return of_dvc(rest)
    if name == "python":
        file = next((word for word in rest if word.endswith(".py")), None)
        return None if file is None or (ROOT / file).exists() else f"no file {file}"
    table = rest[1:2] or ["table3"]
    known = name != "studies/side_by_side" or table[0] in TABLES or PLACEHOLDER.match(table[0])
    return None if known and (ROOT / name).exists() else f"{name} knows no {table[0]}"


def of_isd(rest: list[str]) -> str | None:
    whole = click.Context(main, resilient_parsing=True)
    if not rest or rest[0] in ("--help", "-h", "--version", "COMMAND"):
        return None
    command = main.get_command(whole, rest[0])
    if command is None:
        return f"isd has no {rest[0]}"
    told = parsed(command, [word for word in rest[1:] if word not in ("--help", "…")])
    return told or unknown_run(rest[0], rest[1:])


def parsed(command: click.Command, words: list[str]) -> str | None:
    context = click.Context(command)
    try:
        given, left, _ = command.make_parser(context).parse_args(list(words))
        for parameter in command.params:
            value = given.get(parameter.name)
            named = isinstance(value, str) and not PLACEHOLDER.match(value)
            if named and isinstance(parameter.type, click.Choice | click.types.IntParamType):
                parameter.type.convert(value, parameter, context)
    except click.UsageError as error:
        return error.format_message()
    return f"{command.name} reads no {left[0]}" if left else None


def unknown_run(command: str, rest: list[str]) -> str | None:
    """A cohort or an experiment that is in no file of conf/base."""
    takes = {"show": 2, "bundle": 2, "reproduce": 2, "summary": 1, "compare": 1, "study": 9}
    plain = [word for word in rest if not word.startswith("-")][: takes.get(command, 0)]
    experiments = plain[1:] if takes.get(command) == 2 else []
    for word in plain[: len(plain) - len(experiments)]:
        if command != "compare" and not known(word, COHORTS):
            return f"no cohort {word}"
    bad = [word for word in experiments if not known(word, EXPERIMENTS)]
    return f"no experiment {bad[0]}" if bad else None


def known(word: str, names: dict[str, object]) -> bool:
    return word in names or word in OWN or "$" in word or bool(PLACEHOLDER.match(word))


def of_kedro(rest: list[str]) -> str | None:
    if rest[:1] != ["run"]:
        return None if rest[:1] in (["viz"], ["jupyter"], ["registry"], ["catalog"]) else "no such"
    if told := parsed(cli.commands["run"], rest[1:]):
        return told
    for stages in re.findall(r"--pipelines?[= ](\S+)", " ".join(rest)):
        for stage in stages.split(","):
            if not (stage in STAGES or "$" in stage or PLACEHOLDER.match(stage)):
                return f"no stage {stage}"
    for key, value in re.findall(r"\b(cohort|experiment)=([^,\s]+)", " ".join(rest)):
        if not known(value, COHORTS if key == "cohort" else EXPERIMENTS):
            return f"no {key} {value}"
    return None


def of_make(rest: list[str]) -> str | None:
    rules = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.M)) | set(TABLES)
    patterns = [
        re.compile(one.replace("%", r"\w+")) for one in re.findall(r"^(data\S+):", MAKEFILE, re.M)
    ]
    for word in rest:
        name, sign, value = word.partition("=")
        if sign:
            if not re.search(rf"\b{name}\b", MAKEFILE):
                return f"make reads no {name}"
            if name == "COHORT" and not known(value, COHORTS):
                return f"no cohort {value}"
        elif not (word in rules or any(one.fullmatch(word) for one in [*patterns, PLACEHOLDER])):
            return f"make has no target {word}"
    return None


def of_dvc(rest: list[str]) -> str | None:
    words = [word for word in rest if not word.startswith("-")]
    if words[:1] not in (["repro"], ["status"], ["metrics"], ["dag"], ["plots"], ["gc"], ["pull"]):
        return f"dvc {' '.join(words[:1])} is not among those that pages may name"
    cohorts = re.findall(r"studies/([^/]+)/dvc\.yaml", " ".join(words))
    bad = [cohort for cohort in cohorts if not known(cohort, COHORTS)]
    return f"no cohort {bad[0]}" if bad else None


@pytest.mark.parametrize("fence", BLOCKS, ids=str)
def test_every_command_of_a_block_is_one_that_there_is(fence: Fence) -> None:
    wrong = []
    for line in lines(fence.text):
        words = words_of(line)
        if words and words[0] in COMMANDS and (told := fault(words)):
            wrong.append(f"{line}: {told}")
    assert wrong == []


@pytest.mark.parametrize("fence", BLOCKS, ids=str)
def test_notes_of_an_example_lie_where_git_does_not_look(fence: Fence) -> None:
    """A reader puts patients where the example has its notes: under `data/`, or where he says."""
    seen = [word for line in lines(fence.text) for word in line.split() if OF_PATIENTS.match(word)]
    assert [word for word in seen if not word.startswith("data/")] == []


def test_a_wrong_command_is_told() -> None:
    """Every way in which a command of a page can be wrong, so that the test above can fail."""
    for line in (
        "isd serch codiesp_50",
        "isd code BUNDLE notes.csv --too notes.html",
        "isd show codiesp_51 isd",
        "isd bundle codiesp_50 isd_pair",
        "isd code BUNDLE notes.csv --device tpu",
        "kedro run --pipelines=stack",
        "kedro run --pipelines=train --params cohort=codiesp_50,experiment=titles",
        "kedro run --pipline=train",
        "make stacks COHORT=codiesp_50",
        "make table3 COHORTS=codiesp_50",
        "dvc repro studies/codiesp_51/dvc.yaml:table3",
        "python benchmarks/speed.py",
    ):
        assert fault(words_of(line)), line


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the record of the demonstration, and a small bundle by each name."""
    made = copy_checkout(tmp_path_factory.mktemp("pages") / "project")
    for name in ("results", "studies"):
        shutil.copytree(ROOT / name / "synthetic", made / name / "synthetic")
    shutil.copy(ROOT / "studies/stages.yaml", made / "studies")
    (made / "data/01_raw").mkdir(parents=True)
    named = {name for fence in RUN for name in re.findall(r"bundles/([\w-]+)", fence.text)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "WORDS", [*tiny.WORDS, "cough", "dolor", "fiebre"])
        for name in sorted(named):
            write_bundle(tiny.bundle_of(), made / "bundles" / name)
    return made


def test_blocks_are_marked_as_runnable_on_the_first_pages() -> None:
    pages = {fence.page.name for fence in RUN}
    assert {"README.md", "student.md", "codiesp.md", "hospital.md"} <= pages


@pytest.mark.parametrize("fence", RUN, ids=str)
def test_what_is_marked_as_runnable_runs(
    fence: Fence, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    for written in project.glob("data/*.*"):  # by the block of another page
        written.unlink()
    for line in lines(fence.text):
        words = words_of(line)
        if words[:1] == ["isd"]:
            done = CliRunner().invoke(main, words[1:])
            assert done.exit_code == 0, f"{line}: {done.output}"
        elif words[:1] in (["echo"], ["printf"]):
            subprocess.run(["sh", "-c", line], check=True)
        else:
            pytest.fail(f"{line}: a block that is run holds commands of isd, echo and printf alone")
