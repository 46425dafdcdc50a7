"""How parameters are put together from conf/: once, for Kedro, for DVC and for `isd`.

DVC reads files, not what Kedro merges. So whatever it watches stands in conf/base, each section in
the files that are named after it; conf/local, another environment and --params may say what
belongs to one machine or one run, and nothing else.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from kedro.config import OmegaConfigLoader

from isd_pipeline.config.names import refuse_names
from isd_pipeline.config.reading import flatten, refuse_unknown
from isd_pipeline.config.sizes import Sized, with_sizes

LOADER_ARGS: dict[str, Any] = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"tracking": ["tracking*"]},
    # conf/local changes the keys it names, and only them.
    "merge_strategy": {"parameters": "soft", "tracking": "soft"},
}
BASE_ALONE = {**LOADER_ARGS, "default_run_env": "base"}
FILES = {  # by section, the files of conf/base that may hold it; a name in one of them alone
    "cohorts": "parameters_cohorts*.yml",
    "profiles": "parameters_profiles.yml",
    "sizes": "parameters_sizes.yml",
    "experiments": "parameters_experiments*.yml",
    "renamed": "parameters_renamed.yml",
    "tables": "parameters_tables.yml",
    "search": "parameters_search.yml",
    "paper": "parameters_paper.yml",
    "paper_cohorts": "parameters_paper.yml",
    "published": "parameters_published.yml",
}
PATTERNS = ("**/parameters*", "parameters*/**/*")  # Kedro's
OF_COHORT = ("paper", "profile", "generate", "extract", "preprocess", "embed", "train", "report")
REMEDY = (
    "DVC reads conf/base alone: write it there, a cohort of yours into a file of its own, as "
    "conf/base/parameters_cohorts_own.yml. conf/local is for device, jobs and tracking.yml"
)


def read_parameters(conf: Path) -> dict[str, Any]:
    """All parameters, as a run of Kedro is given them, with what follows from a cohort's size.

    Raises:
        FileNotFoundError: there are none in this folder.
        ValueError: in one line, where Kedro and DVC would not read the same, for a name that
            cannot be one, and for a cohort with a key that nothing reads.
    """
    return read_sized(conf).parameters


def read_sized(conf: Path) -> Sized:
    """The same, and by cohort what is to be said of settings that follow from its size."""
    if not any(conf.glob("base/parameters*.yml")):
        raise FileNotFoundError(
            f"{conf}/base: no parameters here; run this in the project's folder"
        )
    refuse_misplaced(conf)
    found: dict[str, Any] = OmegaConfigLoader(str(conf), **LOADER_ARGS)["parameters"]
    refuse_unwatched(found, conf, conf / "local", {})
    return with_sizes(found, conf.parent)


def read_tracking(conf: Path) -> dict[str, Any]:
    """What is said of MLflow: conf/local, which belongs to the machine, over conf/base."""
    path = conf / "base/tracking.yml"
    if not path.exists():
        raise FileNotFoundError(f"{path}: not here; run this in the project's folder")
    found: dict[str, Any] = OmegaConfigLoader(str(conf), **LOADER_ARGS)["tracking"]
    return found


def refuse_unwatched(
    found: Mapping[str, Any], conf: Path, env: Path, told: Mapping[str, Any]
) -> None:
    """Raise a ValueError where sections are not those of conf/base, which DVC reads.

    `env` is the folder of the environment that was merged over it, and `told` what came after.
    """
    files = parameter_files(env.parent, env.name) if env.is_dir() else ()
    said = {
        section for content in (told, *(content for _, content in files)) for section in content
    }
    is_ours = env.parent.resolve() == conf.resolve()
    if is_ours and not said & FILES.keys():
        return
    base = OmegaConfigLoader(str(conf), **BASE_ALONE)["parameters"]
    for section in FILES:
        if (key := _difference(base.get(section), found.get(section), section)) is not None:
            origin = _origin(key, env) or ("--params" if is_ours else str(env.parent))
            raise ValueError(f"{origin}: {key} is not what conf/base has. {REMEDY}")


def refuse_misplaced(conf: Path) -> None:
    """Raise a ValueError unless DVC finds in conf/base what Kedro merges out of it.

    Each section stands in its own files, a cohort or an experiment in one of them alone, and
    nothing is filled in from elsewhere.
    """
    known: dict[str, dict[Any, Path]] = {section: {} for section in FILES}
    for path, content in parameter_files(conf):
        for section in content.keys() & FILES.keys():
            if path.parent != conf / "base" or not path.match(FILES[section]):
                raise ValueError(
                    f"{path}: {section} stands there, and DVC reads it in conf/base/"
                    f"{FILES[section]} alone; move it"
                )
            if not isinstance(content[section], Mapping):
                raise ValueError(f"{path}: {section} is no section of keys")
            _refuse_filled_in(path, section, content[section])
            for name in content[section]:
                if (other := known[section].setdefault(name, path)) != path:
                    raise ValueError(f"{path}: {section}.{name} stands in {other} too; keep one")
    refuse_names(known)
    for path, content in parameter_files(conf):
        for cohort, section in (content.get("cohorts") or {}).items():
            _refuse_cohort(cohort, section, path)


def sections_of(section: str, conf: Path) -> dict[str, Any]:
    """The cohorts, say, of all files of conf/base that hold them."""
    return {name: value for path in files_of(section, conf) for name, value in _held(path, section)}


def file_of_cohort(cohort: str, conf: Path) -> Path:
    """Which file of conf/base has a cohort; a ValueError with the near match where none has."""
    files = {name: path for path in files_of("cohorts", conf) for name, _ in _held(path, "cohorts")}
    refuse_unknown(cohort, list(files), f"{conf}/base/{FILES['cohorts']}: cohorts")
    return files[cohort]


def files_of(section: str, conf: Path) -> list[Path]:
    """The files of conf/base that hold a section."""
    return [path for path, content in parameter_files(conf) if section in content]


def _held(path: Path, section: str) -> Iterable[tuple[str, Any]]:
    found: Mapping[str, Any] = _parsed(path, path.stat().st_mtime_ns)[section]
    return found.items()


def parameter_files(conf: Path, env: str = "base") -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The files of parameters in conf/base, or in another environment, and what each holds."""
    folder = conf / env
    for path in sorted({path for pattern in PATTERNS for path in folder.glob(pattern)}):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.suffix not in (".yml", ".yaml", ".json") or not path.is_file():
            continue
        content = _parsed(path, path.stat().st_mtime_ns) or {}
        if not isinstance(content, Mapping):
            raise ValueError(f"{path}: no sections of keys")
        yield path, content


