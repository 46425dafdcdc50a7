"""Evidence by the measures of MDACE: by hand, by a slow reading, and by what its release prints."""

from __future__ import annotations

import random
import re
import string
import zipfile
from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pytest

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.tables import MENTIONS, NOTES, stream_table
from isd_pipeline.data.sources.mdace import Annotation, mdace_splits, read_annotations
from isd_pipeline.evaluation.span_evidence import (
    MEASURES,
    MarkedDocument,
    compare_spans,
    count_units,
    figures,
    marked_documents,
    spans_of_words,
    trim,
    tune_share,
    units,
)
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.tokens import tokenize_notes
from tests.data.sources.mdace_layout import ZIP, needs_release

TEXTS = [
    ("7", "7", "n1", "Fever, and cough. Fever of 12 days"),
    ("7", "7", "n2", "No fever 2day"),
    ("8", "8", "n3", "Fall"),
]
INDEX = CodeIndex(("R05", "R50", "W19"), ("diagnosis",) * 3, ("cough", "fever", "fall"))


def table(rows: list[tuple], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)


def documents_of(spans: list[tuple]) -> list[MarkedDocument]:
    """Words of document 7: fever and cough fever of days | no fever 2day; R50 is its gold code."""
    documents = Documents(
        np.array(["8", "7"]),
        np.zeros(10, dtype=np.int32),
        np.array([0, 1, 10]),
        np.array([1], dtype=np.int32),
        np.array([0, 0, 1]),
    )
    notes = stream_table(table(TEXTS, NOTES))
    tokenized = stream_table(tokenize_notes(notes).read())
    rows = [(d, note, "diagnosis", *rest, n) for n, (d, note, *rest) in enumerate(spans)]
    return list(marked_documents(table(rows, MENTIONS), tokenized, notes, documents, INDEX))


MARKS = [("7", "n1", "R50", 0, 6), ("7", "n1", "R05", 11, 16), ("7", "n1", "Z99", 7, 10)]


def test_the_four_measures_by_hand() -> None:
    (document,) = documents_of(MARKS)
    assert document.rationales.codes.tolist() == [0, 1]  # R05 is not its gold, Z99 is unknown
    weights = np.zeros((2, 9))
    weights[0, [1, 2]] = 0.5  # and cough, for R05
    weights[1, [3, 7]] = 0.5  # the second fever of n1, and that of n2, where nothing is marked
    found = compare_spans([document], lambda of: weights, 0.25, INDEX)
    counts = {name: [one[n] for n in COUNTS] for name, one in found.items()}
    assert counts == {
        "exact_span": [2, 2, 0, 1],
        "position_independent_span": [2, 2, 1, 1],
        "exact_token": [3, 2, 1, 1],
        "position_independent_token": [3, 2, 2, 1],
    }
    token = found["position_independent_token"]
    assert (token["precision"], token["recall"], token["f1"]) == (2 / 3, 1, 0.8)
    assert (token["recall_all_codes"], token["f1_all_codes"]) == (2 / 3, 2 / 3)


COUNTS = ("predicted", "marked", "found", "marked_of_other_codes")


def test_a_document_of_unknown_codes_alone_is_missed_and_no_source_is_asked() -> None:
    found = documents_of([("8", "n3", "Z99", 0, 4)])
    nobody = compare_spans(found, lambda of: pytest.fail("asked"), 0.5, INDEX)
    assert nobody["exact_span"]["marked_of_other_codes"] == 1
    assert tune_share(found, lambda of: pytest.fail("asked")) == float("inf")


def test_what_is_marked_scores_fully_and_what_is_not_scores_nothing() -> None:
    found = documents_of([*MARKS[:2], ("8", "n3", "W19", 0, 4)])
    perfect = compare_spans(found, lambda of: of.marked * 1.0, 0.5, INDEX)
    worst = compare_spans(found, lambda of: ~of.marked * 1.0, 0.5, INDEX)
    assert {one["f1"] for one in perfect.values()} == {1.0}
    assert worst["exact_token"]["f1"] == worst["exact_span"]["f1"] == 0
    nothing = compare_spans(found, lambda of: of.marked * 0.0, float("inf"), INDEX)
    assert {one["f1"] for one in nothing.values()} == {0.0}


