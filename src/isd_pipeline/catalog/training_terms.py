"""What a bundle's card says of a cohort: its corpus, language, coding systems, split and terms."""

from collections import Counter
from collections.abc import Mapping, Sized
from typing import Any

from isd_pipeline.coding.systems import system_of
from isd_pipeline.coding.trained_on import TrainedOn
from isd_pipeline.config.cohorts import cohort_section, is_generated
from isd_pipeline.config.extract import ExtractSettings, revision_of
from isd_pipeline.data.codes.coding_systems import NAMES
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.evaluation.resampling import Bootstrap

LANGUAGES = {"en": "English", "es": "Spanish"}
PHYSIONET = "PhysioNet's credentialed data use agreement: neither notes nor weights nor words go on"
CORPORA = {  # by source: what it is, and the terms of its notes
    "mimic2": ("MIMIC-II discharge summaries", PHYSIONET),
    "mimic3": ("MIMIC-III discharge summaries", PHYSIONET),
    "mimic4": ("MIMIC-IV discharge summaries", PHYSIONET),
    "codiesp": ("CodiEsp clinical case reports", "CC BY 4.0"),
    "cantemist": ("CANTEMIST oncology case reports", "CC BY 4.0"),
    "custom": ("notes of the user's own", ""),
}
GENERATED = ("the synthetic hospital's generated discharge summaries", "none: nobody's notes")
UNKNOWN = "not known to isd_pipeline: what holds for the notes holds for the bundle"
SPLITS = {
    "lists": "as published or given, else patients by a hash",
    "patients": "patients by a hash",
    "edin": "that of Edin et al. (2023), or one like it where their file is missing",
    "laat": "the published one; dev are its last training lines",
    "caml": "the published one; no dev, so every choice was made on test",
    "mdace": "as published, MDACE's charts where its authors put them",
}


def trained_on(
    cohorts: Mapping[str, Any],
    cohort: str,
    documents: Mapping[str, Sized],
    codes: CodeIndex,
    resampled: Bootstrap | None,
) -> TrainedOn:
    """Of a cohort, its documents by split, and the run's bootstrap, None where it is not here."""
    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    source, licence = terms_of(cohorts, cohort)
    last = "; dev was trained on too, after all was chosen on it" if settings.last_of else ""
    revision, own = revision_of(cohorts, cohort), _own_system(settings)
    found = Counter(
        NAMES.get(system_of(code, kind, revision) or "", own)
        for code, kind in zip(codes.codes, codes.systems, strict=True)
    )
    return TrainedOn(
        source=source,
        language=language_of(cohorts, cohort),
        systems=dict(sorted(found.items())),
        synthetic=is_generated(cohorts, cohort),
        notes={name: len(documents[name]) for name in ("train", "dev", "test")},
        split=SPLITS[settings.split] + last,
        licence=licence,
        intervals=resampled.intervals() if resampled else {},
    )


def terms_of(cohorts: Mapping[str, Any], cohort: str) -> tuple[str, str]:
    """What the notes of a cohort are, in words, and their terms."""
    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    generated = is_generated(cohorts, cohort)
    source, licence = GENERATED if generated else CORPORA[settings.source]
    if settings.source == "codiesp" and settings.language == "en":
        source += ", the corpus's own machine translation"
    return source, settings.licence or licence or UNKNOWN


def language_of(cohorts: Mapping[str, Any], cohort: str) -> str:
    """Of the notes, in words."""
    return LANGUAGES[cohort_section(cohorts, cohort, "extract", ExtractSettings).language]


def _own_system(settings: ExtractSettings) -> str:
    """What a system is called that is none of ICD's diagnoses and procedures."""
    return {"cantemist": "ICD-O-3", "custom": settings.custom.system}.get(settings.source, "other")
