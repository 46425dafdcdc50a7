"""In which section, and in what context, the marks of a code stand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.evaluation.mark_places import agreement_by_place, places_of
from isd_pipeline.evaluation.plausibility import Rationales
from isd_pipeline.evaluation.span_evidence import MarkedDocument

FIRST = "Past Medical History:\nGout and no fever\n"
SECOND = "She has no asthma, no fever. A gout."
CODES = CodeIndex(("A", "F", "G"), ("diagnosis",) * 3, ("Asthma", "Fever", "Gout"))


def document() -> MarkedDocument:
    """Two notes: fever marked in both, gout in both, asthma in the second."""
    marks = Rationales(4, np.zeros(9, np.int64), (0, 5), np.arange(3), np.ones((3, 9), dtype=bool))

    def at(text: str, words: str) -> list[tuple[int, int]]:
        return [(text.index(words), text.index(words) + len(words))]

    spans = {
        1: {"A": at(SECOND, "asthma"), "F": at(SECOND, "fever"), "G": at(SECOND, "gout")},
        0: {"F": at(FIRST, "fever"), "G": at(FIRST, "Gout")},
    }
    none = np.zeros(9, np.int32)
    return MarkedDocument(marks, [""] * 9, none, none, {0: FIRST, 1: SECOND}, spans)


def test_the_first_mark_says_the_section_and_all_marks_the_context() -> None:
    found = places_of([document()], CODES)
    assert found.to_numpy().tolist() == [
        [4, 0, "no heading", "denied"],
        [4, 1, "past_history", "denied"],
        [4, 2, "past_history", "none"],
    ]


def test_agreement_is_the_mean_over_the_pairs_of_a_place() -> None:
    scores = {"model": (0.2, 0.4, 0.9), "random": (0.1, 0.1, 0.4)}
    pairs = pd.DataFrame(
        [
            {"document": 4, "code": n, "source": source, "average_precision": of[n]}
            for source, of in scores.items()
            for n in range(3)
        ]
    )
    found = agreement_by_place(pairs, places_of([document()], CODES))
    (most, least) = found["section"]
    assert (most["place"], most["pairs"]) == ("past_history", 2)
    assert (least["place"], least["pairs"]) == ("no heading", 1)
    assert {k: round(v, 9) for k, v in most["average_precision"].items()} == {
        "model": 0.65,
        "random": 0.25,
    }
    by_context = {row["place"]: row["pairs"] for row in found["context"]}
    assert by_context == {"denied": 2, "none": 1}
