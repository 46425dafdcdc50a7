"""A bundle's row trained again on notes that coders reviewed, in a project folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from isd_pipeline.catalog.formats import read_json
from isd_pipeline.coding.bundle import Bundle
from isd_pipeline.config.loading import read_parameters
from isd_pipeline.config.rows import SECTIONS
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.splits import names_of
from isd_pipeline.predictors.registry import ENSEMBLE, MEAN, NETWORK, kind_of
from isd_pipeline.studies.working_project import make_project

SUFFIX = "_learned"
LANGUAGES = ("en", "es")
KEPT = {"train": "train", "dev": "dev", "unlabelled": "unlabelled"}  # test stays held out


def train_again(bundle: Bundle, custom: Mapping[str, Any], folder: Path, root: Path) -> Path:
    """Train and evaluate the bundle's row on FOLDER/data_set; give the folder of the new bundle.

    What the stages make stands in FOLDER/project, which is removed once the bundle is made.

    Raises a ChildProcessError that names the command where a stage fails.
    """
    cohort, project = cohort_of(bundle), folder / "project"
    _make_project(bundle, cohort, custom, folder, root)
    stages = ["extract", "preprocess", *(["embed"] if _has_network(bundle.settings) else [])]
    _kedro(project, stages, f"cohort={cohort}")
    for experiment, seed in (*_base_runs(bundle), (bundle.experiment, bundle.seed)):
        _kedro(
            project, ["train", "evaluate"], f"cohort={cohort},experiment={experiment},seed={seed}"
        )
    made = (folder / "bundle").resolve()
    words = ["isd_pipeline", "bundle", cohort, bundle.experiment, "--seed", str(bundle.seed)]
    _run(project, [*words, "--to", str(made)])
    shutil.rmtree(project)
    return made


def cohort_of(bundle: Bundle) -> str:
    """What the new data set is called: after the cohort that the first training was of."""
    return bundle.cohort.removesuffix(SUFFIX) + SUFFIX


def former_rows(bundle: Bundle, root: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of the bundle's own train and dev notes, as `data_set.rows_of` gives rows.

    Its test notes are left out, so that they go on being new to every model.

    Raises:
        FileNotFoundError: they are not here.
        ValueError: they are not those that the bundle was trained on.
    """
    primary, raw = (
        root / "data" / name / bundle.cohort for name in ("03_primary", "02_intermediate")
    )
    for path in (primary / "labels.parquet", raw / "notes.parquet"):
        if not path.exists():
            raise FileNotFoundError(f"{path}: the bundle's training notes are not here")
    here = {
        "vocabulary": read_json(primary / "vocabulary.json")["fingerprint"],
        "codes": CodeIndex.open(primary / "code_index.json").fingerprint,
    }
    for what, fingerprint in here.items():
        if bundle.fingerprints[what] != fingerprint:
            raise ValueError(f"{primary}: other {what} than the bundle was trained with")
    split_of = dict(_pairs(primary / "splits.parquet", "document_id", "split"))
    place = {d: part for part in KEPT for d, s in split_of.items() if s in names_of(part)}
    labels = dict(_pairs(primary / "labels.parquet", "document_id", "labels"))

    def name(document: str) -> str:
        return f"{bundle.cohort}/{document}"

    notes = [
        {
            **{"id": name(row["document_id"]), "note": row["note_id"], "text": row["text"]},
            **{"patient": name(row["patient_id"]), "split": place[row["document_id"]]},
        }
        for row in pq.read_table(raw / "notes.parquet").to_pylist()
        if row["document_id"] in place
    ]
    codes = [
        {"id": name(document), "code": code}
        for document in place
        for code in sorted(set(labels.get(document, ())))
    ]
    return {"notes": notes, "codes": codes, "mentions": list(_mentions(raw, place, labels, name))}


