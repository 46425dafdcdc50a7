"""The stage `evidence`, called as Kedro calls it, for systems of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from isd_pipeline.data.io.tables import MENTIONS, NOTES, stream_table
from isd_pipeline.pipelines.evidence import nodes
from isd_pipeline.predictors.artifact import Artifact
from isd_pipeline.predictors.sparse_arrays import under
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.tokens import tokenize_notes
from tests.coding.tiny import CODES, bundle_of
from tests.predictors.test_reading_notes import ensemble_of_two, linear

TEXTS = [  # one document of two notes, one of one
    ("7", "7", "n1", "Acute chest pain.\n\nFever and sepsis of the chest"),
    ("7", "7", "n2", "Pneumonia with fever"),
    ("8", "8", "n3", "The chest: pain"),
]
RATIONALES = [("7", "n1", "780.60", 19, 24), ("7", "n2", "486", 0, 9), ("8", "n3", "786.50", 4, 15)]


def table(rows: list[tuple], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)


def inputs_of(system: str, **model: Any) -> dict[str, Any]:
    bundle = bundle_of(system, max_tokens=10, **model)
    tokenized = stream_table(tokenize_notes(stream_table(table(TEXTS, NOTES))).read())
    rows = tokenized.read().to_pylist()
    tokens = [bundle.vocabulary.encode(row["tokens"]) for row in rows]
    documents = Documents(
        ids=np.array(["7", "8"]),
        tokens=np.concatenate(tokens),
        token_starts=np.cumsum([0, *map(len, tokens)]),
        labels=np.array([1, 2, 3], dtype=np.int32),
        label_starts=np.array([0, 2, 3]),
        sentences=np.concatenate([row["sentence_starts"] for row in rows]).astype(np.int32),
        sentence_starts=np.cumsum([0, *(len(row["sentence_starts"]) for row in rows)]),
    )
    artifact = Artifact(bundle.weights, bundle.settings, bundle.fingerprints)
    marked = [(d, note, "diagnosis", *rest, n) for n, (d, note, *rest) in enumerate(RATIONALES)]
    return {
        "mentions": table(marked, MENTIONS),
        "model": artifact,
        "models_of_runs": {},
        "parameters": {"cohort": "c"},
        "code_index": CODES,
        "vocabulary": bundle.vocabulary,
        "tokenized_notes": tokenized,
        "notes": stream_table(table(TEXTS, NOTES)),
        "documents": {"train": documents, "dev": documents, "test": documents},
    }


def measure_evidence(**inputs: Any) -> tuple[dict[str, Any], pd.DataFrame]:
    return call(nodes.measure_evidence, inputs | {"explainer": call(nodes.make_explainer, inputs)})


def show_readings(**inputs: Any) -> str:
    return call(nodes.show_readings, inputs | {"explainer": call(nodes.make_explainer, inputs)})


def call(node: Callable[..., Any], inputs: dict[str, Any]) -> Any:
    """A node with those of the inputs that it takes."""
    return node(**{name: inputs[name] for name in signature(node).parameters if name in inputs})


@pytest.mark.parametrize(
    ("system", "model", "heading"),
    [
        ("isd", {}, "What the representations read"),
        ("isd", {"representation": "per_label"}, "What the codes read"),
        ("caml", {}, "What the codes read"),
        ("laat", {}, "What the codes read"),
        ("ha_gru", {}, "What the codes read"),
        ("cnn", {}, "What the codes read"),
    ],
    ids=["isd", "per_label", "caml", "laat", "ha_gru", "cnn"],
)
def test_a_system_is_held_against_the_rationales_and_its_readings_are_shown(
    system: str, model: dict[str, Any], heading: str
) -> None:
    inputs = inputs_of(system, **model)
    found, pairs = measure_evidence(**inputs)
    assert found["documents"] == 2
    assert found["sources"]["model"]["pairs"] == 3
    assert set(pairs.loc[pairs.source == "model", "words"]) == {12, 3}
    assert [row["pairs"] for row in found["places"]["section"]] == [3]
    for threshold, told in ((-99.0, True), (99.0, False)):
        metrics = {"test": {"threshold_tuned": threshold}}
        page = show_readings(**inputs, metrics=metrics)
        assert heading in page
        assert ("<b>780.60</b> Fever" in page) == told
        assert ("It predicts no code" in page) != told


def test_an_ensemble_and_a_regression_are_held_against_the_rationales_as_they_code() -> None:
    """An ensemble's base models are found among the runs; both show words that stand there."""
    inputs = inputs_of("isd")
    settings, weights = linear()
    fingerprints = inputs["model"].fingerprints
    regression = Artifact(weights, settings, fingerprints)
    found, _ = measure_evidence(**inputs | {"model": regression})
    assert found["sources"]["model"]["pairs"] == 3
    whole = ensemble_of_two()
    own = under("ensemble", whole.weights)
    settings = {name: value for name, value in whole.settings.items() if name != "base_models"}
    settings["runs"] = {"isd": [2], "words": [1]}
    inputs["model"] = Artifact(own, settings, fingerprints)
    network = Artifact(bundle_of().weights, bundle_of().settings, fingerprints)
    inputs["models_of_runs"] = {("isd", 2): lambda: network, ("words", 1): lambda: regression}
    rows = {"isd": {}, "words": {"system": "logistic_regression"}}
    chosen = {"cohort": "tiny", "experiment": "both", "seed": 2, "experiments": rows}
    inputs["parameters"] = chosen
    _, pairs = measure_evidence(**inputs)
    fever = pairs[(pairs.source == "model") & (pairs.code == CODES.position("780.60"))]
    assert fever["first"].tolist() == [1.0]
    metrics = {"test": {"threshold_tuned": -99.0}}
    page = show_readings(**inputs, metrics=metrics)
    assert "What the codes read" in page
    inputs["models_of_runs"].pop(("words", 1))
    with pytest.raises(FileNotFoundError, match="model of words is not there yet"):
        measure_evidence(**inputs)


