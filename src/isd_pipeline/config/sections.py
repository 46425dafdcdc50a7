"""What each stage may be told, and the one way to find it among the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from isd_pipeline.config.reading import choose, read_config, refuse_unknown
from isd_pipeline.data.codes import icd
from isd_pipeline.data.codes.hierarchy import Revision
from isd_pipeline.data.codes.labels import LabelSpace
from isd_pipeline.data.custom.layout import OwnLayout
from isd_pipeline.embeddings.words import WordVectorConfig
from isd_pipeline.models.registry import TAKES_COHORT_MODEL
from isd_pipeline.reports.layout import Layout
from isd_pipeline.text.tokens import TextRule
from isd_pipeline.text.vocabulary import VocabularyConfig

T = TypeVar("T")
COHORTS = "conf/base/parameters_cohorts.yml: cohorts"
EXPERIMENTS = "conf/base/parameters_experiments.yml: experiments"
TABLES_FILE = "conf/base/parameters_tables.yml"
TABLES = f"{TABLES_FILE}: tables"


SELECTED_ON_TEST = "no dev set: every model was chosen on test, as CAML chose it"
OUR_SPLIT = "our own split, not the published one"
SPLITS_OF = {  # what `split` may be; a source that comes split has the default alone
    "mimic2": ("laat", "caml"),
    "mimic3": ("lists", "patients", "edin"),
    "mimic4": ("edin", "patients"),
}
FAULTY_SPACE = {"mimic3": "caml", "mimic4": "edin"}


@dataclass(frozen=True, kw_only=True)
class ExtractSettings:
    """Where a cohort comes from and which of its documents and codes it keeps.

    `real: true` says that the files are MIMIC itself: its published counts and split lists are
    then checked, and a difference stops the run.

    `split`: `lists`, CAML's id lists beside the files, or where there are none patients drawn by
    a hash; `patients`, always these; `edin`, `split_file` of Edin et al. (SIGIR 2023) or, where
    it is missing, our own stratified one; of MIMIC-II `laat`, its last training lines as dev, or
    `caml`, no dev at all: the best epoch is then chosen on test, as CAML chose it.
    """

    source: Literal["mimic2", "mimic3", "mimic4", "codiesp", "own"]  # the file layout
    raw: str  # folder, or CodiEsp's zip
    codes: Literal["full", "top50"] = "full"
    label_space: Literal["clean", "caml", "edin"] = "clean"  # the others: with published faults
    real: bool = False
    language: Literal["en", "es"] = "en"  # CodiEsp's
    kind: Literal["diagnoses", "procedures", "both"] = "diagnoses"  # CodiEsp's codes
    split: Literal["lists", "patients", "edin", "laat", "caml"] = "lists"
    split_file: str = ""  # of Edin et al., in `raw` or by its whole path
    split_seed: int = 1  # of our own splits
    dev_lines: int = 1_141  # of MIMIC-II's training lines, split laat
    min_documents: int = 1  # codes of fewer documents are dropped
    systems: tuple[icd.System, ...] | None = None  # of MIMIC-III and -IV; None: both
    patients: Literal["all", "carevue"] = "all"  # of MIMIC-III: those of MIMIC-II's time
    revision: icd.Revision = "icd9"  # which of MIMIC-IV's two
    release: str = "2.2"  # of MIMIC-IV's hosp tables
    own: OwnLayout = field(default_factory=OwnLayout)  # of a user's own files

    def __post_init__(self) -> None:
        splits = SPLITS_OF.get(self.source, ("lists",))
        if self.split not in splits:
            known = ", ".join(splits)
            raise ValueError(f"split={self.split!r} is none of {known}, which {self.source} has")
        if self.label_space not in ("clean", FAULTY_SPACE.get(self.source)):
            raise ValueError(f"{self.source} has no label_space={self.label_space!r}; use clean")
        if self.patients != "all" and self.source != "mimic3":
            raise ValueError(f"patients={self.patients!r} is for the source mimic3 alone")
        if self.revision != "icd9" and self.source != "mimic4":
            raise ValueError(f"revision={self.revision!r} is for the source mimic4 alone")
        if self.systems is not None and self.source not in ("mimic3", "mimic4"):
            raise ValueError("systems is for the sources mimic3 and mimic4 alone")
        if self.systems == ():
            raise ValueError("systems is empty; name diagnosis, procedure or both")

    @property
    def space(self) -> LabelSpace:
        """The label space: a corpus whose codes have their dots has no other."""
        return "dotted" if self.source in ("codiesp", "mimic2", "own") else self.label_space


@dataclass(frozen=True, kw_only=True)
class PreprocessSettings:
    """How notes become numbers."""

    text_rule: TextRule = "caml"  # how a note is cut into words (text/tokens.py)
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
    stamp: str = ""  # shown over every table, where the numbers want a warning


def revision_of(cohorts: Mapping[str, Any], cohort: str) -> Revision:
    """Which ICD a cohort's codes are of: CodiEsp's are ICD-10, MIMIC-IV's and own data's either."""
    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    if settings.source == "own":
        return "icd9" if settings.own.system.startswith("icd9") else "icd10"
    return "icd10" if settings.source == "codiesp" else settings.revision


def name_in_paper(cohorts: Mapping[str, Any], cohort: str) -> str:
    """Which data set of the paper a cohort is: what its key `paper` says, or its own name."""
    return str(choose(cohort, cohorts, COHORTS).get("paper", cohort))


def is_generated(cohorts: Mapping[str, Any], cohort: str) -> bool:
    """Whether a cohort is the synthetic hospital's."""
    return "generate" in choose(cohort, cohorts, COHORTS)


def stamp_of(
    cohorts: Mapping[str, Any], cohort: str, counts: Mapping[str, float] | None = None
) -> str:
    """What stands over every table of a cohort.

    That a model was chosen on test always does; and, where its `counts` say so, that a split of
    ours stands in for a published one.
    """
    stamp = cohort_section(cohorts, cohort, "report", ReportSettings).stamp
    split = cohort_section(cohorts, cohort, "extract", ExtractSettings).split
    ours = bool((counts or {}).get("split_is_ours"))
    parts = (stamp, SELECTED_ON_TEST * (split == "caml"), OUR_SPLIT * ours)
    return "; ".join(part for part in parts if part)


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

    A cohort's `model` and `objective` are those of ISD and of ISD over an LSTM; its `training` is
    everybody's. On top lies what the row's own `cohorts` has for this cohort, where a paper chose
    otherwise for its data, and above all what the cohort has for this row.
    """
    row = dict(choose(experiment, experiments, EXPERIMENTS) or {})
    system, elsewhere = row.pop("system", "isd"), row.pop("cohorts", None) or {}
    base = dict(choose(cohort, cohorts, COHORTS).get("train") or {})
    own = base.pop("experiments", None) or {}
    for name in own:
        refuse_unknown(name, list(experiments), f"{COHORTS}.{cohort}.train.experiments")
    if system not in TAKES_COHORT_MODEL:
        base = {"training": base.get("training")}
    merged: dict[str, dict[str, Any]] = {}
    of_paper = elsewhere.get(name_in_paper(cohorts, cohort)) or {}
    for layer in (base, row, of_paper, own.get(experiment) or {}):
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
