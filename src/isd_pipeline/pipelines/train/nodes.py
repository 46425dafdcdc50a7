"""Documents, vectors, words, base models' scores, one row of the experiments > what was fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from isd_pipeline.catalog.base_models import base_scores
from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.experiments import read_plan
from isd_pipeline.config.extract import ExtractSettings, revision_of
from isd_pipeline.config.preprocess import PreprocessSettings
from isd_pipeline.config.rows import merged_row
from isd_pipeline.predictors.registry import ENSEMBLE, kind_of, predictor

if TYPE_CHECKING:
    import pandas as pd

    from isd_pipeline.catalog.run_context import RunContext
    from isd_pipeline.config.experiments import Plan
    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.predictors.artifact import Artifact
    from isd_pipeline.predictors.base import TrainingData
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.vocabulary import Vocabulary

Lazy = Callable[[], Any]


def train(
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    word_vectors: Lazy,
    code_word_vectors: Lazy,
    code_vectors: Lazy,
    words_of_notes: Lazy,
    scores_of_runs: Lazy,
    run_context: RunContext,
    parameters: Mapping[str, Any],
) -> tuple[Artifact, pd.DataFrame, dict[str, Any]]:
    """Fit the experiment's predictor, of whatever kind: what it is, its epochs, its figures."""
    from isd_pipeline.evaluation.dev_figures import dev_figures
    from isd_pipeline.predictors.artifact import Artifact
    from isd_pipeline.predictors.base import Options

    plan = read_plan(parameters)
    vectors = (word_vectors, code_word_vectors, code_vectors)
    data = training_data(
        *(documents, code_index, vocabulary, vectors, words_of_notes, parameters),
        base=base_of(plan, scores_of_runs, parameters),
    )
    options = Options(
        seed=parameters["seed"],
        dev_figures=dev_figures,
        device=parameters["device"],
        jobs=parameters["jobs"],
        code=run_context.code.get("train", ""),
        on_epoch=run_context.on_epoch,
    )
    fitted = predictor(plan.system).fit(plan.system, plan.sections, data, options)
    artifact = Artifact.of(fitted, data, parameters["seed"])
    run = run_context.of("train") | {
        "kind": kind_of(plan.system),
        "settings": merged_row(parameters).settings,
        "fingerprints": dict(artifact.fingerprints),
        "weights_sha256": artifact.weights_sha256,
    }
    return artifact, history_table(fitted.history), {**fitted.figures, "run": run}


def training_data(
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    vectors: tuple[Lazy, Lazy, Lazy],
    words_of_notes: Lazy,
    parameters: Mapping[str, Any],
    base: Mapping[str, Any],
) -> TrainingData:
    """What the cohort gives, as every kind of predictor takes it."""
    from isd_pipeline.predictors.base import TrainingData, Vectors
    from isd_pipeline.text.splits import words_of_splits

    cohorts, cohort = parameters["cohorts"], parameters["cohort"]
    words, code_words, codes = vectors
    return TrainingData(
        documents=documents,
        codes=code_index,
        vocabulary=vocabulary,
        revision=revision_of(cohorts, cohort),
        language=cohort_section(cohorts, cohort, "extract", ExtractSettings).language,
        tokeniser=cohort_section(cohorts, cohort, "preprocess", PreprocessSettings).text_rule,
        vectors=lambda: Vectors(
            words()(vocabulary), code_words()(vocabulary), codes()(code_index, vocabulary)
        ),
        words=lambda: words_of_splits(words_of_notes(), documents),
        base_scores=base,
    )


def base_of(plan: Plan, scores_of_runs: Lazy, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The scores of an ensemble's base models; others have none."""
    if kind_of(plan.system) != ENSEMBLE:
        return {}
    return base_scores(plan.sections["model"], scores_of_runs(), parameters)


def history_table(history: tuple[Mapping[str, float], ...]) -> pd.DataFrame:
    """One row per epoch: epoch, total, the loss terms, learning_rate, gradient_norm, dev_..."""
    import pandas as pd

    table = pd.DataFrame(history).rename(columns={"loss": "total"})
    table.insert(0, "epoch", range(1, len(table) + 1))
    return table
