"""Data from which little can be learned: every predictor gives a result, or says why not.

One code that all notes have, a code of no training note, a split of one note, notes without a code,
words that nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from isd_pipeline.config.reading import read_config
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.embeddings.words import Embedding
from isd_pipeline.evaluation.dev_figures import dev_figures
from isd_pipeline.models import registry as networks
from isd_pipeline.pipelines.evaluate.nodes import (
    calibrate_scores,
    measure,
    resample_documents,
    score_documents,
    stratify,
)
from isd_pipeline.predictors import registry
from isd_pipeline.predictors.artifact import Artifact
from isd_pipeline.predictors.base import Options, TrainingData, Vectors
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.mentions import Mentions, of_columns
from isd_pipeline.text.vocabulary import Vocabulary

Row = tuple[list[str], list[int]]
WORDS = Vocabulary(("cough", "fever", "w0", "w1", "w2", "w3"))
SECTION = {"extract": {"source": "custom", "raw": "x"}, "report": {"k": 5}}
PARAMETERS = {"cohorts": {"c": SECTION}, "cohort": "c", "jobs": 1, "device": "cpu", "seed": 1}
FITTED = ("logistic_regression", "linear_svm", "noisy_or", "mention_dictionary")
NETWORKS = ("isd", "ha_gru", "hypercore")  # shared, with sentences, with a graph
OF_NETWORKS = ("every note has the one code", "one training note", "no note of test has a code")


class Nobody:
    def of(self, stage: str) -> dict[str, Any]:
        return {}


def rows(n: int, labels: Callable[[int], list[int]], words: Sequence[str] = ()) -> list[Row]:
    drawn = np.random.default_rng(n)
    return [
        ([*(words or drawn.choice(WORDS.words[2:], 5)), *(["fever"] * (i % 2))], labels(i))
        for i in range(n)
    ]


def splits(labels: Callable[[int], list[int]], train: int = 12, others: int = 6, **more: Any):
    found = {"train": rows(train, labels)} | {s: rows(others, labels) for s in ("dev", "test")}
    return found | more


def everywhere(word: str) -> dict[str, list[Row]]:
    sizes = {"train": 12, "dev": 6, "test": 6}
    return {split: [([word], [i % 2]) for i in range(n)] for split, n in sizes.items()}


CASES = {
    "every note has the one code": (splits(lambda i: [0]), 1),
    "every note has both codes": (splits(lambda i: [0, 1]), 2),
    "a code of test alone": (splits(lambda i: [0], test=rows(6, lambda i: [1])), 2),
    "one note in dev and in test": (splits(lambda i: [i % 2], others=1), 2),
    "one training note": (splits(lambda i: [i % 2], train=1), 2),
    "fewer notes in dev than folds": (splits(lambda i: [i % 2], others=3), 2),
    "no note of test has a code": (splits(lambda i: [i % 2], test=rows(6, lambda i: [])), 2),
    "half of the notes have no code": (splits(lambda i: [0] if i % 2 else []), 1),
    "the same word everywhere": (
        {
            s: [(["fever"], [i % 2]) for i in range(n)]
            for s, n in (("train", 12), ("dev", 6), ("test", 6))
        },
        2,
    ),
    "no word is known": (
        {
            s: [(["zz"] * 4, [i % 2]) for i in range(n)]
            for s, n in (("train", 12), ("dev", 6), ("test", 6))
        },
        2,
    ),
}
RESAMPLED = ("every note has the one code", "no note of test has a code")
REFUSED = {  # one line each
    ("one note in dev and in test", "ensemble"): "the dev split has 1 document",
    ("every note has the one code", "mention_dictionary"): "all alike: nothing to learn from",
    ("every note has both codes", "mention_dictionary"): "all alike: nothing to learn from",
    ("a code of test alone", "mention_dictionary"): "all alike: nothing to learn from",
    ("half of the notes have no code", "mention_dictionary"): "all alike: nothing to learn from",
    ("one training note", "logistic_regression"): "no word or n-gram stands in min_df=2 of the 1",
    ("one training note", "linear_svm"): "no word or n-gram stands in min_df=2 of the 1",
    ("one training note", "noisy_or"): "no word or n-gram stands in min_df=2 of the 1",
    ("one training note", "mention_dictionary"): "1 training document",
}


def documents(split: str, some: list[Row]) -> Documents:
    tokens = [WORDS.encode(words) for words, _ in some]
    labels = [np.array(of, dtype=np.int32) for _, of in some]
    return Documents(
        ids=np.array([f"{split}{n}" for n in range(len(some))]),
        tokens=np.concatenate(tokens).astype(np.int32),
        token_starts=np.cumsum([0, *map(len, tokens)]),
        labels=np.concatenate(labels).astype(np.int32),
        label_starts=np.cumsum([0, *map(len, labels)]),
        sentences=np.zeros(len(some), dtype=np.int32),
        sentence_starts=np.arange(len(some) + 1),
    )


def marks(train: list[Row]) -> Mentions:
    """The last word of each note, for each of its codes."""
    found = [(n, code, len(words)) for n, (words, of) in enumerate(train) for code in of]
    columns = [(n, code, k, end - 1, end) for k, (n, code, end) in enumerate(found)]
    return of_columns(np.array(columns, dtype=np.int64).reshape(-1, 5).T)


def data_of(case: str) -> TrainingData:
    some, n_codes = CASES[case]

    def vectors(n: int) -> Embedding:
        return Embedding(np.random.default_rng(n).normal(size=(n, 8)).astype(np.float32), {})

    known = Vectors(vectors(len(WORDS) + 2), vectors(len(WORDS) + 2), vectors(n_codes))
    codes = (("R05.9", "R50.9"), ("diagnosis",) * 2, ("cough", "fever"))
    return TrainingData(
        documents={split: documents(split, found) for split, found in some.items()},
        codes=CodeIndex(*(one[:n_codes] for one in codes)),
        vocabulary=WORDS,
        revision="icd10",
        language="en",
        tokeniser="caml",
        vectors=lambda: known,
        words=lambda: {split: [words for words, _ in found] for split, found in some.items()},
        mentions=lambda: marks(some["train"]),
    )


def fitted(system: str, data: TrainingData) -> Any:
    given: dict[str, Any] = {"model": {}}
    if registry.kind_of(system) == registry.NETWORK:
        short = {"max_epochs": 1, "warm_up_epochs": 0, "batch_size": 4}
        given = {"model": dict(networks.load(system).small), "training": short}
    kind = registry.predictor(system)
    if system == "ensemble":
        given["model"] = {"base_models": ("a",)}
    sections = {n: read_config(c, given.get(n), n) for n, c in kind.sections(system).items()}
    if system == "ensemble":
        drawn = np.random.default_rng(0)
        scores = {
            s: drawn.normal(size=(len(d), len(data.codes))) for s, d in data.documents.items()
        }
        data = TrainingData(**{**vars(data), "base_scores": {"a": {1: lambda: scores}}})
    return kind.fit(system, sections, data, Options(seed=1, dev_figures=dev_figures))


@pytest.mark.parametrize(
    ("case", "system"),
    [
        *((case, system) for system in (*FITTED, "ensemble") for case in CASES),
        *((case, system) for system in NETWORKS for case in OF_NETWORKS),
    ],
)
def test_degenerate_data_have_a_result_or_one_line(
    case: str, system: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = data_of(case)
    if (case, system) in REFUSED:
        with pytest.raises(ValueError) as refused:  # noqa: PT011
            fitted(system, data)
        assert REFUSED[case, system] in str(refused.value)
        assert "\n" not in str(refused.value)
        return
    artifact = Artifact.of(fitted(system, data), data, 1)
    asked = (data.documents, data.codes)
    scores, sharp = score_documents(
        artifact, *asked, data.vocabulary, lambda: None, {**PARAMETERS, "experiment": "e"}
    )
    assert all(np.isfinite(of_split).all() for of_split in scores.values())
    found = measure(scores, *asked, sharp, Nobody(), PARAMETERS["cohorts"], "c")
    numbers = [value for split in ("dev", "test") for value in found[split].values()]
    assert np.isfinite(numbers).all()
    strata, _ = stratify(scores, *asked, found)
    assert strata
    calibration = calibrate_scores(scores, *asked)
    assert 0.01 < calibration["temperature"] < 100
    if case in RESAMPLED:
        replicates = resample_documents(scores, *asked, found).replicates
        assert np.isfinite(replicates["f1_micro"]).all()
