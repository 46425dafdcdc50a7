"""What is said of a code by the context of its evidence; which codes come last."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from isd_pipeline.coding.answers import write_csv, write_jsonl
from isd_pipeline.coding.coder import Answer, Coder, Model, Note, Suggestion
from isd_pipeline.coding.context import in_context
from isd_pipeline.coding.evidence import Span
from isd_pipeline.coding.page import write_page
from isd_pipeline.text.scopes import Cue
from tests.coding.tiny import bundle_of, notes_of

TEXT = "Denies fever. Fever and gout yesterday.\n\nFamily History:\nMother: asthma"
FEVER, AGAIN, GOUT, ASTHMA = (7, 12), (14, 19), (24, 28), (65, 71)


def code(name: str, score: float, *places: tuple[int, int], title: str = "") -> Suggestion:
    spans = tuple(Span(begin, end, 0.25) for begin, end in places)
    return Suggestion(name, title or f"Title of {name}", "diagnosis", score, score > 0.4, spans)


def answer_of(*codes: Suggestion, text: str = TEXT, language: str | None = "en") -> Answer:
    answer = Answer("n", codes, 0.4, None, None, Model("tiny", "0" * 64))
    return in_context(answer, {None: Note("n", text, language=language)})


def test_evidence_has_its_cues_and_its_section() -> None:
    (found,) = answer_of(code("a", 0.5, FEVER, GOUT, ASTHMA)).codes
    assert [span.context for span in found.evidence] == [
        (Cue("denied", 0, 6),),
        (),
        (Cue("family", 41, 55), Cue("family", 57, 63)),
    ]
    assert [span.section for span in found.evidence] == [None, None, "family_history"]


def test_a_code_is_marked_where_all_its_evidence_is_denied_or_anothers() -> None:
    codes = answer_of(
        code("all", 0.9, FEVER), code("some", 0.8, FEVER, AGAIN), code("none", 0.7),
        code("both", 0.6, FEVER, ASTHMA), code("own", 0.5, GOUT),
    ).codes  # fmt: skip
    assert {one.code: one.evidence_only for one in codes} == {
        "all": ("denied",), "some": (), "none": (), "both": ("denied", "family"), "own": (),
    }  # fmt: skip


def test_marked_codes_come_last_each_with_its_own_score() -> None:
    given = (code("x", 0.9, FEVER), code("y", 0.5, GOUT), code("z", 0.3, ASTHMA), code("u", 0.2))
    codes = answer_of(*given).codes
    assert [one.code for one in codes] == ["y", "u", "x", "z"]
    assert {one.code: (one.score, one.above_threshold) for one in codes} == {
        one.code: (one.score, one.above_threshold) for one in given
    }


@pytest.mark.parametrize(
    ("text", "evidence", "title", "expected"),
    [
        ("Mother with asthma.", "asthma", "Family history of asthma", ()),
        ("Mother with asthma.", "asthma", "Asthma", ("family",)),
        ("Absence of the left kidney.", "left kidney", "Acquired absence of kidney", ()),
        ("No left kidney.", "left kidney", "Acquired absence of kidney", ("denied",)),
        ("Possible asthma.", "asthma", "Asthma", ()),
    ],
)
def test_what_the_title_says_says_nothing_against_the_code(
    text: str, evidence: str, title: str, expected: tuple[str, ...]
) -> None:
    begin = text.index(evidence)
    place = (begin, begin + len(evidence))
    (found,) = answer_of(code("a", 0.5, place, title=title), text=text).codes
    assert found.evidence_only == expected


def test_each_text_of_two_views_is_read_in_its_own_language() -> None:
    texts = {"es": "Si aparece gota, sin fiebre.", "en": "SI joint: gout, son well."}
    spans = (Span(11, 15, 0.2, "es"), Span(21, 27, 0.2, "es"), Span(10, 14, 0.2, "en"))
    given = Answer(
        "n",
        (replace(code("a", 0.5), evidence=spans),),
        0.4,
        None,
        None,
        Model("m", ""),
        ("es", "en"),
    )
    notes = {view: Note("n", text, language=view) for view, text in texts.items()}
    (found,) = in_context(given, notes).codes
    kinds = [[cue.kind for cue in span.context] for span in found.evidence]
    assert kinds == [["hypothetical"], ["denied", "hypothetical"], []]


def test_a_coder_says_it_and_no_more_changes() -> None:
    coder, notes = Coder(bundle_of()), notes_of("No fever, pain and chest pain.", "fever")
    for answer, note in zip(coder.code(notes), notes, strict=True):
        again = in_context(answer, {None: note})
        assert again == answer
        assert any(span.context for one in answer.codes for span in one.evidence) == (
            "No" in note.text
        )
    plain = coder.code(notes, evidence=False)
    assert all(one.evidence_only == () for answer in plain for one in answer.codes)


def test_the_forms_of_an_answer_say_it() -> None:
    answer = answer_of(code("a", 0.5, FEVER, GOUT), code("b", 0.4, ASTHMA))
    written = {}
    for write in (write_jsonl, write_csv, write_page):
        file = io.StringIO()
        write([(Note("n", TEXT), answer)], file)
        written[write] = file.getvalue()
    a, b = json.loads(written[write_jsonl])["codes"]
    assert a["evidence"][0] == {
        "begin": 7, "end": 12, "weight": 0.25,
        "context": [{"kind": "denied", "begin": 0, "end": 6}], "section": None,
    }  # fmt: skip
    assert (a["evidence_only"], b["evidence_only"]) == ([], ["family"])
    rows = list(csv.DictReader(io.StringIO(written[write_csv])))
    told = [[row[name] for name in ("context", "section", "evidence_only")] for row in rows]
    assert told == [
        ["denied:0-6 none", "none none", ""],
        ["family:41-55,family:57-63", "family_history", "family"],
    ]
    assert "<i>denied: “Denies”</i>" in written[write_page]
    assert "<i>family history</i><i>family: “Family History”</i>" in written[write_page]
    assert written[write_page].count("evidence only family") == 1
