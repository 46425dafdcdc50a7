"""From raw notes to coded ones: no word of a note where it must not be, no other machine spoken to.

One small hospital goes through every stage by `dvc repro` and the commands behind it, with nothing
set that shuts telemetry off. Each of its notes holds a word, a name and a number that no other has.
"""

from __future__ import annotations

import csv
import functools
import gzip
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from isd_pipeline.synthetic import HospitalSettings, write_hospital
from tests.faults.hostile import PAYLOADS, fires
from tests.faults.project import COHORT, environment, make_project, make_study, run, set_key

pytestmark = pytest.mark.timeout(1800)  # a dozen processes, on a machine that may be busy
HOSPITAL = HospitalSettings(admissions=200, seed=1, words=150, code_pool=200, other_notes=0)
WARD = {name: section for name, section in COHORT.items() if name != "generate"} | {
    "extract": {"source": "mimic3", "raw": "data/01_raw/ward", "codes": "top50"},
    "train": COHORT["train"] | {"training": {"max_epochs": 2, "warm_up_epochs": 1}},
}
CANARY = re.compile(rb"zzcanary[a-z]{4}|quorblat[a-z]{4}|774409\d{4}", re.I)
KEDRO = ("kedro", "run", "--params=cohort=ward")
CHAIN = (
    ("kedro", "run", "--pipelines=generate"),
    ("dvc", "repro", "studies/ward/dvc.yaml:evaluate_isd@isd-1"),
    (*KEDRO[:2], "--pipelines=train,evaluate", f"{KEDRO[2]},experiment=logistic_regression"),
    (*KEDRO, "--pipelines=evidence"),
    (*KEDRO, "--pipelines=record,compare,report,publish"),
    ("isd", "check", "data/01_raw/ward"),
    ("isd", "summary", "ward"),
    ("isd", "bundle", "ward", "isd", "--to", "bundle"),
    ("isd", "bundle", "ward", "logistic_regression", "--to", "regression"),
    ("isd", "code", "bundle", "../new.csv", "--to", "answers.jsonl"),
    ("isd", "code", "regression", "../new.csv", "--to", "answers.csv"),
)
WITH_TEXT = (  # the only places of a project that may hold words of notes; git ignores them all
    *("data/01_raw", "data/02_intermediate", "data/03_primary/ward/tokenized_notes.parquet"),
    *("data/07_model_output/ward/evidence", ".dvc/cache"),
)


