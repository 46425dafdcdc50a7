"""Documents, vectors, words, base models' scores, one row of the experiments > what was fitted."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from isd_pipeline.catalog.other_cohorts import first_model
from isd_pipeline.catalog.run_context import RunContext
from isd_pipeline.catalog.training_data import Lazy, base_of, training_data
from isd_pipeline.config.experiments import first_cohort, read_plan
from isd_pipeline.config.reading import plain
from isd_pipeline.config.rows import merged_row
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.evaluation.dev_figures import dev_figures
from isd_pipeline.predictors.base import Options
from isd_pipeline.predictors.registry import NETWORK, kind_of, predictor
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.vocabulary import Vocabulary
from isd_pipeline.training.ranks import here

if TYPE_CHECKING:
    from isd_pipeline.predictors.artifact import Artifact


def train(
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    word_vectors: Lazy,
    code_word_vectors: Lazy,
    code_vectors: Lazy,
    words_of_notes: Lazy,
    mentions_of_notes: Lazy,
    scores_of_runs: Lazy,
    other_cohorts: Lazy,
    run_context: RunContext,
    parameters: Mapping[str, Any],
) -> tuple["Artifact", pd.DataFrame, dict[str, Any]]:
    """Fit the experiment's predictor, of whatever kind: what it is, its epochs, its figures."""
    from isd_pipeline.predictors.artifact import Artifact

    plan = read_plan(parameters)
    if here().count > 1 and kind_of(plan.system) != NETWORK:
        raise ValueError(f"{plan.system} is fitted by one process: leave torchrun out")
    vectors = (word_vectors, code_word_vectors, code_vectors)
    data = training_data(
        *(documents, code_index, vocabulary, vectors),
        *(words_of_notes, mentions_of_notes, parameters),
        base=base_of(
            *(plan, scores_of_runs, other_cohorts, documents, code_index, parameters),
        ),
        first=_first(other_cohorts, code_index, parameters),
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
        "settings": plain(merged_row(parameters).settings),
        "fingerprints": dict(artifact.fingerprints),
        "weights_sha256": artifact.weights_sha256,
    }
    # One row per epoch: epoch, total, the loss terms, learning_rate, gradient_norm, dev_...
    history = pd.DataFrame(fitted.history).rename(columns={"loss": "total"})
    history.insert(0, "epoch", range(1, len(history) + 1))
    return artifact, history, {**fitted.figures, "run": run}


def _first(
    other_cohorts: Lazy, code_index: CodeIndex, parameters: Mapping[str, Any]
) -> Callable[[], "Artifact"] | None:
    """What reads the model of a last training's first; None for any other training."""
    if not first_cohort(parameters):
        return None
    return lambda: first_model(other_cohorts(), code_index, parameters)
