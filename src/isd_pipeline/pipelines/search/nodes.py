"""Documents of train and dev, vectors, a declared space > trials, and the best row."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isd_pipeline.config.experiments import read_plan
from isd_pipeline.config.sections import revision_of
from isd_pipeline.pipelines.search.bench import Bench
from isd_pipeline.pipelines.search.rows import as_line
from isd_pipeline.pipelines.search.space import SearchSettings, read_search, searched
from isd_pipeline.pipelines.search.trials import best_of, go_on, read_tried, table, write_tried
from isd_pipeline.pipelines.train.nodes import encoder_of, make_start, with_graph
from isd_pipeline.text.splits import fingerprints
from isd_pipeline.training.device import choose_device

if TYPE_CHECKING:
    import pandas as pd

    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.embeddings.codes import CodeVectors
    from isd_pipeline.embeddings.words import WordVectors
    from isd_pipeline.models.system import Initialisation
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.vocabulary import Vocabulary

logger = logging.getLogger(__name__)


def search_settings(
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    word_vectors: Callable[[Vocabulary], WordVectors],
    code_word_vectors: Callable[[Vocabulary], WordVectors],
    code_vectors: Callable[[CodeIndex, Vocabulary], CodeVectors],
    parameters: Mapping[str, Any],
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Run the trials that are missing; give them all, and the best as an experiment's row."""
    import torch

    settings, device = read_search(parameters), choose_device(parameters["device"])
    torch.set_num_threads(parameters["jobs"])
    vectors = (word_vectors, code_word_vectors, code_vectors)
    start = partial(start_as_train_does, documents, code_index, vocabulary, vectors, parameters)
    record = record_path(settings, parameters, fingerprints(documents, code_index, vocabulary))
    bench = Bench(documents, start, parameters, settings.metric, device, record.stem)
    keep = partial(write_tried, record)
    tried = go_on(settings, parameters["seed"], read_tried(record), bench.try_out, keep)
    best = best_of(tried)
    found = searched(parameters, best.values)
    name = found["experiment"]
    counts = ", ".join(f"{n} {state}" for state, n in Counter(one.state for one in tried).items())
    logger.info("%s; best is trial %d", counts, best.number + 1)
    _tell_next(found)
    return table(tried), {name: found["experiments"][name]}


def start_as_train_does(
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    vectors: tuple[Callable[..., Any], ...],
    parameters: Mapping[str, Any],
) -> Initialisation:
    """What the experiment's training begins with, its graph of codes included if it has one."""
    start, plan = make_start(documents, code_index, vocabulary, *vectors), read_plan(parameters)
    if plan.system.pretrained:
        return replace(start, pretrained=encoder_of(plan, vocabulary))
    if not plan.system.graph:
        return start
    revision = revision_of(parameters["cohorts"], parameters["cohort"])
    return with_graph(start, documents, code_index, revision, parameters["seed"])


def record_path(
    settings: SearchSettings, parameters: Mapping[str, Any], data: Mapping[str, str]
) -> Path:
    """Where finished trials wait for a search of the same space, row, seed, data and code.

    How many trials are wanted may change.
    """
    identity = {
        "search": asdict(replace(settings, trials=1)),
        "row": read_plan(parameters).settings,
        "seed": parameters["seed"],
        "data": data,
    }
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
    library = Path(__file__).parents[2]
    for path in sorted([*library.glob("models/*.py"), *library.glob("training/*.py")]):
        key.update(path.read_bytes())
    return Path("scratch/search", f"{key.hexdigest()[:16]}.json")


def open_development(folder: Path) -> dict[str, Documents]:
    """The documents of train and dev: a search never opens the test split."""
    from isd_pipeline.text.documents import Documents

    return {split: Documents.open(folder / split) for split in ("train", "dev")}


def _tell_next(found: Mapping[str, Any]) -> None:
    run = ",".join(f"{name}={found[name]}" for name in ("cohort", "experiment", "seed"))
    line = as_line(found["experiment"], found["experiments"][found["experiment"]])
    logger.info("to train it:  kedro run --pipelines=train --params %s", run)
    logger.info(
        "to keep it, move its row from conf/local/parameters_searched.yml to "
        "conf/base/parameters_experiments.yml:\n  %s",
        line,
    )
