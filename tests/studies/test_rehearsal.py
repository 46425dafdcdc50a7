"""The rehearsal: what it shortens is whole again, and what is recorded is not run twice."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from isd_pipeline.text.documents import Documents

ROOT = Path(__file__).parents[2]


@pytest.fixture
def rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = spec_from_file_location("rehearsal", ROOT / "studies" / "rehearsal.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "DOCUMENTS", tmp_path)
    Documents(
        ids=np.array(["a", "b", "c", "d"]),
        tokens=np.arange(8, dtype=np.int32),
        token_starts=np.array([0, 2, 4, 6, 8]),
        labels=np.zeros(4, dtype=np.int32),
        label_starts=np.arange(5),
    ).save(tmp_path / "train")
    return module


def ids(rehearsal: ModuleType) -> list[str]:
    return Documents.open(rehearsal.DOCUMENTS / "train").ids.tolist()


def test_fewer_training_notes_are_there_for_one_stage_alone(rehearsal: ModuleType) -> None:
    with rehearsal.fewer_notes(2):
        assert ids(rehearsal) == ["b", "d"]
    assert ids(rehearsal) == ["a", "b", "c", "d"]


def test_after_a_kill_the_whole_split_is_put_back_first(rehearsal: ModuleType) -> None:
    (rehearsal.DOCUMENTS / "train").rename(rehearsal.DOCUMENTS / "train.whole")
    with rehearsal.fewer_notes(0):
        assert ids(rehearsal) == ["a", "b", "c", "d"]


def test_a_stage_is_run_again_after_a_failure_another_command_or_other_notes(
    rehearsal: ModuleType,
) -> None:
    stage = rehearsal.Stage("embed", ("true",))
    row = {"status": 0, "command": "true"}
    assert rehearsal.is_done(stage, 0, row)
    for other in ({"status": 1}, {"command": "false"}, {"train_notes": 2}):
        assert not rehearsal.is_done(stage, 0, row | other)
    assert not rehearsal.is_done(stage, 0, None)


def test_a_misspelt_stage_is_refused_before_anything_is_run(
    rehearsal: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["rehearsal.py", "--stages", "check; trian isd"])
    with pytest.raises(SystemExit, match="2"):
        rehearsal.main()
    assert "no stage trian isd; there are generate; check; extract" in capsys.readouterr().err


def test_without_a_browser_the_other_stages_are_run_and_the_status_says_so(
    rehearsal: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stages = [rehearsal.Stage("page", ("no-browser", "page")), rehearsal.Stage("b", ("true",))]
    monkeypatch.setattr(rehearsal, "road", lambda jobs: stages)
    monkeypatch.setattr(rehearsal, "PAGE", tmp_path / "report.html")
    monkeypatch.setattr(sys, "argv", ["rehearsal.py", "--to", str(tmp_path / "rows.json")])
    assert rehearsal.main() == 1
    assert capsys.readouterr().err == "page: left out, no no-browser here\n"
    assert [row["stage"] for row in json.loads((tmp_path / "rows.json").read_text())] == ["b"]


def test_the_record_of_a_rehearsal_that_is_killed_as_it_writes_is_the_one_before(
    rehearsal: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.json"
    rehearsal.keep([{"stage": "embed"}], path)

    def cut_off(at: Path, text: str, **_: str) -> None:
        at.write_bytes(text[:9].encode())
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", cut_off)
    with pytest.raises(KeyboardInterrupt):
        rehearsal.keep([{"stage": "embed"}, {"stage": "train isd"}], path)
    assert json.loads(path.read_bytes()) == [{"stage": "embed"}]


def test_a_stage_is_measured_in_a_process_of_its_own(rehearsal: ModuleType, tmp_path: Path) -> None:
    words = "b = bytearray(300_000_000); print('said'); raise SystemExit(3)"
    row = rehearsal.measured(rehearsal.Stage("a", (sys.executable, "-c", words)), tmp_path / "log")
    assert row["status"] == 3
    assert row["peak_gb"] > 0.3
    assert (tmp_path / "log").read_text() == "said\n"


def test_a_recorded_command_says_nothing_of_where_the_project_lies(
    rehearsal: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (tmp_path / "data/report.html").as_uri()
    assert rehearsal.told(("chromium", page)) == "chromium data/report.html"
    recorded = (ROOT / "docs/rehearsal.json").read_text(encoding="utf-8")
    assert "file:" not in recorded