def test_words_that_follow_each_other_are_one_span_within_their_note() -> None:
    (document,) = documents_of(MARKS)
    chosen = np.array([1, 0, 1, 1, 0, 1, 1, 0, 1], dtype=bool)
    assert spans_of_words(chosen, document) == {
        0: [(0, 5), (11, 23), (30, 34)],
        1: [(0, 2), (9, 13)],
    }
    assert spans_of_words(~chosen & chosen, document) == {}


def test_a_span_is_trimmed_and_its_tokens_are_words_and_small_numbers() -> None:
    text = " (Grade 2 of 11), x-RAY.\n"
    assert text[slice(*trim(text, 0, len(text)))] == "(Grade 2 of 11), x-RAY"
    found = units(text, [(0, len(text)), (1, 2)])  # the second is nothing but a bracket
    assert found["exact_span"] == {(1, 23)}
    assert found["position_independent_token"] == {"grade", "2", "of", "x", "ray"}
    assert found["exact_token"] == {2, 8, 10, 18, 20}
    assert units(text, [(16, 18), (24, 25)])["exact_span"] == set()


def slow(marked: list[Annotation], predicted: list[Annotation], texts: dict[str, str]) -> Counter:
    """The measures as their description reads, a note and a pair of annotations at a time."""
    counts: Counter = Counter()

    def things(marks: list[Annotation], measure: str) -> set:
        found = set()
        for mark in marks:
            text, begin, end = texts[mark.note], mark.begin, mark.end
            while begin < end and text[begin] in "-.,/ \n\t)":
                begin += 1
            while end > begin and text[end - 1] in "-.,/ \n\t(":
                end -= 1
            if begin == end:
                continue
            if measure == "exact_span":
                found.add((mark.note, mark.code, begin, end))
            elif measure == "position_independent_span":
                found.add((mark.note, mark.code, text[begin:end].lower()))
            at = begin
            for piece in re.split(r"(\W+)", text[begin:end]):
                small = piece.lower()
                if re.fullmatch(r"\w+", small) and not (small.isdigit() and int(small) > 10):
                    if measure == "exact_token":
                        found.add((mark.note, mark.code, at))
                    elif measure == "position_independent_token":
                        found.add((mark.note, mark.code, small))
                at += len(piece)
        return found

    for measure in MEASURES:
        theirs, ours = things(marked, measure), things(predicted, measure)
        counts[measure, "marked"], counts[measure, "predicted"] = len(theirs), len(ours)
        counts[measure, "found"] = len(theirs & ours)
    return counts


def test_the_measures_agree_with_a_slow_reading_on_random_notes() -> None:
    draw = random.Random(0)
    for _ in range(60):
        letters = string.ascii_lowercase[:4] + "AB 12  .,-/()\n\t"
        texts = {n: "".join(draw.choices(letters, k=60)) for n in ("1", "2")}

        def some(texts: dict[str, str] = texts) -> list[Annotation]:
            begins = [draw.randrange(50) for _ in range(9)]
            return [
                Annotation(
                    "",
                    "1",
                    draw.choice("12"),
                    "",
                    "",
                    draw.choice("xy"),
                    b,
                    b + draw.randrange(1, 9),
                )
                for b in begins
            ]

        marked, predicted = some(), some()
        assert fast(marked, predicted, texts) == slow(marked, predicted, texts)


def fast(marked: list[Annotation], predicted: list[Annotation], texts: dict[str, str]) -> Counter:
    """By `units`, note by note and code by code; notes without a mark do not count."""
    spans: dict = defaultdict(lambda: ([], []))
    for which, marks in enumerate((marked, predicted)):
        for mark in marks:
            spans[mark.note, mark.code][which].append((mark.begin, mark.end))
    with_marks = {mark.note for mark in marked}
    counts: Counter = Counter()
    for (note, _), pair in spans.items():
        if note in with_marks:
            counts.update(count_units(*(units(texts[note], some) for some in pair)))
    return counts


