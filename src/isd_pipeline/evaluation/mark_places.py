"""Where the marks of a code stand: under which heading, and what they stand for.

A pair of document and code is in the section of its first mark, and in a context if every mark of
it is.
"""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.evaluation.span_evidence import MarkedDocument
from isd_pipeline.text.context import Context
from isd_pipeline.text.cues import KINDS

BY = ("section", "context")
NO_SECTION, NO_CONTEXT = "no heading", "none"


def places_of(marked: Iterable[MarkedDocument], codes: CodeIndex) -> pd.DataFrame:
    """One row for each document and code that has marks: document, code, section, context."""
    rows = [row for document in marked for row in _of_document(document, codes)]
    return pd.DataFrame(rows, columns=["document", "code", *BY])


def _of_document(marked: MarkedDocument, codes: CodeIndex) -> Iterable[tuple[int, int, str, str]]:
    contexts = {note: Context(text) for note, text in marked.texts.items()}
    for code in marked.rationales.codes.tolist():
        spans = sorted(
            (note, begin, end)
            for note, by_code in marked.spans.items()
            for begin, end in by_code.get(codes.codes[code], ())
        )
        note, begin, _ = spans[0]
        section = contexts[note].section(begin) or NO_SECTION
        found = [{cue.kind for cue in contexts[n].of(first, last)} for n, first, last in spans]
        context = next((kind for kind in KINDS if all(kind in of for of in found)), NO_CONTEXT)
        yield marked.rationales.document, code, section, context


def agreement_by_place(
    pairs: pd.DataFrame, places: pd.DataFrame
) -> dict[str, list[dict[str, Any]]]:
    """How many pairs are in each section and context, and each source's average precision there.

    `pairs` are `plausibility.compare_evidence`'s. The place with most pairs comes first.
    """
    placed = pairs.merge(places, on=["document", "code"], how="left", validate="many_to_one")
    return {by: _by(placed, by) for by in BY}


def _by(placed: pd.DataFrame, by: str) -> list[dict[str, Any]]:
    means = placed.pivot_table("average_precision", by, "source", sort=False)
    of_place = means.to_dict("index")
    sizes = placed.drop_duplicates(["document", "code"])[by].value_counts()
    return [
        {"place": place, "pairs": int(size), "average_precision": of_place[place]}
        for place, size in sorted(sizes.items(), key=lambda one: (-one[1], one[0]))
    ]
