"""The screen without a browser: what goes out, what may be decided, what nobody may see."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from isd_pipeline.coding.coder import Answer, Note
from isd_pipeline.desk.decisions import DecisionLog
from tests.coding.test_model_card import DATA
from tests.desk.served import TITLES, Canned, app_of

TEXT = "A febrile man with fever and a productive cough.\r\nNo chest pain; pneumonia ZZCANARY."
NOTE = Note("ZZNAME 7", TEXT)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    app = app_of(tmp_path / "log.sqlite", NOTE, Note("empty", "  "))
    with TestClient(app, base_url="http://localhost") as made:
        yield made


def log_of(client: TestClient) -> DecisionLog:
    log: DecisionLog = client.app.state.desk.log  # type: ignore[attr-defined]
    return log


def paths(client: TestClient) -> list[str]:
    return re.findall(r'href="(/notes/[0-9a-f]+)"', client.get("/").text)


def decide(client: TestClient, decision: str, code: str | None = None, **more: Any) -> Any:
    seen = log_of(client).state(NOTE.id).last
    asked = {"who": "AB", "decision": decision, "code": code, "seen": seen} | more
    return client.post(f"{paths(client)[0]}/decisions", json=asked)


def test_nothing_is_accepted_beforehand(client: TestClient) -> None:
    page = client.get(paths(client)[0]).text
    assert page.count('aria-pressed="false"') == 5 * 3
    assert 'aria-pressed="true"' not in page
    state = client.get(f"{paths(client)[0]}/state").json()
    assert state == {"last": 0, "open": ["780.60", "786.2", "486"], "signed_off": None, "codes": {}}


def test_a_decision_is_recorded_with_what_was_suggested(client: TestClient) -> None:
    answer = decide(client, "accepted", "780.60")
    assert answer.json()["open"] == ["786.2", "486"]
    [entry] = log_of(client).entries()
    assert (entry.who, entry.note, entry.code, entry.system) == ("AB", NOTE.id, "780.60", "icd9cm")
    assert (entry.score, entry.threshold, entry.bundle_sha256) == (0.9, 0.5, "ab" * 32)
    shown = [TEXT[place.begin : place.end] for place in entry.evidence]
    assert (shown, entry.marked) == (["febrile", "fever"], False)


def test_what_the_coder_marked_is_recorded_instead_of_what_was_shown(client: TestClient) -> None:
    begin = TEXT.index("chest pain")
    marked = [{"begin": begin, "end": begin + 10, "view": None}]
    assert decide(client, "added", "99.15", marked=marked).status_code == 200
    [entry] = log_of(client).entries()
    assert (entry.decision, entry.system, entry.score) == ("added", "icd9proc", None)
    assert ([*map(tuple, entry.evidence)], entry.marked) == ([(begin, begin + 10, None)], True)


def test_a_note_is_signed_off_when_each_suggestion_above_the_threshold_is_decided(
    client: TestClient,
) -> None:
    decide(client, "accepted", "780.60")
    refused = decide(client, "signed_off")
    assert (refused.status_code, refused.json()) == (422, {"detail": "still open: 786.2, 486"})
    decide(client, "rejected", "786.2")
    decide(client, "unsure", "486")
    assert decide(client, "signed_off").json()["signed_off"]["who"] == "AB"
    assert "signed off 1" in client.get("/").text
    late = decide(client, "undone", "486")
    assert (late.status_code, "open it again first" in late.text) == (422, True)
    assert decide(client, "reopened").json()["signed_off"] is None
    assert decide(client, "undone", "486").json()["open"] == ["486"]


def test_who_has_not_seen_the_latest_decision_is_told_and_nothing_is_recorded(
    client: TestClient,
) -> None:
    decide(client, "accepted", "780.60")
    late = decide(client, "rejected", "780.60", seen=0)
    assert late.status_code == 409
    assert late.json()["codes"]["780.60"]["decision"] == "accepted"
    assert [entry.decision for entry in log_of(client).entries()] == ["accepted"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"decision": "accepted", "code": "99.15"}, "the code was not suggested: add it"),
        ({"decision": "added", "code": "nope"}, "the bundle has no such code"),
        ({"decision": "undone", "code": "486"}, "nothing is decided about the code"),
        ({"decision": "accepted"}, "a code is wanted"),
        ({"decision": "signed_off", "code": "486"}, "a decision about the note has no code"),
        ({"decision": "reopened"}, "the note is not signed off"),
        ({"decision": "accepted", "code": "486", "who": "  "}, "say who you are first"),
        ({"decision": "approved", "code": "486"}, "decision: input should be 'accepted'"),
        ({"decision": "accepted", "code": "486", "seen": -1}, "seen: input should be greater"),
        ({"decision": "accepted", "code": "486", "sean": 1}, "did you mean `seen`?"),
        (
            {"decision": "accepted", "code": "486", "marked": [{"begin": 5, "end": 5000}]},
            "a stretch that is marked is none of the note's",
        ),
        (
            {"decision": "accepted", "code": "486", "marked": [{"begin": 5, "end": 4}]},
            "a stretch that is marked is none of the note's",
        ),
        (
            {
                "decision": "accepted",
                "code": "486",
                "marked": [{"begin": 0, "end": 4, "view": "es"}],
            },
            "a stretch that is marked is none of the note's",
        ),
    ],
)
def test_what_may_not_be_decided_is_refused_in_one_line(
    asked: dict[str, Any], told: str, client: TestClient
) -> None:
    answer = decide(client, **asked)
    assert answer.status_code == 422
    assert told in answer.json()["detail"]
    assert log_of(client).entries() == []


def test_a_record_that_cannot_be_written_is_told_and_the_decision_is_not_shown(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isd_pipeline.desk.decisions.WAIT", 0.05)
    with closing(sqlite3.connect(log_of(client).path)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = decide(client, "accepted", "486")
    assert (refused.status_code, "nothing was recorded" in refused.text) == (503, True)
    assert decide(client, "accepted", "486").status_code == 200
    assert len(log_of(client).entries()) == 1


def test_every_page_is_for_this_browser_alone_and_runs_no_other_script(client: TestClient) -> None:
    for path in ("/", paths(client)[0], "/static/review.js", "/notes/0000"):
        answer = client.get(path)
        assert answer.headers["cache-control"] == "no-store"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        page = re.sub(r'<script type="module" src="/static/\w+\.js"></script>', "", answer.text)
        if path != "/static/review.js":
            assert not re.search(r"<script|<style|\sstyle=|\son\w+=|https?://(?!www.w3)", page)


def test_no_browser_is_asked_to_send_text_to_a_spelling_or_translation_service(
    client: TestClient,
) -> None:
    for path in ("/", paths(client)[0]):
        page = client.get(path).text
        assert '<html lang="en" translate="no">' in page
        fields = re.findall(r"<(?:textarea|input)\b[^>]*>", page)
        free = [field for field in fields if "checkbox" not in field and 'id="who"' not in field]
        assert len(free) == 2
        assert all('spellcheck="false"' in field for field in free)
        assert all('autocomplete="off"' in field for field in free)


def test_titles_and_names_are_shown_as_text(tmp_path: Path) -> None:
    name = '<script>document.title = "taken"</script>'
    client = TestClient(app_of(tmp_path / "log", Note(name, TEXT)), base_url="http://localhost")
    for page in (client.get("/").text, client.get(paths(client)[0]).text):
        assert "<script>document" not in page
        assert "&lt;script&gt;document" in page


def test_no_address_title_or_log_line_says_anything_of_a_note(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        page = client.get(paths(client)[0])
        client.post("/notes", json={"id": "ZZNAME 8", "text": "ZZCANARY pasted"})
        client.post("/codebook", json={"words": "ZZCANARY"})
        decide(client, "accepted", "486")
        client.post("/notes", json={"id": "ZZNAME", "text": 5, "ZZCANARY": 1})
    assert "ZZ" not in caplog.text
    assert "ZZ" not in " ".join(re.findall(r"<title>.*?</title>", page.text))
    assert "ZZ" not in " ".join(re.findall(r'(?:href|src|action)="([^"]*)"', client.get("/").text))
    assert b"ZZCANARY" not in log_of(client).path.read_bytes()


def test_keys_of_one_note_differ_between_services(tmp_path: Path) -> None:
    apps = [app_of(tmp_path / "log", NOTE) for _ in range(2)]
    keys = {paths(TestClient(app, base_url="http://localhost"))[0] for app in apps}
    assert len(keys) == 2


def test_a_pasted_note_is_reviewed_like_another_and_found_again(client: TestClient) -> None:
    posted = {"id": "", "text": "fever \ud83e"}  # half an emoji
    body = json.dumps(posted)
    kind = {"content-type": "application/json"}
    keys = {client.post("/notes", content=body, headers=kind).json()["key"] for _ in range(2)}
    [key] = keys
    assert f"/notes/{key}" in paths(client)
    assert client.get(f"/notes/{key}/data").json()["texts"][0]["text"] == posted["text"]
    assert client.get(f"/notes/{key}").status_code == 200


@pytest.mark.parametrize(
    ("posted", "status"),
    [
        ({"text": " \n"}, 422),
        ({"text": "x" * 200_001}, 413),
        ({"id": "a"}, 422),
        ({"text": 1}, 422),
    ],
)
def test_a_note_that_cannot_be_pasted_is_refused(
    posted: dict[str, Any], status: int, client: TestClient
) -> None:
    answer = client.post("/notes", json=posted)
    assert answer.status_code == status
    assert "xxx" not in answer.text


def test_codes_are_found_by_words_and_down_the_chapters(client: TestClient) -> None:
    def ask(**asked: str) -> Any:
        return client.post("/codebook", json=asked).json()

    assert [one["code"] for one in ask(words="7865")["codes"]] == ["786.50"]
    assert [one["code"] for one in ask(words="UNSPEC pneu")["codes"]] == ["486"]
    assert ask(words="pneum fever")["codes"] == []
    chapter = ask(words="486")["codes"][0]["chapter"]
    assert ask(chapter=chapter)["categories"] == {"486": TITLES["486"]}
    symptoms = ask(words="786.2")["codes"][0]["chapter"]
    assert ask(chapter=symptoms)["categories"] == {"780": "Fever", "786": "Cough …"}
    [one] = ask(chapter=chapter, category="486")["codes"]
    assert (one["title"], one["seen"]) == ("Pneumonia, organism unspecified", 7)
    assert client.post("/codebook", json={"chapter": "none"}).status_code == 422


def test_an_empty_note_says_so_and_may_be_signed_off(client: TestClient) -> None:
    [_, path] = paths(client)
    assert "No codes: the note is empty." in client.get(path).text
    asked = {"who": "AB", "decision": "signed_off", "seen": 0}
    assert client.post(f"{path}/decisions", json=asked).status_code == 200


def test_a_note_that_was_not_read_whole_says_from_where(tmp_path: Path) -> None:
    app = app_of(tmp_path / "log", NOTE, coders={"tiny": Canned(unread="No chest")})
    client = TestClient(app, base_url="http://localhost")
    page = client.get(paths(client)[0]).text
    assert f"all after character {TEXT.index('No chest')} of {len(TEXT)}" in page


def test_decisions_about_another_text_of_a_name_are_told_and_do_not_count(tmp_path: Path) -> None:
    with TestClient(app_of(tmp_path / "log", NOTE), base_url="http://localhost") as client:
        decide(client, "accepted", "486")
    other = Note(NOTE.id, "fever, no more")
    with TestClient(app_of(tmp_path / "log", other), base_url="http://localhost") as client:
        assert "1 decision about another text" in client.get(paths(client)[0]).text
        assert client.get(f"{paths(client)[0]}/state").json()["codes"] == {}


def test_what_the_context_and_the_code_book_say_is_shown(client: TestClient) -> None:
    page = client.get(paths(client)[0]).text
    for line in (
        "all its evidence is denied",
        "not together with 486 (Excludes1 of 786, 786.5)",
        "Code first (786): the cause Suggested: 486.",
        "not billable; below it stand 3 codes that are: 486.1",
        "not in ICD-9-CM 2015",
    ):
        assert line in page
    [span] = client.get(f"{paths(client)[0]}/data").json()["evidence"]["786.50"]
    begin = TEXT.index("No chest")
    assert span["context"] == [{"kind": "denied", "begin": begin, "end": begin + 2}]


def test_a_report_in_two_languages_has_two_texts(tmp_path: Path) -> None:
    english = Note("7", "fever", language="en")
    note = Note("7", "fiebre", language="es", others=(english,))
    client = TestClient(
        app_of(tmp_path / "log", note, coders={"two": TwoViews()}), base_url="http://localhost"
    )
    assert paths(client)[0]
    data = client.get(f"{paths(client)[0]}/data").json()
    assert [(one["view"], one["text"], one["unread"]) for one in data["texts"]] == [
        ("es", "fiebre", None),
        ("en", "fever", 3),
    ]
    marked = {"begin": 0, "end": 6, "view": "es"}
    asked = {"who": "AB", "decision": "accepted", "code": "780.60", "seen": 0}
    path = f"{paths(client)[0]}/decisions"
    wrong = client.post(path, json=asked | {"marked": [marked | {"view": "en"}]})
    assert wrong.status_code == 422
    assert client.post(path, json=asked | {"marked": [marked]}).status_code == 200
    [entry] = log_of(client).entries()
    assert [*map(tuple, entry.evidence)] == [(0, 6, "es")]


class TwoViews(Canned):
    """A model that reads both texts of a report, the English one not to its end."""

    languages = ("es", "en")

    def code(self, notes: Sequence[Note], **asked: Any) -> list[Answer]:
        said = {"views": ("es", "en"), "remark": "en was not read whole", "truncated_at": 3}
        return [replace(answer, **said) for answer in super().code(notes, **asked)]


def test_the_record_is_exported_from_the_list(client: TestClient) -> None:
    decide(client, "accepted", "780.60")
    for name in ("decisions.csv", "decisions.json", "decisions.fhir.json"):
        assert f'href="/export/{name}"' in client.get("/").text
        answer = client.get(f"/export/{name}")
        assert (answer.status_code, "780.60" in answer.text) == (200, True)
        assert "ZZCANARY" not in answer.text
    assert client.get("/export/other").status_code == 404


def test_a_form_of_another_site_records_nothing(client: TestClient) -> None:
    asked = {"who": "AB", "decision": "accepted", "code": "486", "seen": 0}
    path = f"{paths(client)[0]}/decisions"
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert client.post(path, json=asked, headers=headers).status_code == 403
    assert client.post(path, data=asked).status_code == 415
    assert log_of(client).entries() == []


def test_a_bundle_of_synthetic_notes_is_called_a_toy_on_every_screen(client: TestClient) -> None:
    pages = [client.get(path).text for path in ("/", paths(client)[0])]
    assert not any("Toy: trained on synthetic notes." in page for page in pages)
    [coder] = client.app.state.coders.values()  # type: ignore[attr-defined]
    coder.bundle = replace(coder.bundle, trained_on=DATA)
    pages = [client.get(path).text for path in ("/", paths(client)[0])]
    assert all("<strong>Toy: trained on synthetic notes." in page for page in pages)
