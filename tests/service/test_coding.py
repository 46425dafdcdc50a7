"""POST /v1/code says of each note, byte for byte, what `isd code` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Request

from isd_pipeline.coding import batch
from isd_pipeline.coding.coder import Coder, Note
from isd_pipeline.coding.model_card import card_markdown
from isd_pipeline.coding.view_coder import ViewCoder
from isd_pipeline.service.app import create_app
from tests.coding.test_views import EN, ES, made
from tests.coding.tiny import bundle_of
from tests.service.serving import TEXT, app_of, ask, notes, post

HARD = [
    TEXT,
    "",
    " \t\n",
    "12 345 6789",
    "\ufefffever\r\nand\r\nchest pain",
    "fever \x00 pain",
    "half a pair \ud83d of pain",
    "fever 🤒🤒 pain 👩🏽‍⚕️ of the Ärztin",
    "\u202eشكوى fever\u202c pain",
    "<script>alert(1)</script> fever \"><img src=x onerror=alert('pain')>",
    "fever" * 40_000,
    "=1+1 fever",
    "unknown words alone",
    "a\u0301cute fever nai\u0308ve",
]


def coded(
    coder: Coder | ViewCoder, rows: list[dict[str, Any]], folder: Path, **asked: Any
) -> bytes:
    """The body that is expected: the lines that `isd code` writes of a file of these rows."""
    (folder / "notes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    batch.code_notes(coder, folder / "notes.jsonl", folder / "out.jsonl", **asked)
    lines = (folder / "out.jsonl").read_bytes().splitlines()
    return b'{"answers": [' + b", ".join(lines) + b"]}"


@pytest.mark.parametrize("system", ["isd", "caml"])
def test_answers_are_the_lines_of_isd_code_to_the_byte(system: str, tmp_path: Path) -> None:
    coder = Coder(bundle_of(system, max_tokens=3))
    asked = notes(*HARD)
    found = post(create_app({"tiny": coder}), asked)
    assert found.status_code == 200
    assert found.content == coded(coder, asked["notes"], tmp_path)
    problems = [answer["problem"] for answer in found.json()["answers"]]
    assert problems[0] is None
    assert problems[1:4] == [
        *["the note is empty"] * 2,
        "the note has no words, only numerals and signs",
    ]


def test_options_change_the_answer_as_those_of_isd_code_do(tmp_path: Path) -> None:
    coder = Coder(bundle_of())
    options = {"top": 1, "threshold": 0.5, "evidence": False}
    asked = notes(TEXT, "sepsis")
    expected = coded(coder, asked["notes"], tmp_path, **options)
    app = create_app({"tiny": coder})
    assert post(app, asked | options).content == expected
    assert (
        post(app, asked, params={name: str(v) for name, v in options.items()}).content == expected
    )
    assert post(app, asked).content != expected


def test_evidence_indexes_the_text_that_was_sent_in_code_points() -> None:
    text = "🤒🤒🤒 fever\r\n"
    (answer,) = post(app_of(), notes(text)).json()["answers"]
    (span,) = answer["codes"][0]["evidence"]
    assert text[span["begin"] : span["end"]] == "fever"


def test_two_texts_of_one_report_are_one_note_of_a_bundle_of_two_views(tmp_path: Path) -> None:
    coder = ViewCoder(made())
    rows = [
        {"id": "7", "text": ES, "language": "es"},
        {"id": "7", "text": EN, "language": "en"},
        {"id": 8, "text": EN},
    ]
    found = post(create_app({"views": coder}), {"notes": rows})
    assert found.content == coded(coder, rows, tmp_path)
    assert [answer["views"] for answer in found.json()["answers"]] == [["es", "en"], ["en"]]
    rows[0]["language"] = "fr"
    refused = post(create_app({"views": coder}), {"notes": rows})
    assert refused.status_code == 422
    assert "notes.0, key `language`" in refused.json()["detail"]


def test_a_bundle_is_chosen_by_its_name_and_the_first_is_the_default() -> None:
    coders = {name: Coder(bundle_of(name)) for name in ("isd", "caml")}
    app = create_app(coders)
    names = [
        post(app, notes(TEXT) | chosen).json()["answers"][0]["model"]["name"]
        for chosen in ({}, {"bundle": "isd"}, {"bundle": "caml"})
    ]
    assert names == ["tiny-isd-3", "tiny-isd-3", "tiny-caml-3"]
    for name in ("../isd", "/etc/passwd", "isd\0", "C:\\isd", ""):
        refused = post(app, notes(TEXT) | {"bundle": name})
        assert (refused.status_code, refused.json()["detail"]) == (
            404,
            "bundle: none of this name; there are isd, caml",
        )


def test_what_is_served_says_its_bundle_its_hash_and_its_test_metrics() -> None:
    told = ask(app_of(), "GET", "/v1/model").json()
    assert told["default"] == "tiny"
    (bundle,) = told["bundles"]
    assert (bundle["name"], bundle["codes"], bundle["revision"]) == ("tiny", 5, "icd9")
    assert bundle["metrics"] == {"f1_micro": 0.25}


def test_an_answer_leads_to_the_model_card_of_its_bundle() -> None:
    bundles = {"tiny": Coder(bundle_of()), "other": Coder(bundle_of("caml"))}
    app = create_app(bundles)
    for name, coder in bundles.items():
        card = ask(app, "GET", f"/v1/card?bundle={name}")
        assert card.headers["content-type"] == "text/markdown; charset=utf-8"
        assert card.text == card_markdown(coder.bundle)
    assert ask(app, "GET", "/v1/card").text == card_markdown(bundles["tiny"].bundle)
    assert ask(app, "GET", "/v1/card?bundle=none").status_code == 404


def test_an_answer_is_kept_nowhere_and_read_as_nothing_but_json() -> None:
    for path in ("/v1/model", "/metrics", "/nowhere", "/openapi.json"):
        found = ask(app_of(), "GET", path)
        assert found.headers["cache-control"] == "no-store"
        assert found.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in found.headers["content-security-policy"]
    answer = post(app_of(), notes("<script>fever</script>"))
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("786", ["786.50"]),
        ("78", ["780.60", "786.50"]),
        ("03890", []),
        ("0389", ["038.9"]),
        ("PAIN chest", ["786.50"]),
        ("fév", ["780.60"]),
        ("ever", []),
        ("   ", []),
    ],
)
def test_codes_are_found_by_their_beginning_and_by_words_of_their_titles(
    query: str, codes: list[str]
) -> None:
    found = ask(app_of(), "GET", "/v1/codes", params={"q": query}).json()["codes"]
    assert [one["code"] for one in found] == codes
    assert all(one["title"] and one["system"] for one in found)


def test_a_code_comes_with_the_codes_above_it() -> None:
    (found,) = ask(app_of(), "GET", "/v1/codes?q=786.50").json()["codes"]
    assert [one["code"] for one in found["above"]] == ["786.5", "786"]
    assert (found["system"], found["category"]) == ("icd9cm", "786")


def test_pages_of_others_can_be_mounted_and_use_the_queue() -> None:
    pages = APIRouter()

    @pages.get("/page")
    async def page(request: Request) -> list[str]:
        answers = await request.app.state.queue.code(None, [Note("7", TEXT)], top=1)
        return [code.code for code in answers[0].codes]

    app = app_of()
    app.include_router(pages)
    expected = post(app, notes(TEXT) | {"top": 1}).json()["answers"][0]["codes"]
    found = ask(app, "GET", "/page")
    assert found.json() == [code["code"] for code in expected]
    assert found.headers["cache-control"] == "no-store"
    assert ask(app, "GET", "/page", headers={"host": "evil.example"}).status_code == 421
