"""Pages of the site that are made of the code itself: commands, configuration keys, the library.

`docs/site_pages.py` calls it at each build; nothing of it is committed.
"""

from __future__ import annotations

import ast
import inspect
import io
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import click

SOURCE = Path(__file__).parents[1] / "src/isd_pipeline"
PACKAGES = (
    *("data", "text", "embeddings", "training", "models", "predictors", "evaluation"),
    *("reports", "coding", "service", "desk", "config", "catalog", "studies", "tracking"),
    *("synthetic",),
)
WORDS = {str: "text", int: "whole number", float: "number", bool: "yes or no", NoneType: "null"}


def commands() -> str:
    """Every command of `isd` with the text of its `--help`, in the order of the alphabet."""
    from isd_pipeline.__main__ import main

    whole = click.Context(main, info_name="isd")
    page = ["# Command line", "What `isd COMMAND --help` prints.", _help(main, whole)]
    for name in main.list_commands(whole):
        command = main.get_command(whole, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=whole)
        page += [f"## isd {name}", _help(command, inner)]
    return "\n\n".join(page) + "\n"


def _help(command: click.Command, context: click.Context) -> str:
    context.max_content_width = context.terminal_width = 88
    return f"```text\n{command.get_help(context)}\n```"


def configuration() -> str:
    """Every key of a cohort, an experiment and what else is read, from the dataclasses."""
    page = [
        "# Configuration keys",
        "Made of the dataclasses that read the files of `conf/base`. A key that is not here is "
        "refused, with the nearest name.",
    ]
    for title, where, classes in _sections():
        page += [f"## {title}", where]
        for name, cls in classes.items():
            page += [f"### {name}", _first(inspect.getdoc(cls)), *_table(cls)]
    return "\n\n".join(page) + "\n"


def _sections() -> Iterator[tuple[str, str, dict[str, type]]]:
    from isd_pipeline.config import embed, engine, extract, preprocess, reports, sizes
    from isd_pipeline.models import registry
    from isd_pipeline.pipelines.search import space
    from isd_pipeline.predictors.registry import SYSTEMS, predictor
    from isd_pipeline.synthetic import HospitalSettings
    from isd_pipeline.tracking import tracker

    cohort: dict[str, type] = {
        "extract": extract.ExtractSettings,
        "preprocess": preprocess.PreprocessSettings,
        "embed": embed.EmbedSettings,
        "report": reports.ReportSettings,
        "generate": HospitalSettings,
    }
    file = "`conf/base/parameters_{}.yml`"
    yield "A cohort", f"Sections of a cohort in {file.format('cohorts')}.", _nested(cohort)
    trained: dict[str, type] = {}
    for system in (*registry.names(), *SYSTEMS):
        for section, cls in predictor(system).sections(system).items():
            shared = (section == "training" and "training of a network") or f"{section} of {system}"
            if cls not in trained.values() and fields(cls):
                trained[shared] = cls
    told = "Sections of an experiment's row. Systems that share a class of settings stand once."
    yield "An experiment", f"{told} The file is {file.format('experiments')}.", _nested(trained)
    others: dict[str, type] = {
        "search": space.SearchSettings,
        "sizes": sizes.SizeSettings,
        "engine": engine.Engine,
        "tracking": tracker.TrackingSettings,
    }
    told = "A search, the settings by size, who prepares notes, and MLflow."
    yield "Everything else", told, _nested(others)


def _nested(classes: dict[str, type]) -> dict[str, type]:
    """These, each followed by the dataclasses that its fields are read from."""
    whole: dict[str, type] = {}
    for name, cls in classes.items():
        whole[name] = cls
        for key, hint in get_type_hints(cls).items():
            for inner in (hint, *get_args(hint)):
                if is_dataclass(inner) and isinstance(inner, type) and inner not in whole.values():
                    whole |= _nested({f"{name}.{key}": inner})
    return whole


def _table(cls: type) -> list[str]:
    told, hints = _comments(cls), get_type_hints(cls)
    rows = ["| key | values | default | meaning |", "|---|---|---|---|"]
    for one in fields(cls):
        cells = (_values(hints[one.name]), _default(one), told.get(one.name, ""))
        rows.append(f"| `{one.name}` | " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return ["\n".join(rows)] if len(rows) > 2 else []


def _values(hint: Any) -> str:
    """What a key may be, as somebody who writes YAML would say it."""
    inner = get_args(hint)
    if get_origin(hint) is Literal:
        return ", ".join(f"`{one}`" for one in inner)
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_values(one) for one in inner)
    if get_origin(hint) in (tuple, list):
        return f"list of {_values(inner[0])}"
    if get_origin(hint) in (dict, Mapping):
        return f"names and {_values(inner[1])}"
    return "section" if is_dataclass(hint) else WORDS.get(hint, str(hint))


def _default(one: Field[Any]) -> str:
    if one.default_factory is not MISSING:
        made = one.default_factory()
        return "its own section" if is_dataclass(made) else f"`{made!r}`"
    return "needed" if one.default is MISSING else f"`{one.default!r}`"


def _comments(cls: type) -> dict[str, str]:
    """What is said of each field behind it, in its class and in those that it comes from."""
    told: dict[str, str] = {}
    for of in reversed(cls.__mro__[:-1]):
        for line in inspect.getsource(of).splitlines():
            name = line.strip().partition(":")[0]
            tokens = tokenize.generate_tokens(io.StringIO(line.strip()).readline)
            try:
                found = [one.string for one in tokens if one.type == tokenize.COMMENT]
            except (tokenize.TokenError, SyntaxError):
                continue
            if found and name.isidentifier():
                told[name] = found[0].lstrip("# ")
    return told


def library(package: str) -> str:
    """What a package offers: its modules, their public functions and classes, as documented."""
    page = [f"# isd_pipeline.{package}"]
    for path in sorted((SOURCE / package).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        offered = [node for node in tree.body if _is_public(node)]
        if offered:
            dotted = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
            page += [f"## {dotted.removesuffix('.__init__')}", _shown(ast.get_docstring(tree))]
            for node in offered:
                page += _documented(node)
    return "\n\n".join(page) + "\n"


def _is_public(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")


def _documented(node: Any, inside: str = "") -> Iterator[str]:
    name = inside + node.name
    yield f"{'####' if inside else '###'} {name}"
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        signature = f"class {node.name}" + (f"({bases})" if bases else "")
    else:
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        signature = f"def {node.name}({ast.unparse(node.args)}){returns}"
    yield f"```python\n{signature}\n```"
    yield _shown(ast.get_docstring(node))
    if isinstance(node, ast.ClassDef):
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef) and _is_public(inner):
                yield from _documented(inner, f"{name}.")


def _shown(docstring: str | None) -> str:
    """A docstring as it stands: its formulas and lists are drawn with spaces."""
    return f"```text\n{docstring}\n```" if docstring and "\n" in docstring else docstring or ""


def _first(docstring: str | None) -> str:
    return (docstring or "").partition("\n\n")[0].replace("\n", " ")
