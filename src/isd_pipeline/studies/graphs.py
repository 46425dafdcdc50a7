"""A study: the stages of one cohort over its own lists of experiments and seeds.

DVC has no include. `studies/COHORT/dvc.yaml` is therefore written from `studies/stages.yaml`, with
three stages for each system and one for each table of conf/base/parameters_tables.yml, and a test
holds them together; `studies/COHORT/study.yaml` is the part people edit. The code that a stage
watches is the closure of the pipelines in its command (`closures`).
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from isd_pipeline.config.cohorts import cohort_section, is_generated
from isd_pipeline.config.experiments import first_cohort
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.config.loading import OF_COHORT, file_of_cohort, files_of, sections_of
from isd_pipeline.config.reading import choose, refuse_unknown
from isd_pipeline.config.reports import TABLES_FILE, read_tables
from isd_pipeline.config.rows import EXPERIMENTS, has_one_run, merged_row, run_of, system_of
from isd_pipeline.config.sizes import COUNTS, follows_size
from isd_pipeline.data.io.files import write_text
from isd_pipeline.predictors.registry import ENSEMBLE, learns_from_marks, reads
from isd_pipeline.studies.closures import CATALOG, code_of, read_catalog

HEADER = "# Written by `isd study` from studies/stages.yaml and conf/base/parameters_tables.yml.\n"
LISTS = (
    "# What may be run on this cohort. Nothing is until something asks for it, as a table does.\n"
)
SEEDS = list(range(1, 11))  # the paper's number; study.yaml may have fewer
COHORTS_FILE = "conf/base/parameters_cohorts.yml"
SIZES_FILE = "conf/base/parameters_sizes.yml"
COUNTED = COUNTS.format("${cohort}")
RAW = "data/01_raw/${cohort}"
OF_CONF = ("cohorts", "experiments", "profiles")
OF_STUDY = ("cohort", "experiments", "evidence", "seeds", "tables")
OF_SYSTEM = ("train", "evaluate", "evidence")
SCORES = "scores_of_runs"  # of its base models alone: their folders
OF_OTHER = ("data/03_primary/{}/code_index.json", "data/05_model_input/{}")  # of another cohort
PIPELINES = re.compile(r"--pipelines=([a-z,]+)")
Stage = dict[str, Any]


class Study:
    """One cohort's lists, read against the project's settings."""

    def __init__(self, lists: Mapping[str, Any], root: Path = Path()) -> None:
        self.root, self.lists = root, lists
        conf = root / "conf"
        self.parameters = {key: sections_of(key, conf) for key in OF_CONF}
        source = f"studies/{lists.get('cohort')}/study.yaml"
        for key in lists:
            refuse_unknown(key, list(OF_STUDY), source)
        for seed in lists.get("seeds", ()):
            if type(seed) is not int:
                raise ValueError(f"{source}: seeds: {seed!r} is no whole number")
        for name in (*lists["experiments"], *lists.get("evidence", [])):
            choose(name, self.parameters["experiments"], EXPERIMENTS)

    def stages(self) -> dict[str, Stage]:
        """Every stage by its name.

        A table whose rows the lists lack gets no stage, nor does one that `tables` leaves out, nor
        an ensemble whose base models they lack. Only a cohort of ours is generated: other raw
        files are there or not.
        """
        patterns = self._with_files(_read(self.root / "studies/stages.yaml")["stages"])
        found = {name: patterns[name] for name in ("settings", "extract", "preprocess", "embed")}
        if is_generated(self.parameters["cohorts"], self.lists["cohort"]):
            found = {"generate": patterns["generate"], **found}
        found = {name: self._with_code(stage) for name, stage in found.items()}
        for kind in OF_SYSTEM:
            found |= self._of_kind(kind, patterns[kind])
        layouts = read_tables(_read(self.root / TABLES_FILE))
        for name in self.lists.get("tables", layouts):
            table = choose(name, layouts, TABLES_FILE)
            if set(self.runnable).issuperset(table.experiments):
                found[name] = self.shown(patterns["TABLE"], table.experiments, TABLE=name)
        return found

    def _with_files(self, patterns: Mapping[str, Stage]) -> dict[str, Stage]:
        """The patterns with the files that have this cohort's section, the rows, the raw data.

        DVC refuses a key that is not there: where the cohort lacks a section, all of it is watched.
        """
        cohort, conf = self.lists["cohort"], self.root / "conf"
        own, *rows = (
            path.relative_to(self.root).as_posix()
            for path in (file_of_cohort(cohort, conf), *files_of("experiments", conf))
        )
        section = self.parameters["cohorts"][cohort]
        lacking = {
            f"cohorts.${{cohort}}.{name}": "cohorts.${cohort}"
            for name in OF_COHORT
            if name not in section
        }
        made = {
            name: _filled(pattern, **{COHORTS_FILE: own}, **lacking)
            for name, pattern in patterns.items()
        }
        made["settings"]["deps"] = [*dict.fromkeys([own, *rows, *made["settings"]["deps"]])]
        settings = cohort_section(self.parameters["cohorts"], cohort, "extract", ExtractSettings)
        folder = RAW.replace("${cohort}", cohort)
        if follows_size(section):  # then its settings are known once `preprocess` has counted
            for name in ("settings", "embed"):
                made[name]["deps"] = [COUNTED, SIZES_FILE, *made[name]["deps"]]
        if settings.codes_file:
            made["preprocess"]["deps"].append(settings.codes_file)
        places = settings.watched(folder)
        made["extract"]["deps"] = [RAW if place == folder else place for place in places]
        return made

    def shown(self, pattern: Stage, rows: tuple[str, ...], **names: str) -> Stage:
        """A stage that shows the runs of some rows."""
        stage = _filled(pattern, **names)
        deps: dict[str, None] = {}
        for dep in stage["deps"]:
            deps |= dict.fromkeys(dep.replace("ROW", row) for row in rows)
        return self._with_code({**stage, "deps": list(deps)})

    @cached_property
    def runnable(self) -> list[str]:
        """The experiments of the lists, without ensembles whose base models are not among them.

        Of two views the one of this cohort has to be: the other is listed by its own study.
        """
        return [name for name in self.lists["experiments"] if self._is_runnable(name)]

    def _is_runnable(self, name: str) -> bool:
        listed, cohort = self.lists["experiments"], self.lists["cohort"]
        runs = [run_of(one, cohort) for one in self._base_models(name)]
        here = [experiment for of, experiment in runs if of == cohort]
        return set(listed).issuperset(here) and bool(here or not runs)

    def _of_kind(self, kind: str, pattern: Stage) -> Iterator[tuple[str, Stage]]:
        """A stage for those experiments that watch the same code and wait for the same files.

        By system; of ensembles each row, where they are evaluated each list of seeds.
        """
        listed = self.lists.get("evidence", []) if kind == "evidence" else self.runnable
        groups: dict[tuple[Any, ...], list[str]] = {}
        for name in listed:
            system, seeds = system_of(self.parameters, name), self._seeds(name)
            base = self._base_folders(name) if kind == "train" else ()
            marked = kind == "train" and self._learns_from_marks(name)
            systems: tuple[str, ...] = (system,)
            if kind == "evidence":  # the code of its base models explains it, too
                of_base = (system_of(self.parameters, one) for one in self._base_models(name))
                systems = tuple(dict.fromkeys((system, *of_base)))
            label = name if base or systems != (system,) else system
            label += "_all_seeds" if system == label == ENSEMBLE and self._is_one_run(name) else ""
            label += "_marked" if marked else ""
            groups.setdefault((label, systems, seeds, base, marked), []).append(name)
        for (label, systems, seeds, base, _), names in groups.items():
            stage = {**_filled(pattern), "matrix": {"experiment": names, "seed": list(seeds)}}
            if kind == "train":
                stage["deps"] += [*self._reads(names[0]), *base]
            stage["deps"] += self._of_first_training(kind, is_ensemble=bool(base))
            yield f"{kind}_{label}", self._with_code(stage, systems)

    def _of_first_training(self, kind: str, *, is_ensemble: bool) -> list[str]:
        """What a cohort's last training takes from the cohort on whose dev all was chosen."""
        first = first_cohort({**self.parameters, "cohort": self.lists["cohort"]})
        folder = {"evaluate": "07_model_output", "train": "06_models" if is_ensemble else None}
        if not first or not folder.get(kind):
            return []
        run = f"data/{folder[kind]}/{first}/${{item.experiment}}/seed_${{item.seed}}"
        return [*(path.format(first) for path in OF_OTHER), run]

    def _learns_from_marks(self, name: str) -> bool:
        """Whether an experiment's training reads what people marked."""
        return learns_from_marks(self._settings(name))

    def _settings(self, name: str) -> Mapping[str, Any]:
        parameters = {**self.parameters, "cohort": self.lists["cohort"]}
        return merged_row(parameters, name).settings

    def _reads(self, name: str) -> list[str]:
        """The files that training an experiment reads beside those that every training does."""
        catalog = read_catalog(self.root / CATALOG)
        read = [catalog[n]["filepath"] for n in reads(self._settings(name)) if n != SCORES]
        paths = [re.sub(r"\$\{runtime_params:(\w+),\w+\}", r"${\1}", path) for path in read]
        return sorted({str(Path(path).parent) if "04_feature" in path else path for path in paths})

    def _with_code(self, stage: Stage, systems: tuple[str, ...] = ()) -> Stage:
        """The stage with the code of its pipelines and systems among what it watches."""
        found = PIPELINES.search(stage["cmd"])
        assert found is not None  # every command of stages.yaml names its pipelines
        code = code_of(tuple(found[1].split(",")), systems, self.root)
        return {**stage, "deps": [*stage.get("deps", []), *code]}

    def _model(self, name: str) -> Mapping[str, Any]:
        """What a row says of its model."""
        return (self.parameters["experiments"][name] or {}).get("model") or {}

    def _base_models(self, name: str) -> tuple[str, ...]:
        return tuple(self._model(name).get("base_models", ()))

    def _is_one_run(self, name: str) -> bool:
        """Whether it is an ensemble that weighs every seed of its base models."""
        return bool(self._model(name).get("every_seed"))

    def _seeds(self, name: str) -> tuple[int, ...]:
        return (1,) if has_one_run(self.parameters, name) else tuple(self.lists["seeds"])

    def _base_folders(self, name: str) -> tuple[str, ...]:
        """The runs of its base models: of the same seed, or of all; of a baseline its only one.

        Of a view of another cohort also that cohort's codes and documents.
        """
        seeds = "" if self._is_one_run(name) else "/seed_${item.seed}"
        found: dict[str, None] = {}
        for one in self._base_models(name):
            cohort, experiment = run_of(one, self.lists["cohort"])
            own = cohort == self.lists["cohort"]
            runs = "/seed_1" if has_one_run(self.parameters, one) else seeds
            folder = "${cohort}" if own else cohort
            found[f"data/07_model_output/{folder}/{experiment}{runs}"] = None
            found |= dict.fromkeys(path.format(cohort) for path in OF_OTHER if not own)
        return tuple(found)


