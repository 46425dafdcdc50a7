"""Which code makes a stage's outputs: the import closure of its nodes, computed, never typed.

The closure starts at the modules of the stage's nodes, at those that read and write its files
(the catalog names them), and, where a run's system is loaded by its name, at the modules of that
system. It holds every module of this package that one of these imports, directly or not, also
inside a function; imports for type checkers alone do not count. A package's `__init__` counts
where it holds more than words, and a template or a file of phrases where a module of the closure
beside it names it. The registry of networks is left out: a line of it says where a system's code
is, which is watched; so a new line makes nothing stale. Likewise the package's own `__init__`,
which says where what users of Python import is.
"""

import ast
import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

import isd_pipeline
from isd_pipeline.models import registry as networks
from isd_pipeline.predictors.registry import NETWORK, kind_of, module_name

PACKAGE = Path(isd_pipeline.__file__).parent
CATALOG = Path("conf/base/catalog.yml")
LEFT_OUT = {"isd_pipeline", "isd_pipeline.models.registry"}
NAMED = re.compile(r"\"([\w/]+\.(?:jinja|js|toml))\"")  # templates, files of phrases


def code_of(
    pipelines: Iterable[str], systems: Iterable[str] = (), root: Path = Path()
) -> list[str]:
    """The files of the closure of some pipelines and systems, from the project's root, sorted."""
    modules = [f"isd_pipeline.pipelines.{name}.pipeline" for name in pipelines]
    modules += sorted(_file_modules(pipelines, root))
    for system in systems:  # where its code starts: its kind's module and, of a network, its own
        modules += [module_name(system)]
        modules += [networks.module_name(system)] if kind_of(system) == NETWORK else []
    found = closure(tuple(modules))
    files = {path for module in found for path in _files(module)}
    return sorted(f"src/{path.relative_to(PACKAGE.parent).as_posix()}" for path in files)


def code_hash(files: Iterable[str], root: Path = Path()) -> str:
    """16 hexadecimal digits of the contents of some files, by their names."""
    digests = {}
    for name in files:
        path = root / name
        if not path.exists():  # no checkout: the installed package
            path = PACKAGE.parent / Path(name).relative_to("src")
        digests[name] = hashlib.md5(path.read_bytes()).hexdigest()
    return hash_of(digests)


def hash_of(digests: Mapping[str, str]) -> str:
    """The same of files whose MD5 is known, as a lock file knows it."""
    text = "".join(f"{name} {digests[name]}\n" for name in sorted(digests))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def closure(modules: tuple[str, ...]) -> frozenset[str]:
    """These modules and all of this package that they import, directly or not."""
    graph = _graph()
    found = {*modules}.union(*(graph.find_upstream_modules(module) for module in modules))
    parts = [module.split(".") for module in found]
    packages = {".".join(names[:n]) for names in parts for n in range(1, len(names))}
    more = {package for package in packages - found - LEFT_OUT if _says_more(package)}
    return closure((*sorted(found | more),)) if more else frozenset(found - LEFT_OUT)


@cache
def _graph() -> Any:
    import grimp

    return grimp.build_graph("isd_pipeline", exclude_type_checking_imports=True, cache_dir=None)


def _file_modules(pipelines: Iterable[str], root: Path) -> set[str]:
    """The modules that read and write the files of some pipelines, by the catalog."""
    catalog = read_catalog(root / CATALOG)
    names: set[str] = set()
    for name in pipelines:
        pipeline = import_module(f"isd_pipeline.pipelines.{name}").create_pipeline()
        reads = [catalog[one]["load"] for one in pipeline.datasets() if one in catalog]
        written = pipeline.all_outputs()
        writes = [catalog[one].get("save", "") for one in written if one in catalog]
        names |= {function.partition(":")[0] for function in (*reads, *writes)}
    return names & _graph().modules


@cache
def read_catalog(path: Path) -> Any:
    """The catalog, once: it is asked for by every stage."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


@cache
def _says_more(package: str) -> bool:
    """Whether a package's `__init__` imports or defines anything."""
    tree = ast.parse(_source(package).read_text(encoding="utf-8"))
    return any(not isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign) for node in tree.body)


def _files(module: str) -> list[Path]:
    """A module's file and the files beside it that it names."""
    path = _source(module)
    named = NAMED.findall(path.read_text(encoding="utf-8"))
    beside = (path.parent / name for name in named)
    return [path, *(file for file in beside if file.is_file())]


def _source(module: str) -> Path:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
