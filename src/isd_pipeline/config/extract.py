"""What the stage `extract` may be told of a cohort."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.data.codes import icd
from isd_pipeline.data.codes.code_list import read_code_list
from isd_pipeline.data.codes.hierarchy import Revision
from isd_pipeline.data.codes.labels import LabelSpace
from isd_pipeline.data.custom.layout import CustomLayout

SPLITS_OF = {  # what `split` may be; a source that comes split has the default alone
    "mimic2": ("laat", "caml"),
    "mimic3": ("lists", "patients", "edin", "mdace"),
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
    `caml`, no dev at all: the best epoch is then chosen on test, as CAML chose it. `mdace` is
    `lists`, but for MDACE's charts, which go where its authors put them.

    `codes`: all; the 50 most frequent; or `listed`, those of `codes_file`, one a line and written
    as the cohort's labels are.
    """

    # the file layout
    source: Literal["mimic2", "mimic3", "mimic4", "codiesp", "cantemist", "custom"]
    raw: str  # folder, or the zip of CodiEsp or CANTEMIST
    codes: Literal["full", "top50", "listed"] = "full"
    codes_file: str = ""  # of `codes: listed`, from the project's folder: a code a line
    label_space: Literal["clean", "caml", "edin"] = "clean"  # the others: with published faults
    real: bool = False
    language: Literal["en", "es"] = "en"  # of the notes; CodiEsp has both
    kind: Literal["diagnoses", "procedures", "both"] = "diagnoses"  # CodiEsp's codes
    mentions: Literal["original", "projected"] = "original"  # CodiEsp's, onto its English texts
    dev: Literal["both", "dev1", "dev2"] = "both"  # of CANTEMIST's two sets, those that are dev
    split: Literal["lists", "patients", "edin", "laat", "caml", "mdace"] = "lists"
    split_file: str = ""  # of Edin et al., in `raw` or by its whole path
    split_seed: int = 1  # of our own splits
    dev_lines: int = 1_141  # of MIMIC-II's training lines, split laat
    last_of: str = ""  # a cohort of the same documents, on whose dev all was chosen: dev trains too
    min_documents: int = 1  # codes of fewer documents are dropped
    uncoded: Literal["drop", "keep"] = "drop"  # documents without a code of the cohort
    systems: tuple[icd.System, ...] | None = None  # of MIMIC-III and -IV; None: both
    patients: Literal["all", "carevue"] = "all"  # of MIMIC-III: those of MIMIC-II's time
    mdace: str = ""  # MDACE's zip or folder, in `raw` or by its whole path: marks of MIMIC-III's
    mdace_set: Literal["Inpatient", "Profee"] = "Inpatient"
    revision: icd.Revision = "icd9"  # which of MIMIC-IV's two
    release: str = "2.2"  # of MIMIC-IV's hosp tables
    licence: str = ""  # the terms of the notes, for a bundle's card; open corpora have theirs
    custom: CustomLayout = field(default_factory=CustomLayout)  # of a user's own files

    def __post_init__(self) -> None:
        splits = SPLITS_OF.get(self.source, ("lists",))
        if self.split not in splits:
            known = ", ".join(splits)
            raise ValueError(f"split={self.split!r} is none of {known}, which {self.source} has")
        if self.label_space not in ("clean", FAULTY_SPACE.get(self.source)):
            raise ValueError(f"{self.source} has no label_space={self.label_space!r}; use clean")
        if self.patients != "all" and self.source != "mimic3":
            raise ValueError(f"patients={self.patients!r} is for the source mimic3 alone")
        if self.mdace and self.source != "mimic3":
            raise ValueError("mdace marks notes of the source mimic3 alone")
        if not self.mdace and (self.split == "mdace" or self.mdace_set != "Inpatient"):
            raise ValueError("split mdace and mdace_set need `mdace`, the release they are of")
        if self.revision != "icd9" and self.source != "mimic4":
            raise ValueError(f"revision={self.revision!r} is for the source mimic4 alone")
        if self.systems is not None and self.source not in ("mimic3", "mimic4"):
            raise ValueError("systems is for the sources mimic3 and mimic4 alone")
        if self.dev != "both" and self.source != "cantemist":
            raise ValueError(f"dev={self.dev!r} is for the source cantemist alone")
        if self.language != "es" and self.source == "cantemist":
            raise ValueError("the texts of cantemist are Spanish; say language: es")
        if self.mentions == "projected" and (self.source, self.language) != ("codiesp", "en"):
            raise ValueError("mentions: projected is for the English texts of codiesp alone")
        if self.uncoded == "keep" and self.real:
            raise ValueError("uncoded: keep makes another cohort than the published; drop `real`")
        if (self.codes == "listed") != bool(self.codes_file):
            raise ValueError("codes: listed and codes_file, the file of the list, go together")
        if self.systems == ():
            raise ValueError("systems is empty; name diagnosis, procedure or both")

    @property
    def listed_codes(self) -> tuple[str, ...] | None:
        """The codes of the user's list; None where there is none. Raises as `read_code_list`."""
        return read_code_list(Path(self.codes_file)) if self.codes_file else None

    @property
    def mdace_release(self) -> Path:
        """Where MDACE lies."""
        return Path(self.raw) / self.mdace

    def refuse_other_last(self, cohorts: Mapping[str, Any], cohort: str) -> None:
        """Raise a ValueError unless `last_of` names a cohort that differs in nothing but the place.

        Scores of dev are taken from there, since here its documents train.
        """
        if not self.last_of:
            return
        first = cohort_section(cohorts, self.last_of, "extract", ExtractSettings)
        for name in ("preprocess", "extract"):
            here, there = (dict(cohorts[one].get(name) or {}) for one in (cohort, self.last_of))
            differs = {key for key in {*here, *there} if here.get(key) != there.get(key)}
            if first.last_of or differs - {"last_of", "raw"}:
                raise ValueError(
                    f"{cohort}: last_of: {self.last_of}, whose section {name} says otherwise "
                    f"({', '.join(sorted(differs))}); only `raw` may differ"
                )

    def watched(self, folder: str) -> list[str]:
        """What is read, for DVC: `folder`, or `raw` elsewhere, and files apart from it."""
        raw = Path(self.raw)
        found = [Path(folder) if raw.is_relative_to(folder) else raw]
        for name in filter(None, (self.split_file, self.mdace)):
            if not any((raw / name).is_relative_to(one) for one in found):
                found.append(raw / name)
        return [path.as_posix() for path in found]

    @property
    def space(self) -> LabelSpace:
        """The label space: a corpus whose codes have their dots has no other."""
        return self.label_space if self.source in ("mimic3", "mimic4") else "dotted"


def revision_of(cohorts: Mapping[str, Any], cohort: str) -> Revision:
    """Which ICD a cohort's codes are of: CodiEsp's are ICD-10, MIMIC's either.

    Of codes that have a tree of their own, as CANTEMIST's, nothing is read by it.
    """
    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    if settings.source == "custom":
        return "icd9" if settings.custom.system.startswith("icd9") else "icd10"
    return settings.revision if settings.source.startswith("mimic") else "icd10"
