"""What a cohort's files give to learn from, as every kind of predictor takes it."""

from collections.abc import Callable, Mapping
from typing import Any

from isd_pipeline.catalog.base_models import base_scores
from isd_pipeline.catalog.other_cohorts import view_scores
from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.experiments import Plan
from isd_pipeline.config.extract import ExtractSettings, revision_of
from isd_pipeline.config.preprocess import PreprocessSettings
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.predictors.base import TrainingData, Vectors
from isd_pipeline.predictors.registry import ENSEMBLE, kind_of
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.mentions import mentions_of
from isd_pipeline.text.splits import words_of_splits
from isd_pipeline.text.vocabulary import Vocabulary

Lazy = Callable[[], Any]


def training_data(
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    vectors: tuple[Lazy, Lazy, Lazy],
    words_of_notes: Lazy,
    mentions_of_notes: Lazy,
    parameters: Mapping[str, Any],
    base: Mapping[str, Any],
    first: Callable[[], Any] | None = None,
) -> TrainingData:
    """The documents; what else there is, is read when it is asked for."""
    cohorts, cohort = parameters["cohorts"], parameters["cohort"]
    words, code_words, codes = vectors
    of_words = {"vocabulary": vocabulary.fingerprint}
    return TrainingData(
        documents=documents,
        codes=code_index,
        vocabulary=vocabulary,
        revision=revision_of(cohorts, cohort),
        language=cohort_section(cohorts, cohort, "extract", ExtractSettings).language,
        tokeniser=cohort_section(cohorts, cohort, "preprocess", PreprocessSettings).tokeniser,
        vectors=lambda: Vectors(
            words()(**of_words),
            code_words()(**of_words),
            codes()(codes=code_index.fingerprint, **of_words),
        ),
        words=lambda: words_of_splits(words_of_notes(), documents),
        base_scores=base,
        first=first,
        mentions=lambda: mentions_of(
            mentions_of_notes(), words_of_notes(), documents["train"], code_index
        ),
    )


def base_of(
    plan: Plan,
    scores_of_runs: Lazy,
    other_cohorts: Lazy,
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    parameters: Mapping[str, Any],
) -> dict[str, Any]:
    """The scores of an ensemble's base models; others have none."""
    if kind_of(plan.system) != ENSEMBLE:
        return {}
    config = plan.sections["model"]
    if config.views:
        return view_scores(config, other_cohorts(), documents, code_index, parameters)
    return base_scores(config, scores_of_runs(), parameters)
