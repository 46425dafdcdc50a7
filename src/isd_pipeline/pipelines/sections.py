"""What each stage may be told, and the one way to find it among the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from isd_pipeline.data.hierarchy import Revision
from isd_pipeline.data.own_layout import OwnLayout
from isd_pipeline.embeddings.words import WordVectorConfig
from isd_pipeline.pipelines.configuration import choose, read_config, refuse_unknown
from isd_pipeline.reports.layout import Layout
from isd_pipeline.text.vocabulary import VocabularyConfig

T = TypeVar("T")
COHORTS = "conf/base/parameters_cohorts.yml: cohorts"
EXPERIMENTS = "conf/base/parameters_experiments.yml: experiments"
TABLES_FILE = "conf/base/parameters_tables.yml"
TABLES = f"{TABLES_FILE}: tables"


@dataclass(frozen=True, kw_only=True)
class ExtractSettings:
    """Where a cohort comes from and which of its documents and codes it keeps.

    `real: true` says that the files are MIMIC-III v1.4 itself: its published counts and split
    lists are then checked, and a difference stops the run.
    """

    source: Literal["mimic3", "codiesp", "own"]  # the file layout
    raw: str  # folder, or CodiEsp's zip
    codes: Literal["full", "top50"] = "full"
    label_space: Literal["clean", "caml"] = "clean"  # caml: with the published faults
    real: bool = False
    language: Literal["en", "es"] = "en"  # CodiEsp's
    kind: Literal["diagnoses", "procedures", "both"] = "diagnoses"  # CodiEsp's codes
    split_seed: int = 1  # of our own patient-wise split, where there are no id lists
    own: OwnLayout = field(default_factory=OwnLayout)  # of a user's own files


@dataclass(frozen=True, kw_only=True)
class PreprocessSettings:
    """How notes become numbers."""

    vocabulary: VocabularyConfig = field(default_factory=lambda: VocabularyConfig(min_docs=3))


@dataclass(frozen=True, kw_only=True)
class EmbedSettings:
    """Two sets of word vectors: the paper's 100 dimensions, and one as wide as the code vectors.

    Section 4.2 gives 100-dimensional words and 256-dimensional codes "according to their
    descriptions": the second set is what descriptions are averaged from (docs/readings.md).
    """

    words: WordVectorConfig = field(default_factory=WordVectorConfig)
    codes: WordVectorConfig = field(
        default_factory=lambda: WordVectorConfig(width=256, normalised=False)
    )
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """How a cohort's page is headed."""

    k: int = 8  # the P@k of the paper's table
    stamp: str = ""  # shown over every table, where the numbers compare with nothing


def revision_of(cohorts: Mapping[str, Any], cohort: str) -> Revision:
    """Which ICD a cohort's codes are of: MIMIC-III's files hold ICD-9-CM, CodiEsp's ICD-10."""
    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    if settings.source == "own":
        return "icd9" if settings.own.system.startswith("icd9") else "icd10"
    return "icd9" if settings.source == "mimic3" else "icd10"


def table_layouts(parameters: Mapping[str, Any]) -> dict[str, Layout]:
    """Every table, by its key. An experiment is one of ours, or one that the paper printed."""
    printed = [name for rows in parameters["paper"].values() for name in rows]
    known = [*parameters["experiments"], *printed]
    tables = read_tables(parameters)
    for key, table in tables.items():
        for name in table.experiments:
            refuse_unknown(name, known, f"{TABLES}.{key}.experiments")
    return tables


def read_tables(parameters: Mapping[str, Any]) -> dict[str, Layout]:
    """Every table of the section `tables`, by its key, whatever experiments there are."""
    return {
        key: read_config(Layout, section, f"{TABLES}.{key}")
        for key, section in parameters["tables"].items()
    }


def cohort_section(cohorts: Mapping[str, Any], cohort: str, section: str, cls: type[T]) -> T:
    """One section of a cohort as the dataclass that reads it."""
    row = choose(cohort, cohorts, COHORTS)
    return read_config(cls, row.get(section), f"{COHORTS}.{cohort}.{section}")


def experiment_row(
    cohorts: Mapping[str, Any], cohort: str, experiments: Mapping[str, Any], experiment: str
) -> dict[str, dict[str, Any]]:
    """An experiment's row over what the cohort sets for every experiment, section by section.

    A cohort's `model` and `objective` are those of ISD; its `training` is everybody's. On top lies
    what the row's own `cohorts` has for this cohort, where a paper chose otherwise for its data.
    """
    row = dict(choose(experiment, experiments, EXPERIMENTS) or {})
    system, elsewhere = row.pop("system", "isd"), row.pop("cohorts", None) or {}
    base = choose(cohort, cohorts, COHORTS).get("train") or {}
    if system != "isd":
        base = {"training": base.get("training")}
    merged: dict[str, dict[str, Any]] = {}
    for layer in (base, row, elsewhere.get(cohort) or {}):
        merged |= {
            name: _merged(merged.get(name, {}), section or {}) for name, section in layer.items()
        }
    return {**merged, "system": system}


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return merged
