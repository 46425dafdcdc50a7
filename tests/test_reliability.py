"""docs/reliability.md names tests that exist."""

import ast
import re

from tests.checkout import ROOT

PAGE = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)))
LINES = [f"F{n}" for n in range(1, 15)] + [f"B{n}" for n in range(1, 12)]
LINES += [f"L{n}" for n in range(1, 7)] + [f"D{n}" for n in range(1, 6)]


def found_in(file: str) -> dict[str, bool]:
    """The tests of a file, and whether each is slow."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    is_slow = any(
        isinstance(node, ast.Assign) and ast.unparse(node) == "pytestmark = pytest.mark.slow"
        for node in tree.body
    )
    return {
        node.name: is_slow or "pytest.mark.slow" in map(ast.unparse, node.decorator_list)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_test_that_is_named_exists_and_is_called_slow_where_it_is() -> None:
    assert len(NAMED) > 60
    for file, name in NAMED:
        found = found_in(file)
        assert found, file
        if name:
            assert name in found, f"{file}::{name}"
            assert (f"*slow* `{file}::{name}`" in PAGE) == found[name], f"{file}::{name}"


def test_every_line_of_the_list_stands_there_once() -> None:
    rows = [row.strip("| ").split(" |")[0] for row in PAGE.splitlines() if row.startswith("| ")]
    assert [line for line in LINES if rows.count(line) != 1] == []
