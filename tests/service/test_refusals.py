"""What is too large, too slow, too many or not understood is refused, without a word of it."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from isd_pipeline.coding.coder import Answer, Coder, Note
from isd_pipeline.service.app import create_app
from isd_pipeline.service.body import count_values
from isd_pipeline.service.limits import Limits
from tests.coding.tiny import bundle_of
from tests.service.serving import CANARY, TEXT, app_of, ask, notes, post

ONE = notes(TEXT)
DEEP = b'{"notes": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
NOTE = {"id": "1", "text": CANARY}

BAD: list[tuple[object, int, str]] = [
    (b"", 422, "not JSON"),
    (b"\xff\xfe" + CANARY.encode(), 422, "not UTF-8"),
    (json.dumps(ONE).encode("utf-16"), 422, "not UTF-8"),
    (f'{{"notes": [{{"id": "1", "text": "{CANARY}'.encode(), 422, "cut off"),
    ([NOTE], 422, "not a JSON object"),
    ({}, 422, "notes: field required"),
    ({"notes": []}, 422, "notes: list should have at least 1 item"),
    ({"notes": {CANARY: 1}}, 422, "notes: input should be a valid list"),
    ({"notes": [CANARY]}, 422, "notes.0: input should be"),
    ({"notes": [NOTE | {"txt": CANARY}]}, 422, "notes.0: an unknown key; did you mean `text`?"),
    ({"notes": [{"id": "1", "txt": CANARY}]}, 422, "did you mean `text`? (and 1 more)"),
    ({"notes": [NOTE | {CANARY: 1}]}, 422, "notes.0: an unknown key; known are bundle, "),
    ({"notes": [NOTE | {"text": [CANARY]}]}, 422, "notes.0.text: input should be a valid string"),
    ({"notes": [NOTE | {"text": None}]}, 422, "notes.0.text: input should be a valid string"),
    ({"notes": [{"id": "1"}]}, 422, "notes.0.text: field required"),
    ({"notes": [NOTE | {"id": 1.5}]}, 422, "notes.0.id"),
    ({"notes": [NOTE | {"id": ""}]}, 422, "notes.0.id"),
    ({"notes": [NOTE | {"id": CANARY + "\ud800"}]}, 422, "notes.0.id"),
    ({"notes": [NOTE, NOTE]}, 422, "notes.1: an id that an earlier note has"),
    ({"notes": [NOTE], "top": 0}, 422, "top: input should be greater than or equal to 1"),
    ({"notes": [NOTE], "top": -3}, 422, "top: "),
    ({"notes": [NOTE], "top": 10**30}, 422, "top: "),
    ({"notes": [NOTE], "top": "5"}, 422, "top: "),
    ({"notes": [NOTE], "top": True}, 422, "top: "),
    ({"notes": [NOTE], "threshold": CANARY}, 422, "threshold"),
    ({"notes": [NOTE], "threshold": 1.5}, 422, "threshold"),
    (b'{"notes": [{"id": "1", "text": ""}], "threshold": NaN}', 422, "not JSON"),
    (b'{"notes": [{"id": "1", "text": ""}], "threshold": 1e999}', 422, "threshold"),
    (b'{"top": ' + b"9" * 10_000 + b"}", 422, "not JSON"),
    ({"notes": [NOTE], "evidence": "yes"}, 422, "evidence"),
    ({"notes": [NOTE], "bundle": CANARY}, 404, "bundle: none of this name"),
    (
        {"notes": [NOTE | {"id": str(n)} for n in range(65)]},
        422,
        "notes: list should have at most 64",
    ),
    ({"notes": [NOTE | {"text": CANARY * 20_001}]}, 413, "notes.0.text: longer than 200,000"),
    (DEEP, 422, "more than 10,000 keys"),
    (b"[" * 5_000 + b"]" * 5_000, 422, "too deep"),
    (json.dumps(dict.fromkeys(map(str, range(1_000_000)))).encode(), 422, "more than 10,000 keys"),
]


@pytest.mark.parametrize(("asked", "status", "line"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_what_is_not_understood_is_one_line_without_a_word_of_it(
    asked: object, status: int, line: str
) -> None:
    found = post(app_of(), asked)
    assert found.status_code == status
    assert line in found.json()["detail"]
    assert CANARY not in found.text
    assert len(found.text) < 300
    assert "\n" not in found.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": ""}, 415),
        ({"content-type": "application/json; charset=utf-8"}, 200),
        ({"content-encoding": "gzip"}, 415),
        ({"content-encoding": "identity"}, 200),
        ({"content-length": "67108865"}, 413),
        ({"content-length": "9" * 5_000}, 413),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "http://localhost:8080"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example"}, 421),
        ({"host": "127.0.0.1@evil.example:80"}, 421),
        ({"host": ""}, 421),
        ({"host": "[::1]:9999"}, 200),
        ({"host": "LOCALHOST"}, 200),
    ],
)
def test_other_sites_forms_and_what_cannot_be_bounded_are_refused(
    headers: dict[str, str], status: int
) -> None:
    assert post(app_of(), ONE, headers=headers).status_code == status


def test_a_million_keys_cost_little_more_than_their_bytes() -> None:
    app, asked = app_of(), json.dumps(dict.fromkeys(map(str, range(1_000_000)))).encode()
    post(app, ONE)
    tracemalloc.start()
    assert post(app, asked).status_code == 422
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * len(asked)


@pytest.mark.parametrize(
    "asked", [ONE, notes("\\", '"', '\\"', "[{,", '\\\\"["', *["[,"] * 50), {"a": [[1, 2], {}]}]
)
def test_counted_values_are_those_outside_of_strings(asked: dict[str, Any]) -> None:
    def count(value: object) -> int:
        inner = value if isinstance(value, list) else []
        inner = [*value.values()] if isinstance(value, dict) else inner
        return (
            bool(isinstance(value, list | dict)) + max(len(inner) - 1, 0) + sum(map(count, inner))
        )

    for spaces in (None, 2):
        body = json.dumps(asked, indent=spaces).encode()
        assert count_values(body, 10_000) == count(asked)


def test_a_body_that_comes_slowly_is_given_up() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"notes": ['
        await asyncio.sleep(5)
        yield b"]}"

    app = app_of(limits=Limits(body_seconds=0.2))
    headers = {"content-type": "application/json"}
    found = ask(app, "POST", "/v1/code", content=slowly(), headers=headers)
    assert (found.status_code, found.headers["connection"]) == (408, "close")


def test_a_body_without_a_length_is_stopped_where_it_gets_too_large() -> None:
    sent = []

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1_000):
            sent.append(1)
            yield b" " * 1_000

    app = app_of(limits=Limits(body=20_000))
    headers = {"content-type": "application/json"}
    found = ask(app, "POST", "/v1/code", content=endless(), headers=headers)
    assert (found.status_code, len(sent)) == (413, 21)


def test_many_large_bodies_at_once_are_refused_and_room_is_given_back() -> None:
    app = app_of(limits=Limits(bodies=1_000))
    large = notes("fever " * 200)
    assert post(app, large).status_code == 429
    assert post(app, large).headers["retry-after"] == "5"
    assert [post(app, ONE).status_code for _ in range(20)] == [200] * 20


class Held(Coder):
    """A coder that waits until it is let go."""

    def __init__(self) -> None:
        super().__init__(bundle_of())
        self.begun, self.go = threading.Event(), threading.Event()

    def code(self, notes: Sequence[Note], **asked: Any) -> list[Answer]:
        self.begun.set()
        assert self.go.wait(30)
        return super().code(notes, **asked)


def test_a_full_line_is_429_and_empties_again() -> None:
    coder = Held()
    app = create_app({"held": coder}, limits=Limits(waiting=3))
    first = threading.Thread(target=lambda: post(app, notes(*[TEXT] * 3)))
    first.start()
    assert coder.begun.wait(30)
    refused = post(app, ONE)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    coder.go.set()
    first.join()
    assert post(app, ONE).status_code == 200
    assert app.state.queue.waiting == 0


def test_an_answer_that_takes_too_long_is_503_and_its_notes_leave_the_line() -> None:
    coder = Held()
    app = create_app({"held": coder}, limits=Limits(answer_seconds=0.2))
    assert post(app, ONE).status_code == 503
    coder.go.set()
    app.state.queue.close()
    assert app.state.queue.waiting == 0


def test_after_its_end_it_is_not_ready_and_takes_no_notes() -> None:
    app = app_of()
    assert ask(app, "GET", "/readyz").status_code == 200
    app.state.queue.close()
    assert ask(app, "GET", "/readyz").status_code == 503
    assert ask(app, "GET", "/healthz").status_code == 200
    assert post(app, ONE).status_code == 503


TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("Bearer", 401),
        ("Bearer " + TOKEN[:-1], 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        ("Bearer ärger".encode("latin-1"), 401),
        (f"Bearer {TOKEN}", 200),
        ("Basic YW55Ym9keTowMTIzNDU2Nzg5YWJjZGVm", 200),  # a browser's: anybody:TOKEN
    ],
)
def test_with_a_token_every_path_but_the_two_for_watchers_wants_it(
    authorization: str | bytes | None, status: int
) -> None:
    app = app_of(token=TOKEN)
    headers = {} if authorization is None else {"authorization": authorization}
    for path in ("/v1/model", "/v1/card", "/v1/codes?q=fever", "/metrics", "/openapi.json"):
        assert ask(app, "GET", path, headers=headers).status_code == status
    assert post(app, ONE, headers=headers).status_code == status
    assert ask(app, "GET", "/healthz").status_code == 200
    assert ask(app, "GET", "/readyz").status_code == 200


class Failing(Coder):
    """A coder whose errors repeat the note."""

    def code(self, notes: Sequence[Note], **asked: Any) -> list[Answer]:
        raise RuntimeError(notes[0].text)


def test_a_fault_of_the_model_is_told_without_what_it_says(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.WARNING, logger="httpx")  # the client, which tells what it asks
    caplog.set_level(logging.DEBUG)
    app = create_app({"failing": Failing(bundle_of()), "tiny": Coder(bundle_of())})
    found = post(app, notes(CANARY))
    assert found.status_code == 500
    assert post(app, notes(TEXT) | {"bundle": "tiny"}).status_code == 200
    assert "RuntimeError at routing.py:" in caplog.text
    said = (found.text, caplog.text, *capfd.readouterr())
    assert not any(CANARY in one for one in said)


def test_canaries_are_in_the_answer_and_nowhere_else(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.WARNING, logger="httpx")  # the client, which tells what it asks
    caplog.set_level(logging.DEBUG)
    app = app_of()
    known = {"notes": [{"id": CANARY, "text": f"fever {CANARY}"}]}
    assert CANARY in post(app, known).text
    others = [post(app, asked).text for asked, _, _ in BAD]
    others += [post(app, ONE, params={CANARY: CANARY, "top": CANARY}).text]
    others += [
        ask(app, "GET", f"/v1/{path}").text for path in (CANARY, f"codes?limit={CANARY}&q=x")
    ]
    others += [ask(app, CANARY, "/v1/code").text]
    others += [post(app, ONE, headers={"content-type": CANARY}).text]
    others += [ask(app, "GET", "/metrics").text, caplog.text, *capfd.readouterr()]
    assert not any(CANARY in one for one in others)
    assert 'isd_notes_total{bundle="tiny",outcome="codes"} 1.0' in others[-4]
    assert "POST /v1/code 200" in caplog.text