def canaries(number: int) -> str:
    """A word, a name and a number in the form of one of a hospital, of one note alone."""
    letters = "".join(chr(ord("a") + number // 26**place % 26) for place in range(4))
    return f" ZZCANARY{letters} seen by Dr Quorblat{letters}, MRN 774409{number:04}."


def plant(folder: Path) -> list[str]:
    """Canaries at the end of every note of a hospital; the notes."""
    path = folder / "NOTEEVENTS.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row["TEXT"] += canaries(number)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    return [row["TEXT"] for row in rows]


class Chain:
    """The project after all, what its commands said, and what they tried to reach."""

    def __init__(self, root: Path) -> None:
        self.project, self.temporary = root / "project", root / "tmp"
        self.tried, self.said = root / "tried.txt", ""
        make_project(self.project, WARD, "ward")
        write_hospital(self.project / "data/01_raw/ward", HOSPITAL)
        self.notes = plant(self.project / "data/01_raw/ward")
        with (root / "new.csv").open("w", newline="", encoding="utf-8") as file:
            rows = [(f"n{n}", text) for n, text in enumerate(self.notes[:20])]
            csv.writer(file).writerows([("id", "text"), *rows])
        make_study(self.project, ["isd"], "ward")
        self.temporary.mkdir()
        for command in CHAIN:
            self.said += run(
                self.project, *command, worst=int("check" in command), **self.surroundings()
            )

    def surroundings(self) -> dict[str, str]:
        paths = (Path(__file__).parent / "guarded", self.project / "src")
        return {
            "PYTHONPATH": ":".join(map(str, paths)),
            "NETWORK_TRIED": str(self.tried),
            "TMPDIR": str(self.temporary),
        }


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return Chain(tmp_path_factory.mktemp("chain"))


def bytes_of(path: Path) -> bytes:
    """What a file holds, its columns unpacked."""
    if path.suffix == ".parquet":
        return repr(pq.read_table(path).to_pydict()).encode()
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def files_outside(chain: Chain) -> Iterator[Path]:
    """All files of the project and the temporary folder but those that may hold text."""
    allowed = [chain.project / name for name in WITH_TEXT]
    for path in (*chain.project.rglob("*"), *chain.temporary.rglob("*")):
        if path.is_file() and not any(path.is_relative_to(one) for one in allowed):
            yield path


@functools.cache
def own_stretches(chain: Chain) -> list[bytes]:
    """Forty characters of every two hundred of the notes, but for titles and the sources' own."""
    tables = (chain.project / "data/01_raw/ward").glob("D_ICD*.csv")
    sources = (chain.project / "src/isd_pipeline/synthetic").glob("*.py")
    known = b"".join(path.read_bytes() for path in (*tables, *sources))
    found = (text[at : at + 40] for text in chain.notes for at in range(0, len(text) - 80, 200))
    return [one for text in found if (one := text.encode()) not in known and b"\n" not in one]


def leaked(content: bytes, chain: Chain) -> list[bytes]:
    """Canaries and stretches of the notes that stand in the bytes."""
    planted = {one.lower() for one in CANARY.findall(" ".join(chain.notes).encode())}
    found = {one for one in CANARY.findall(content) if one.lower() in planted}
    return sorted(found) + [one for one in own_stretches(chain) if one in content]


def test_the_places_that_may_hold_text_do_hold_the_canaries(chain: Chain) -> None:
    """Else the tests below could not fail."""
    found = chain.project / "data/02_intermediate/ward/notes.parquet"
    assert len(leaked(bytes_of(found), chain)) > 3 * len(chain.notes)
    words = chain.project / "data/03_primary/ward/tokenized_notes.parquet"
    assert leaked(bytes_of(words), chain)


def test_no_word_of_a_note_is_in_any_other_file(chain: Chain) -> None:
    """MLflow's store, DVC's files, results, page, bundles, answers, scratch, /tmp, core dumps."""
    files = list(files_outside(chain))
    names = {path.relative_to(chain.project.parent).as_posix() for path in files}
    looked_at = {
        "mlflow.db",
        "studies/ward/dvc.lock",
        ".dvc/config",
        "bundle/bundle.json",
        "answers.jsonl",
        "answers.csv",
    }
    looked_at |= {"data/08_reporting/ward/report.html", "results/ward/runs.jsonl"}
    assert {f"project/{name}" for name in looked_at} <= names
    leaks = {str(path): found for path in files if (found := leaked(bytes_of(path), chain))}
    assert leaks == {}
    assert not [name for name in names if CANARY.search(name.encode())]
    assert not list(chain.project.rglob("core*[0-9]"))


def test_no_command_says_a_word_of_a_note(chain: Chain) -> None:
    assert "loss" in chain.said
    assert leaked(chain.said.encode(), chain) == []


def test_nothing_is_left_in_the_temporary_folder(chain: Chain) -> None:
    assert [path for path in chain.temporary.rglob("*") if path.is_file()] == []


def test_no_other_machine_is_spoken_to(chain: Chain) -> None:
    tried = chain.tried.read_text() if chain.tried.exists() else ""
    assert tried == ""


def test_the_guard_of_the_network_is_one(chain: Chain, tmp_path: Path) -> None:
    """In a process that throws its output away too."""
    script = "import urllib.request as r; r.urlopen('http://192.0.2.1/', timeout=1)"
    told = tmp_path / "tried.txt"
    surroundings = environment(chain.project, **chain.surroundings() | {"NETWORK_TRIED": str(told)})
    done = subprocess.run([sys.executable, "-c", script], env=surroundings, capture_output=True)
    assert done.returncode == 1
    assert told.read_text().startswith("192.0.2.1: ")


def cut_words(project: Path) -> None:
    path = project / "data/03_primary/ward/tokenized_notes.parquet"
    path.write_bytes(path.read_bytes()[:-500])


def ragged_row(project: Path) -> None:
    path = project / "data/01_raw/ward/NOTEEVENTS.csv"
    path.write_text(path.read_text(encoding="utf-8") + f'1,2,3,"{canaries(0)}"\n', encoding="utf-8")


def other_encoding(project: Path) -> None:
    path = project / "data/01_raw/ward/NOTEEVENTS.csv"
    content = path.read_bytes()
    place = content.index(b"ZZCANARY")
    path.write_bytes(content[:place] + b"\xe9" + content[place:])


FAULTS = {
    "extract: ragged row": (ragged_row, "extract"),
    "extract: another encoding": (other_encoding, "extract"),
    "embed: words cut off": (cut_words, "embed"),
}


@pytest.mark.parametrize("fault", list(FAULTS))
@pytest.mark.parametrize("debug", [False, True], ids=["a line", "its trace"])
def test_no_error_says_a_word_of_a_note(
    chain: Chain, tmp_path: Path, fault: str, debug: bool
) -> None:
    hurt, stage = FAULTS[fault]
    ignored = shutil.ignore_patterns("cache", "mlflow.db")
    shutil.copytree(chain.project, tmp_path / "project", symlinks=True, ignore=ignored)
    hurt(tmp_path / "project")
    set_key(tmp_path / "project/conf/base/tracking.yml", ["uri"], "")
    surroundings = environment(
        tmp_path / "project",
        **chain.surroundings() | {"PYTHONPATH": str(tmp_path / "project/src")},
        **({"ISD_DEBUG": "1"} if debug else {}),
    )
    done = subprocess.run(
        [*KEDRO, f"--pipelines={stage}"],
        cwd=tmp_path / "project",
        env=surroundings,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert ("Traceback" in done.stderr) == debug
    assert leaked((done.stdout + done.stderr).encode(), chain) == []


def datasets_of(project: Path) -> dict[str, Any]:
    """The datasets of the catalog that read a file or folder that is there."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(project)
    with KedroSession.create(project, runtime_params={"cohort": "ward"}) as session:
        catalog = session.load_context().catalog
        names = [name for name in catalog.keys() if not name.startswith("param")]  # noqa: SIM118
        found = {name: catalog[name] for name in names}
    return {
        name: dataset
        for name, dataset in found.items()
        if type(dataset).__name__ == "FileDataset" and dataset.exists()
    }


@pytest.mark.parametrize("payload", list(PAYLOADS))
def test_no_file_of_a_project_runs_code_when_it_is_read(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, payload: str
) -> None:
    """Each file of the catalog is taken by a pickle in one of its many dresses, and then read."""
    project, marker = tmp_path / "project", tmp_path / "marker"
    ignored = shutil.ignore_patterns("cache", "01_raw", "mlflow.db")
    shutil.copytree(chain.project, project, symlinks=True, ignore=ignored)
    content = PAYLOADS[payload](marker)
    assert fires(content, marker)
    monkeypatch.chdir(project)
    datasets = datasets_of(project)
    assert len(datasets) > 30
    for path in [path for path in (project / "data").rglob("*.*") if path.is_file()]:
        path.write_bytes(content)
    for name, dataset in datasets.items():
        try:
            read = dataset.load()
            read() if callable(read) else list(read)
        except Exception:  # refused, with whatever words
            assert not marker.exists(), name
        assert not marker.exists(), name