def _mentions(
    raw: Path, place: Mapping[str, str], labels: Mapping[str, Any], name: Callable[[str], str]
) -> Iterator[dict[str, Any]]:
    path = raw / "mentions.parquet"
    for row in pq.read_table(path).to_pylist() if path.exists() else []:
        document, code = row["document_id"], row["code"]
        if document in place and code in labels.get(document, ()):
            yield {
                **{"id": name(document), "note": row["note_id"], "code": code},
                **{"begin": row["begin"], "end": row["end"], "mention": str(row["mention"])},
            }


def _pairs(path: Path, *names: str) -> Iterator[tuple[Any, Any]]:
    table = pq.read_table(path, columns=list(names))
    return zip(*(table[name].to_pylist() for name in names), strict=True)


def _make_project(
    bundle: Bundle, cohort: str, custom: Mapping[str, Any], folder: Path, root: Path
) -> None:
    """The project folder, with the new cohort's section."""
    known = read_parameters(root / "conf")["cohorts"].get(bundle.cohort.removesuffix(SUFFIX)) or {}
    section = section_of(bundle, known, custom, folder / "data_set")
    make_project(folder / "project", root, {cohort: section})


def section_of(
    bundle: Bundle, known: Mapping[str, Any], custom: Mapping[str, Any], data_set: Path
) -> dict[str, Any]:
    """The new cohort's section: the bundle's settings over those of the cohort, where it is known.

    Of the known cohort `embed` and `report` are taken; what a training is told is the bundle's.
    """
    language = (known.get("extract") or {}).get("language") or _language(bundle)
    preprocess = {
        "tokeniser": bundle.vocabulary.rule,
        "vocabulary": dict(bundle.vocabulary_settings),
    }
    return {
        "extract": {
            **{"source": "custom", "raw": str(data_set.resolve()), "codes": "full"},
            **{"language": language, "licence": _licence(bundle), "custom": dict(custom)},
        },
        "preprocess": preprocess,
        **{name: known[name] for name in ("embed",) if name in known},
        "train": {"experiments": dict(_rows(bundle.experiment, bundle.settings))},
        "report": {"k": (known.get("report") or {}).get("k", 8)},
    }


def _licence(bundle: Bundle) -> str:
    """The terms of the new training notes, as far as they are known."""
    data = bundle.trained_on
    before = f"{'synthetic; ' * data.synthetic}{data.licence}" if data else "not said by it"
    return (
        "as of the notes that coders reviewed; where the training notes of "
        f"{bundle.name} were used too, theirs: {before}"
    )


def _language(bundle: Bundle) -> str:
    """What the settings or the dev notes say, English where neither does."""
    told = bundle.settings.get("language")
    seen = bundle.usual and bundle.usual.words and bundle.usual.words.language
    return next((str(one) for one in (told, seen) if one in LANGUAGES), LANGUAGES[0])


def _rows(experiment: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The sections of a row and of its base models, by experiment."""
    if settings["system"] == MEAN:  # several trainings of one row
        settings = next(iter(settings["base_models"].values()))
    yield experiment, {name: settings[name] for name in SECTIONS if settings.get(name)}
    if kind_of(settings["system"]) == ENSEMBLE:
        for name, base in settings["base_models"].items():
            yield from _rows(name, base)


def _base_runs(bundle: Bundle) -> list[tuple[str, int]]:
    """The trainings that an ensemble weighs."""
    runs = bundle.settings.get("runs") or {}
    return [(name, seed) for name, seeds in runs.items() for seed in seeds]


def _has_network(settings: Mapping[str, Any]) -> bool:
    system = settings["system"]
    own = system != MEAN and kind_of(system) == NETWORK
    return own or any(map(_has_network, (settings.get("base_models") or {}).values()))


def _kedro(project: Path, stages: list[str], chosen: str) -> None:
    _run(project, ["kedro", "run", f"--pipelines={','.join(stages)}", f"--params={chosen}"])


def _run(project: Path, words: list[str]) -> None:
    """A command there; what it says goes to stderr."""
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=project, env=environment, stdout=sys.stderr, check=False)
    if done.returncode:
        told = " ".join(words).replace("isd_pipeline", "isd", 1)
        raise ChildProcessError(f"`{told}` failed in {project}; it says why above")
