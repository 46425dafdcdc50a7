"""The pages: links lead somewhere, words are spelt, tables fit, examples in docstrings hold."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.util
import re
from pathlib import Path

import pytest

from tests.checkout import ROOT
from tests.documentation import PAGES, anchors, fences, prose

WRITTEN = [page for page in PAGES if page.name not in ("licences.md",)]
EXAMPLES = sorted(
    path
    for path in (ROOT / "src").rglob("*.py")
    if re.search(r"^\s*>>> ", path.read_text(encoding="utf-8"), re.M)
)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
LONGEST_CELL = 200  # signs
WIDEST_TABLE = 830  # pixels: what GitHub gives a README
SIGN, PADDING = 7.5, 27  # pixels of a letter, and beside each cell


def by_page(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=by_page)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    wrong = []
    for match in LINK.finditer(prose(page)):
        target, _, place = (match[1] or match[2]).partition("#")
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (place and place not in anchors(there)):
            wrong.append(match[0])
    assert wrong == []


def test_every_picture_of_the_docs_is_on_a_page() -> None:
    shown = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    pictures = sorted(path.name for path in (ROOT / "docs/images").iterdir())
    assert len(pictures) > 10
    assert [name for name in pictures if f"images/{name}" not in shown] == []


def cells(page: Path) -> list[list[list[str]]]:
    """The tables of a page: rows of cells as a reader sees them."""
    tables: list[list[list[str]]] = [[]]
    for line in prose(page).splitlines():
        if line.startswith("|"):
            shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", line.strip().strip("|"))
            row = [cell.strip() for cell in re.split(r"(?<!\\)\|", shown)]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in row):
                tables[-1].append(row)
        elif tables[-1]:
            tables.append([])
    return [table for table in tables if table]


@pytest.mark.parametrize("page", WRITTEN, ids=by_page)
def test_no_cell_of_a_table_is_a_paragraph(page: Path) -> None:
    long = [cell for table in cells(page) for row in table for cell in row]
    assert [cell for cell in long if len(cell) > LONGEST_CELL] == []


@pytest.mark.parametrize("page", WRITTEN, ids=by_page)
def test_no_table_is_wider_than_the_page(page: Path) -> None:
    """Cells may be broken at blanks: a column is as wide as its longest word at least."""
    for table in cells(page):
        words = [
            max((len(word) for row in table for word in row[number].split()), default=0)
            for number in range(len(table[0]))
        ]
        assert sum(SIGN * word + PADDING for word in words) <= WIDEST_TABLE, table[0]


def test_the_pages_are_spelt_as_english_is(capsys: pytest.CaptureFixture[str]) -> None:
    codespell = pytest.importorskip("codespell_lib")
    pages = [str(page) for page in PAGES]
    words = str(ROOT / "tests/spelling.txt")
    wrong = codespell.main("--ignore-words", words, "--builtin", "clear", *pages)
    assert wrong == 0, capsys.readouterr().out


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_of_a_docstring_give_what_they_say(path: Path) -> None:
    name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    done = doctest.testmod(importlib.import_module(name))
    assert done.attempted > 0
    assert done.failed == 0


def test_what_a_python_example_of_a_page_imports_is_there() -> None:
    examples = [fence for fence in fences() if fence.language == "python"]
    assert len(examples) > 1
    for fence in examples:
        for node in ast.walk(ast.parse(fence.text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("isd_pipeline"):
                module = importlib.import_module(node.module or "")
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    there = hasattr(module, alias.name) or importlib.util.find_spec(inner)
                    assert there, f"{fence}: {inner}"