def test_the_share_is_the_best_of_every_cut() -> None:
    generator = np.random.default_rng(0)
    documents = documents_of([*MARKS[:2], ("7", "n2", "R50", 3, 8), ("8", "n3", "W19", 0, 4)])
    for _ in range(30):
        weights = {
            d.rationales.document: generator.integers(-2, 6, d.rationales.marked.shape) / 5
            for d in documents
        }
        share = tune_share(documents, lambda of, weights=weights: weights[of.document])
        best = max(f1_of_words(documents, weights, cut) for cut in np.arange(1, 7) / 5)
        assert f1_of_words(documents, weights, share) == pytest.approx(best)
        assert share > 0
    assert tune_share(documents, lambda of: of.marked * 0.0) == float("inf")


def f1_of_words(documents: list[MarkedDocument], weights: dict, cut: float) -> float:
    found = [set(), set()]
    for document in documents:
        notes = (
            np.searchsorted(
                document.rationales.note_starts, np.arange(len(document.words)), "right"
            )
            - 1
        )
        for which, chosen in enumerate(
            (document.rationales.marked, weights[document.rationales.document] >= cut)
        ):
            for code, word in np.argwhere(chosen):
                if notes[word] in document.texts:
                    key = (document.rationales.document, code, notes[word], document.words[word])
                    found[which].add(key)
    return 2 * len(found[0] & found[1]) / (len(found[0]) + len(found[1]))


SYSTEMS = ("supervised_attn", "unsupervised_attn")


def printed(system: str) -> dict[str, dict[str, float]]:
    """What the release prints of a system on discharge summaries: its counts, and its figures."""
    with zipfile.ZipFile(ZIP) as archive:
        page = archive.read(f"results/{system}/Inpatient/ICD-9/Discharge/results.md").decode()
    rows = [re.findall(r"[0-9.]+", line) for line in page.splitlines() if "%" in line]
    names = ("predicted", "marked", "found", "fp", "fn", "precision", "recall", "f1")
    made = [dict(zip(names, map(float, row), strict=True)) for row in rows]
    return dict(zip(MEASURES, made, strict=True))


@needs_release
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_releases_predictions_score_as_it_prints(system: str) -> None:
    """Spans predicted and marked are its own to the one, and found but for what trimming adds.

    Its scores are of spans without the punctuation at their borders, and which those are only the
    notes tell, which are not in the release. Here the notes are letters: nothing is trimmed. What
    trimming one or two characters off a mark could add bounds the difference.
    """
    of_test = mdace_splits(ZIP)["test"]
    marked = [
        mark
        for mark in read_annotations(ZIP, "data/Inpatient/ICD-9")
        if mark.category == "Discharge summary" and mark.admission in of_test
    ]
    predicted = read_annotations(ZIP, f"predictions/{system}/Inpatient/ICD-9/Discharge")
    length = max(mark.end for mark in [*marked, *predicted])
    counts = fast(marked, predicted, defaultdict(lambda: "x" * length))
    theirs = printed(system)["exact_span"]
    assert counts["exact_span", "predicted"] == theirs["predicted"]
    assert counts["exact_span", "marked"] == theirs["marked"]
    near = {
        (mark.note, mark.code, mark.begin + left, mark.end - right)
        for mark in marked
        for left, right in ((0, 1), (1, 0), (0, 2), (2, 0), (1, 1))
    }
    places = {(mark.note, mark.code, mark.begin, mark.end) for mark in predicted}
    found = counts["exact_span", "found"]
    assert found <= theirs["found"] <= found + len(near & places)
    assert found / theirs["found"] > 0.96


@needs_release
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_printed_figures_are_those_of_the_printed_counts(system: str) -> None:
    for theirs in printed(system).values():
        found = figures({name: int(theirs[name]) for name in ("predicted", "marked", "found")})
        for name in ("precision", "recall", "f1"):
            assert 100 * found[name] == pytest.approx(theirs[name], abs=0.0501)
