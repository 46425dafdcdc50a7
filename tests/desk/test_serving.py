"""`isd serve` with the coder's screen."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from fastapi.testclient import TestClient

from isd_pipeline.__main__ import main
from isd_pipeline.commands.serving import set_desk
from isd_pipeline.service.app import create_app
from tests.desk.served import Canned


def test_the_notes_of_a_folder_lie_on_the_desk(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    for name in ("b", "a"):
        (folder / f"{name}.txt").write_text("fever")
    app = create_app({"tiny": Canned()})  # type: ignore[dict-item]
    set_desk(app, folder, tmp_path / "decisions.sqlite")
    page = TestClient(app, base_url="http://localhost").get("/").text
    assert page.index(">a</a>") < page.index(">b</a>")
    assert (tmp_path / "decisions.sqlite").exists()


def test_without_a_record_there_is_no_screen(tmp_path: Path) -> None:
    app = create_app({"tiny": Canned()})  # type: ignore[dict-item]
    assert TestClient(app, base_url="http://localhost").get("/").status_code == 404
    done = CliRunner().invoke(main, ["serve", "tiny", "--notes", "notes"])
    assert (done.exit_code, "name one by --decisions" in done.output) == (2, True)


def test_the_screen_wants_the_token_of_the_service(tmp_path: Path) -> None:
    app = create_app({"tiny": Canned()}, token="t" * 16)  # type: ignore[dict-item]
    set_desk(app, None, tmp_path / "decisions.sqlite")
    client = TestClient(app, base_url="http://localhost")
    refused = client.get("/")
    assert (refused.status_code, "Basic" in refused.headers["www-authenticate"]) == (401, True)
    assert client.get("/", auth=("anybody", "t" * 16)).status_code == 200
