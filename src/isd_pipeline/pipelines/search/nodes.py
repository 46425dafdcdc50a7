"""Documents of train and dev, vectors, a declared space > trials, and the best row."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from isd_pipeline.catalog.run_context import RunContext
from isd_pipeline.catalog.training_data import Lazy, training_data
from isd_pipeline.config.experiments import read_plan
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.pipelines.search.rows import as_line
from isd_pipeline.pipelines.search.space import SearchSettings, read_search, searched
from isd_pipeline.predictors.base import TrainingData
from isd_pipeline.predictors.registry import learns_from_marks
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.splits import fingerprints
from isd_pipeline.text.vocabulary import Vocabulary

OF_MARKS = ("objective.attention", "objective.weights.attention", "training.mention_notes")

logger = logging.getLogger(__name__)


def search_settings(
    development_documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    word_vectors: Lazy,
    code_word_vectors: Lazy,
    code_vectors: Lazy,
    words_of_notes: Lazy,
    mentions_of_notes: Lazy,
    run_context: RunContext,
    parameters: Mapping[str, Any],
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Run the trials that are missing; give them all, and the best as an experiment's row."""
    from isd_pipeline.pipelines.search import trials  # Optuna waits until it is asked

    settings, code = read_search(parameters), run_context.code.get("search", "")
    vectors = (word_vectors, code_word_vectors, code_vectors)
    cohort = (development_documents, code_index, vocabulary)
    of_notes = (words_of_notes, mentions_of_notes)
    data = training_data(*cohort, vectors, *of_notes, parameters, base={})
    marks = fingerprints(*cohort) | {"read": _read(settings, data, parameters)}
    record = record_path(settings, parameters, marks, code)
    bench = trials.Bench(data, parameters, settings.metric, record.stem)
    keep = partial(trials.write_tried, record)
    before = trials.read_tried(record)
    tried = trials.go_on(settings, parameters["seed"], before, bench.try_out, keep)
    best = trials.best_of(tried)
    found = searched(parameters, best.values)
    name = found["experiment"]
    counts = ", ".join(f"{n} {state}" for state, n in Counter(one.state for one in tried).items())
    logger.info("%s; best is trial %d", counts, best.number + 1)
    run = ",".join(f"{name}={found[name]}" for name in ("cohort", "experiment", "seed"))
    logger.info("to train it:  kedro run --pipelines=train --params %s", run)
    logger.info(
        "to keep it, move its row from conf/base/parameters_experiments_searched.yml to "
        "conf/base/parameters_experiments.yml:\n  %s",
        as_line(name, found["experiments"][name]),
    )
    return trials.table(tried), {name: found["experiments"][name]}


def _read(settings: SearchSettings, data: TrainingData, parameters: Mapping[str, Any]) -> str:
    """The digest of all that the trials read beside their settings."""
    from isd_pipeline.models.registry import load
    from isd_pipeline.predictors.network import initialisation
    from isd_pipeline.training.device import choose_device
    from isd_pipeline.training.identity import digest

    plan = read_plan(parameters)
    known, _ = initialisation(
        *(load(plan.system), plan.sections["model"], data, parameters["seed"])
    )
    marked = learns_from_marks(plan.settings) or any(
        name.startswith(OF_MARKS) for name in settings.space
    )
    mentions = data.mentions() if marked else None
    return digest(known, data.documents, mentions, choose_device(parameters["device"]).type)


def record_path(
    settings: SearchSettings, parameters: Mapping[str, Any], data: Mapping[str, str], code: str
) -> Path:
    """Where finished trials wait for a search of the same space, row, seed, data and code.

    How many trials are wanted may change.
    """
    identity = {
        "search": asdict(replace(settings, trials=1)),
        "row": read_plan(parameters).settings,
        "seed": parameters["seed"],
        "data": data,
        "code": code,
    }
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
    return Path("scratch/search", f"{key.hexdigest()[:16]}.json")
