"""What must hold for every file of the repository."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.guard import faults

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PAGES = ("systems.md", "results.md", "evidence.md")


def tracked() -> list[Path]:
    """None outside git, and on a machine that has no git."""
    if shutil.which("git") is None:
        return []
    found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    return [ROOT / name for name in found.stdout.decode().split("\0") if name]


def test_no_tracked_file_is_large_or_a_hospitals() -> None:
    files = [path for path in tracked() if path.is_file()]
    if not files:
        pytest.skip("not a git checkout: no list of tracked files")
    assert [fault for path in files if not path.is_symlink() for fault in faults(path)] == []


@pytest.mark.skipif(not tracked(), reason="not a git checkout")
def test_git_passes_over_all_data_and_keeps_the_record() -> None:
    made = ("02_intermediate/own/notes.parquet", "03_primary/own/vocabulary.json")
    made += ("04_feature/own/words/vectors.npy", "08_reporting/own/runs/isd/seed_1/metrics.json")
    for name in made:
        assert _is_ignored(f"data/{name}")
    for name in ("runs.jsonl", "histories.parquet", "tables/table3.json", "data_card.json"):
        assert not _is_ignored(f"results/own/{name}")
    assert [path for path in tracked() if path.is_relative_to(ROOT / "data")] == []
    records = [path for path in tracked() if path.is_relative_to(ROOT / "results")]
    for name in ("notes.codes.jsonl", "a/b.csv.codes.csv", "n.codes.html", "n.codes.jsonl.parts/a"):
        assert _is_ignored(name)
    assert max(Counter(path.relative_to(ROOT).parts[1] for path in records).values()) <= 16
    assert len(tracked()) - len(records) < 1000  # docs/decisions/0012-size.md


def _is_ignored(name: str) -> bool:
    return (
        subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT, check=False).returncode == 0
    )


@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
def test_a_clone_has_the_same_bytes_whatever_git_makes_of_line_ends(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()

    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", *who, *words], cwd=first, check=True, capture_output=True)

    for name in (".gitattributes", "studies/side_by_side", "dvc.yaml"):
        (first / Path(name).name).write_bytes((ROOT / name).read_bytes())
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "all")
    git("clone", "-q", "-c", "core.autocrlf=true", str(first), str(second))
    for name in (".gitattributes", "side_by_side", "dvc.yaml"):
        assert (second / name).read_bytes() == (first / name).read_bytes()


OF_MAKE = ("cohorts", "tables")
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="no make here")


@pytest.fixture
def a_makefile(tmp_path: Path) -> Path:
    """A folder with the Makefile and what it reads."""
    for folder in ("conf/base", "studies"):
        (tmp_path / folder).mkdir(parents=True)
    names = ["Makefile", "studies/raw_files", "pyproject.toml", "requirements.lock"]
    names += ["requirements-torch.lock", *(f"conf/base/parameters_{n}.yml" for n in OF_MAKE)]
    for name in names:
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # Without what a make that runs the tests tells those below it.
    rest = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *words], cwd=folder, env=rest, capture_output=True, text=True, check=False
    )


@needs_make
def test_a_path_with_blanks_and_quotes_is_linked_as_it_is(a_makefile: Path) -> None:
    corpus = a_makefile / 'my corpora/it\'s "here"/codiesp v4.zip'
    corpus.parent.mkdir(parents=True)
    corpus.write_bytes(b"a zip")
    link = "data/01_raw/codiesp_50/codiesp_v4.zip"
    missing = make(a_makefile, link, f"CODIESP={corpus.with_name('other.zip')}")
    assert missing.returncode != 0
    assert missing.stdout.startswith(f"{corpus.with_name('other.zip')}: not there.")
    assert make(a_makefile, link, f"CODIESP={corpus.relative_to(a_makefile)}").returncode == 0
    assert (a_makefile / link).read_bytes() == b"a zip"


@needs_make
def test_the_environment_has_the_build_of_torch_that_was_asked_for(a_makefile: Path) -> None:
    def torch(*words: str) -> str:
        told = make(a_makefile, "-n", "environment", *words).stdout.splitlines()
        assert told[-1].endswith(': . .venv/bin/activate"')
        (found,) = [line for line in told if "requirements-torch.lock" in line]
        return " ".join(line for line in (*told, found) if "venv --clear" in line or line == found)

    assert "index-url" not in torch()  # pip's own: on Linux PyPI, whose build is for CUDA
    assert "--no-deps --index-url" in torch("TORCH=cpu")
    assert "https://download.pytorch.org/whl/cpu" in torch("TORCH=cpu")
    assert "http://mirror" in torch("TORCH=cpu", "TORCH_INDEX=http://mirror/cpu")
    assert "index-url" not in torch("TORCH=cuda")
    (a_makefile / ".venv").mkdir()
    (a_makefile / ".venv/torch").write_text("cpu\n")
    assert "index-url" in torch()  # it keeps what was chosen
    assert "--clear" not in torch("TORCH=cpu")
    assert "--clear" in torch("TORCH=cuda")
    assert "TORCH=gpu: cpu or cuda is wanted" in make(a_makefile, "environment", "TORCH=gpu").stderr


@needs_make
def test_a_table_of_absent_data_is_refused_before_the_environment_is_made(
    a_makefile: Path,
) -> None:
    def told(cohort: str) -> str:
        asked = make(a_makefile, "table3", f"COHORT={cohort}", "PYTHON=false")
        assert not (a_makefile / ".venv").exists()
        return asked.stderr.splitlines()[0]

    assert told("mimic3_50").startswith("data/01_raw/mimic3_50: no raw files of mimic3_50 there.")
    assert told("mimic4_icd9").startswith("data/01_raw/mimic4_icd9: ")  # over several lines
    assert "make data/01_raw/codiesp_50/codiesp_v4.zip CODIESP=" in told("codiesp_50")
    assert "docs/custom_data.md" in told("custom")
    assert told("mimic3_5O").startswith("COHORT=mimic3_5O: ")
    (a_makefile / "data/01_raw/mimic3_50").mkdir(parents=True)  # empty
    assert "no raw files of mimic3_50" in told("mimic3_50")
    (a_makefile / "data/01_raw/mimic3_50/NOTEEVENTS.csv.gz").touch()
    for cohort in ("mimic3_50", "synthetic"):  # there, and generated
        assert make(a_makefile, "raw-files", f"COHORT={cohort}").returncode == 0


@needs_make
def test_a_dry_run_of_a_table_runs_nothing(a_makefile: Path) -> None:
    told = make(a_makefile, "-n", "table3", "DRY=1", "JOBS=4").stdout
    assert told.splitlines()[-1] == "isd study synthetic --dry-run table3 --jobs 4"
    assert "dvc" in make(a_makefile, "-n", "table3").stdout
    for target in ("table3", "real"):  # data that are not there yet are no reason not to tell
        told = make(a_makefile, "-n", target, "COHORT=mimic3_50", "DRY=1", "CODIESP=none")
        assert (told.returncode, "raw_files" in told.stdout) == (0, False)


def test_what_make_asks_of_dvc_waits_for_another_command_of_dvc() -> None:
    for path in ("Makefile", "studies/side_by_side"):
        script = re.sub(r"#.*", "", (ROOT / path).read_text(encoding="utf-8"))
        assert re.findall(r"dvc repro|dvc status|dvc checkout|dvc commit", script) == []
        assert "dvc --wait-for-lock repro" in script


def test_the_guard_refuses_what_it_should(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text('"ROW_ID","SUBJECT_ID","HADM_ID","TEXT"\n1,2,3,""\n')
    ids = tmp_path / "ids.csv"
    ids.write_text("".join(f"{100_000 + i}\n" for i in range(60)))
    large = tmp_path / "large.bin"
    large.write_bytes(b"0" * (1 << 20 | 1))
    record, beside = (tmp_path / "results/own" / name for name in ("runs.jsonl", "a.parquet"))
    record.parent.mkdir(parents=True)
    for path in (record, beside):
        path.write_bytes(large.read_bytes())
    assert all(len(faults(path)) == 1 for path in (table, ids, large, beside))
    assert faults(record) == []  # a line a run: up to 4 MiB


def test_every_locked_file_has_a_hash_and_every_locked_package_its_licence() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "torch" not in locked("requirements.lock")  # each kind of machine has its own wheel
    blocks = re.split(r"^(?=[\w.-]+==)", lock, flags=re.MULTILINE)[1:]
    assert [
        block for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", block)
    ] == []
    rows = (ROOT / "docs/licences.md").read_text(encoding="utf-8").splitlines()
    listed = [row.strip("| ").split(" | ")[:3] for row in rows if row.startswith("| ")][1:]
    assert {name: release for name, release, _ in listed} == {
        **locked("requirements.lock"),
        **locked("requirements-torch.lock"),
    }
    assert all(licence for _, _, licence in listed)


def locked(name: str) -> dict[str, str]:
    """Release by package, of a lock."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, flags=re.MULTILINE))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_is_unpickled(path: Path) -> None:
    """No pickle, no joblib file, no gensim file, no torch.load without weights_only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
            assert not {"pickle", "dill", "cloudpickle"} & {name.split(".")[0] for name in names}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert called not in ("joblib.load", "Word2Vec.load", "KeyedVectors.load")
            assert options.get("allow_pickle") != "True"
            if called == "torch.load":
                assert options.get("weights_only") == "True"


def shown_model() -> list[tuple[str, str]]:
    """Each piece of the diff in CONTRIBUTING.md, and the file it is said to stand in."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    diff, pieces = text.split("```diff\n")[1].split("```")[0], []
    for file in diff.split("+++ ")[1:]:
        name, _, body = file.partition("\n")
        for hunk in body.split("@@\n"):
            pieces.append((name, "\n".join(line[1:] for line in hunk.splitlines())))
    return pieces


