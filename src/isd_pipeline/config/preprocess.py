"""What the stage `preprocess` may be told of a cohort."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.text.runs import Tokeniser
from isd_pipeline.text.vocabulary import VocabularyConfig


@dataclass(frozen=True, kw_only=True)
class PreprocessSettings:
    """How notes become numbers.

    `normal_form`: whether notes are cut in normal form (text/normal_form.py). Left out, all are
    but the corpora that the literature has read as they were written: MIMIC (`real: true`),
    CodiEsp, CANTEMIST.
    """

    tokeniser: Tokeniser = "caml"  # how a note is tokenised (text/tokens.py)
    normal_form: bool | None = None
    vocabulary: VocabularyConfig = field(default_factory=lambda: VocabularyConfig(min_docs=3))


def reads_normal_form(cohorts: Mapping[str, Any], cohort: str) -> bool:
    """Whether the notes of a cohort are cut in normal form."""
    own = cohort_section(cohorts, cohort, "preprocess", PreprocessSettings).normal_form
    extract = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    published = extract.real or extract.source in ("codiesp", "cantemist")
    return not published if own is None else own