def test_spans_are_measured_at_the_weight_that_dev_tells() -> None:
    """The words of the title, by hand: chest and pain stand in every document and weigh nothing."""
    inputs = inputs_of("isd")
    found, _ = measure_evidence(**inputs)
    spans = found["spans"]
    assert (spans["tuned_on"], spans["documents"]) == ("dev", {"dev": 2, "test": 2})
    assert spans["sources"].keys() == found["sources"].keys() - {"random"}
    title = spans["sources"]["words of the title"]
    assert title["exact_span"] == {
        "predicted": 3,  # of document 7 Pneumonia and Fever, which are marked, and fever again
        "marked": 3,  # and in document 8 chest: pain
        "found": 2,
        "marked_of_other_codes": 0,
        **dict.fromkeys(("precision", "recall", "f1", "recall_all_codes", "f1_all_codes"), 2 / 3),
    }
    assert title["exact_token"]["marked"] == 4
    assert 0 < spans["sources"]["model"]["share"] < 1


def test_where_dev_has_no_marks_no_spans_are_measured_and_that_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inputs = inputs_of("isd")
    documents = inputs["documents"]["test"]
    other = replace(documents, ids=np.array(["70", "80"]))
    inputs["documents"] = {"train": documents, "dev": other, "test": documents}
    found, _ = measure_evidence(**inputs)
    assert found.keys() == {"split", "documents", "sources", "places"}
    assert "nothing is marked in the dev split" in caplog.text


def test_a_baseline_that_is_not_kept_says_so() -> None:
    inputs = inputs_of("isd")
    settings = {"system": "linear_svm"}
    inputs["model"] = Artifact({}, settings, inputs["model"].fingerprints)
    with pytest.raises(ValueError, match="the weights of linear_svm are not kept"):
        measure_evidence(**inputs)


def test_a_system_whose_codes_attend_to_nothing_says_so() -> None:
    inputs = inputs_of("bi_gru")
    with pytest.raises(ValueError, match="the system bi_gru has no evidence to show"):
        measure_evidence(**inputs)
    with pytest.raises(ValueError, match="the system bi_gru has no evidence to show"):
        show_readings(**inputs, metrics={"test": {"threshold_tuned": 0.0}})


def test_a_cohort_without_marks_has_no_evidence_to_measure() -> None:
    inputs = inputs_of("isd") | {"mentions": MENTIONS.empty_table()}
    with pytest.raises(ValueError, match="c: nobody has marked the evidence of its codes"):
        measure_evidence(**inputs)