def test_the_model_shown_to_contributors_stands_in_the_code_word_for_word() -> None:
    pieces = shown_model()
    assert len({name for name, _ in pieces}) == 3
    for name, piece in pieces:
        assert f"\n{piece}\n" in (ROOT / name).read_text(encoding="utf-8"), name


def test_the_tables_of_systems_have_all_that_other_pages_speak_of() -> None:
    """A system may be tried before it is written of; what has results or evidence is described."""
    from isd_pipeline.models.registry import load, names

    pages = {page: (ROOT / "docs" / page).read_text(encoding="utf-8") for page in PAGES}
    rows = pages["systems.md"].splitlines()
    listed = [row.split("`")[1] for row in rows if row.startswith("| `")]
    spoken_of = [n for n in names() if f"`{n}`" in pages["results.md"] + pages["evidence.md"]]
    assert len(spoken_of) >= 15
    for name in spoken_of:  # what it is made of; what it costs, but by an encoder
        assert listed.count(name) >= (1 if load(name).pretrained else 2), name
    conf = (ROOT / "conf/base/parameters_experiments.yml").read_text(encoding="utf-8")
    experiments = yaml.safe_load(conf)["experiments"].items()
    noted = [f"| `{name}`, {row['note']} |" for name, row in experiments if row and "note" in row]
    assert len(noted) == 2
    assert all(any(row.startswith(head) for row in rows) for head in noted)