def render_study(lists: Mapping[str, Any], root: Path = Path()) -> str:
    """The text of a study's `dvc.yaml`, over its lists."""
    stages = Study(lists, root).stages()
    placed = {name: {"wdir": "../..", **stage} for name, stage in stages.items()}
    return HEADER + _dumped({"vars": ["study.yaml"], "stages": placed})


def render_demo(root: Path = Path()) -> str:
    """The text of the root's `dvc.yaml`: the demonstration, a page over runs of its study."""
    asked = _read(root / "studies/stages.yaml")
    demo, pattern = asked["demo"], asked["stages"]["DEMO"]
    study = Study({"experiments": demo["experiments"], "cohort": demo["cohort"]}, root)
    rows = tuple(f"{name}/seed_1" for name in demo["experiments"])
    text = _dumped({"stages": {"demo": study.shown(pattern, rows)}})
    return HEADER + text.replace("${cohort}", demo["cohort"])


def write_study(cohort: str, root: Path = Path()) -> Path:
    """Write `studies/COHORT/dvc.yaml`, and before it `study.yaml` where there is none."""
    file_of_cohort(cohort, root / "conf")
    folder = root / "studies" / cohort
    if not (folder / "study.yaml").exists():
        rows = list(sections_of("experiments", root / "conf"))
        lists = {"cohort": cohort, "experiments": rows, "seeds": SEEDS}
        text = yaml.safe_dump(lists, sort_keys=False, default_flow_style=None, width=100)
        write_text(folder / "study.yaml", LISTS + text)
    lists = _read(folder / "study.yaml")
    if lists["cohort"] != cohort:
        raise ValueError(
            f"{folder}/study.yaml: cohort: {lists['cohort']}, in the folder of {cohort}; a study "
            "stands in the folder of its cohort"
        )
    write_text(folder / "dvc.yaml", render_study(lists, root))
    return folder / "dvc.yaml"


def write_demo(root: Path = Path()) -> Path:
    """Write the root's `dvc.yaml`."""
    write_text(root / "dvc.yaml", render_demo(root))
    return root / "dvc.yaml"


def _filled(pattern: Stage, **names: str) -> Stage:
    """A copy of a pattern with names put in."""
    text = yaml.safe_dump(pattern, sort_keys=False)
    for old, new in names.items():
        text = text.replace(old, new)
    copied: Stage = yaml.safe_load(text)
    return copied


def _dumped(document: Mapping[str, Any]) -> str:
    """Lists of names in as few lines as they take: a stage watches some sixty files."""
    return yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, width=160, default_flow_style=None
    )


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