@cache
def _parsed(path: Path, changed: int) -> Any:
    """A file of YAML as it was when it was last `changed`."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f"{path}, line {line}: cannot be read as YAML: {error.problem}") from None


def _refuse_cohort(cohort: str, section: Any, path: Path) -> None:
    if not isinstance(section, Mapping):
        raise ValueError(f"{path}: cohorts.{cohort} is no section of keys; it needs `extract`")
    for key in section:
        refuse_unknown(str(key), list(OF_COHORT), f"{path}: cohorts.{cohort}")


def _refuse_filled_in(path: Path, section: str, content: Mapping[Any, Any]) -> None:
    """What OmegaConf would fill in, DVC takes as it is written."""
    values = flatten({str(name): value for name, value in content.items()})
    for key, value in values.items():
        if "${" in str(value):
            raise ValueError(
                f"{path}: {section}.{key} is to be filled in (`${{`), which DVC does not do; write "
                "the value, or an anchor of YAML"
            )


def _difference(base: Any, found: Any, key: str) -> str | None:
    """The dotted key of the first value that differs, None where there is none."""
    if not (isinstance(base, Mapping) and isinstance(found, Mapping)):
        return None if base == found else key
    for name in [*base, *(name for name in found if name not in base)]:
        if (other := _difference(base.get(name), found.get(name), f"{key}.{name}")) is not None:
            return other
    return None


def _origin(key: str, env: Path) -> str:
    """The file of an environment that has a key, or its section; else nothing."""
    files = dict(parameter_files(env.parent, env.name)) if env.is_dir() else {}
    whole = [path for path, content in files.items() if _has(content, key.split("."))]
    section = [path for path, content in files.items() if key.partition(".")[0] in content]
    return str(next(iter(whole + section), ""))


def _has(content: Any, names: list[str]) -> bool:
    for name in names:
        if not isinstance(content, Mapping) or name not in content:
            return False
        content = content[name]
    return True