def test_the_page_of_results_says_what_the_files_of_the_runs_say() -> None:
    command = [sys.executable, "docs/results_tables.py", "--check"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    page = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    assert page.count("<!-- table ") + page.count("<!-- published ") == page.count("<!-- end -->")
    assert page.count("<!-- table ") > 0
    assert page.count("<!-- published ") > 0


def script_of_docs(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_the_pictures_of_results_show_the_best_network_and_call_systems_by_words(
    tmp_path: Path, monkeypatch
) -> None:
    from matplotlib.figure import Figure

    pictures = script_of_docs("pictures")
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, dpi: drawn.append(figure))
    monkeypatch.setattr(sys, "argv", ["pictures.py", "--to", str(tmp_path)])
    pictures.main()
    frequency, table3 = drawn
    named = [text.get_text() for text in frequency.legends[0].get_texts()]
    best = pictures.best_network(pictures.read_results(ROOT / "results/codiesp_full"))
    assert any(name.startswith(f"{pictures.titles()[best]} (") for name in named)
    rows = [tick.get_text() for axes in table3.axes for tick in axes.get_yticklabels()]
    assert len(rows) == 12
    assert not [name for name in (*named, *rows) if "_" in name]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of DVC's own code
def test_the_graph_of_the_readme_is_that_of_the_demonstrations_stages(monkeypatch) -> None:
    graph = script_of_docs("stage_graph")
    monkeypatch.setattr(sys, "argv", ["stage_graph.py", "--check"])
    assert graph.main() == 0
    whole = graph.stages()
    whole.remove_edge("embed", "train_isd@isd-1")
    monkeypatch.setattr(graph, "stages", lambda: whole)
    assert graph.main() == 1


def test_a_table_of_published_systems_takes_rows_of_ours_in_its_order(monkeypatch) -> None:
    tables = script_of_docs("results_tables")
    scored = {"official_map": [0.5, 0.6], "official_f1": [0.4, 0.4]}
    monkeypatch.setattr(tables, "values_of", lambda cohort, experiment, column: scored[column])
    marker = "<!-- published {task: codiesp_procedures, cohort: none, rows: {isd: ours}} -->"
    lines = tables.filled(f"{marker}\n<!-- end -->").splitlines()
    assert (lines[0], lines[-1]) == (marker, "<!-- end -->")
    first = [line.strip("| ").split(" | ")[0] for line in lines[3:-1]]
    assert first[0] == "ours"
    assert first[1:3] == [name for name in first if "López" in name or "best MAP" in name]
    assert lines[3] == "| ours | here, `none` | 0.550 ± 0.071 | 0.400 |"
    assert "| *MEDIA* | ODESIA, 2020 | – | 0.502 |" in lines
