"""The site of `make docs`: built whole, each link and anchor there, nothing from elsewhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.checkout import ROOT

# What a browser loads by itself: scripts, styles, pictures, frames, fonts; no link.
LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=\"?(?:https?:)?//[^\s\">]*"
    r"|<link\b(?![^>]*rel=\"?canonical)[^>]*\bhref=\"?(?:https?:)?//[^\s\">]*"
    r"|@import[^;]*//[^;]*|url\(\s*[\"']?(?:https?:)?//[^)]*"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make docs` builds it; strictly, so a dead link or anchor ends it."""
    pytest.importorskip("material")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    made = tmp_path_factory.mktemp("site")
    before = list(sys.path)
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(made))
    build(config)
    sys.path[:] = before
    return made


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = [path for kind in ("html", "css") for path in site.rglob(f"*.{kind}")]
    assert len(pages) > 60
    found = {path.name: LOADED.findall(path.read_text(encoding="utf-8")) for path in pages}
    assert {name: loads for name, loads in found.items() if loads} == {}
    # The theme would fetch the program that draws it.
    assert not [path for path in site.rglob("*.html") if 'class="mermaid"' in path.read_text()]


def test_what_is_made_of_the_code_has_every_command_key_and_package(site: Path) -> None:
    from isd_pipeline.commands import COMMANDS
    from isd_pipeline.config.extract import ExtractSettings

    pages = {path.stem: path.read_text() for path in (site / "reference").glob("*.html")}
    assert all(f'id="isd-{command}"' in pages["cli"] for command in COMMANDS)
    for key in ExtractSettings.__dataclass_fields__:
        assert f"<code>{key}</code>" in pages["configuration"], key
    packages = {path.parent.name for path in (ROOT / "src/isd_pipeline").glob("*/__init__.py")}
    assert packages - {"pipelines", "commands"} <= set(pages)


def test_a_page_opened_from_a_folder_finds_the_script_of_its_search(site: Path) -> None:
    for page in site.rglob("*.html"):
        found = re.findall(r'src="?([^\s">]*worker\.js)', page.read_text(encoding="utf-8"))
        assert len(found) == 1, page.name
        assert (page.parent / found[0]).exists(), page.name
