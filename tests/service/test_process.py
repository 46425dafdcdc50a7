"""`isd serve` as a process of its own on loopback."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
import pytest

from isd_pipeline.coding.bundle import write_bundle
from isd_pipeline.service.server import HEAD_SECONDS
from tests.coding.tiny import bundle_of
from tests.service.serving import CANARY, TEXT, notes

TOKEN = "a token of nobody's".replace(" ", "-")
LONG = f"{CANARY} fever and chest pain of the Ärztin; " * 4_200  # nearly 200,000 characters


@dataclass
class Served:
    process: subprocess.Popen[str]
    url: str
    log: Path

    def post(self, asked: object, **options: object) -> httpx.Response:
        return httpx.post(f"{self.url}/v1/code", json=asked, timeout=120, **options)  # type: ignore[arg-type]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def isd(*words: object, log: IO[str], **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "isd_pipeline", *map(str, words)]
    environment = {**os.environ, **environment}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)


def serve(folder: Path, *words: object, **environment: str) -> Served:
    """A service of a small bundle, once it has said where it listens."""
    write_bundle(bundle_of(), folder / "tiny")
    log = folder / "log"
    with log.open("w") as file:
        words = ("--long-notes", "cut", *words)  # the tiny network reads 12 words at once
        process = isd("serve", folder / "tiny", "--port", 0, *words, log=file, **environment)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:"), log.read_text()
    return Served(process, url, log)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    found = serve(tmp_path_factory.mktemp("served"))
    yield found
    found.process.kill()
    found.process.wait()


def test_a_process_answers_with_the_bytes_of_isd_code(served: Served, tmp_path: Path) -> None:
    write_bundle(bundle_of(), tmp_path / "tiny")
    rows = [{"id": str(n), "text": text} for n, text in enumerate([TEXT, "", "sepsis 🤒 pain"])]
    (tmp_path / "n.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with (tmp_path / "log").open("w") as log:
        assert isd("code", tmp_path / "tiny", tmp_path / "n.jsonl", log=log).wait(60) == 1
    lines = (tmp_path / "n.jsonl.codes.jsonl").read_bytes().splitlines()
    found = served.post({"notes": rows})
    assert found.content == b'{"answers": [' + b", ".join(lines) + b"]}"


def test_eight_clients_at_once_get_what_one_gets(served: Served) -> None:
    asked = [notes(*[TEXT, "sepsis", "chest pain of the Ärztin"][: n % 3 + 1]) for n in range(40)]
    alone = [served.post(one).content for one in asked[:3]]
    with ThreadPoolExecutor(8) as clients:
        found = list(clients.map(served.post, asked))
    assert {one.status_code for one in found} == {200}
    assert [one.content for one in found] == [alone[n % 3] for n in range(40)]


def raw(served: Served, sent: bytes, seconds: float = 10) -> bytes:
    """What comes back for bytes that no client library would send."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(sent)
        return connection.recv(65_536)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x00\x01 nonsense\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),  # without a Host
        (b"GET /healthz HTTP/1.1\r\nHost: evil\r\n\r\n", 421),
        (b"GET /%00/..%2f..%2fetc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000, 400),
    ],
)
def test_what_is_no_request_of_ours_is_refused_and_the_service_goes_on(
    sent: bytes, status: int, served: Served
) -> None:
    assert raw(served, sent).split()[1] == str(status).encode()
    assert served.post(notes(TEXT)).status_code == 200


def test_a_head_that_comes_slowly_is_given_up_and_a_connection_can_be_used_again(
    served: Served,
) -> None:
    begin = time.monotonic()
    assert raw(served, b"POST /v1/code HTTP/1.1\r\nHost: loc", HEAD_SECONDS + 20) == b""
    assert time.monotonic() - begin > HEAD_SECONDS - 1
    with httpx.Client() as client:
        assert [client.get(f"{served.url}/healthz").status_code for _ in range(3)] == [200] * 3


def test_no_word_of_a_note_is_in_what_a_process_says(served: Served) -> None:
    assert CANARY in served.post({"notes": [{"id": CANARY, "text": CANARY}]}).text
    for asked in ({"notes": [{CANARY: CANARY}]}, {"notes": CANARY}, [CANARY]):
        assert CANARY not in served.post(asked).text
    httpx.get(f"{served.url}/{CANARY}?q={CANARY}")
    httpx.get(f"{served.url}/v1/codes?q={CANARY}")
    raw(served, f"GET /healthz HTTP/1.1\r\nHost: {CANARY}\r\n\r\n".encode())
    raw(served, f"{CANARY} {CANARY}\r\n\r\n".encode())
    log = served.log.read_text()
    assert CANARY not in log + httpx.get(f"{served.url}/metrics").text
    assert len(re.findall(r"POST /v1/code 422 \d+ ms", log)) >= 3
    assert "GET - 404" in log
    assert "?" not in log


def counted(served: Served, name: str) -> float:
    lines = httpx.get(f"{served.url}/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def test_notes_of_a_client_that_went_away_are_read_no_further(served: Served) -> None:
    before = counted(served, "isd_notes_total")
    asked = {"notes": [{"id": str(n), "text": LONG} for n in range(64)]}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{served.url}/v1/code", json=asked, timeout=httpx.Timeout(60, read=0.5))
    deadline = time.monotonic() + 60
    while counted(served, "isd_notes_waiting"):
        assert time.monotonic() < deadline
    assert counted(served, "isd_notes_total") < before + 64
    assert " 499 " in served.log.read_text()


def test_sigterm_lets_what_is_under_way_be_finished_and_ends_with_0(tmp_path: Path) -> None:
    served = serve(tmp_path)
    asked = {"notes": [{"id": str(n), "text": LONG} for n in range(8)]}
    with ThreadPoolExecutor(2) as clients:
        under_way = [clients.submit(served.post, asked) for _ in range(2)]
        deadline = time.monotonic() + 60
        while "isd_notes_waiting 0.0" in httpx.get(f"{served.url}/metrics").text:
            assert time.monotonic() < deadline
            assert not any(one.done() for one in under_way)
        assert served.stop() == 0
        answers = [one.result() for one in under_way]
    assert [one.status_code for one in answers] == [200, 200]
    assert [len(one.json()["answers"]) for one in answers] == [8, 8]
    with pytest.raises(httpx.ConnectError):
        served.post(notes(TEXT))
    assert CANARY not in served.log.read_text()


def test_a_token_of_the_environment_is_wanted_and_never_told(tmp_path: Path) -> None:
    served = serve(tmp_path, ISD_TOKEN=TOKEN)
    try:
        assert served.post(notes(TEXT)).status_code == 401
        headers = {"authorization": f"Bearer {TOKEN}"}
        assert served.post(notes(TEXT), headers=headers).status_code == 200
    finally:
        assert served.stop() == 0
    assert TOKEN not in served.log.read_text()


def test_a_port_that_is_taken_is_one_line(served: Served, tmp_path: Path) -> None:
    port = served.url.rpartition(":")[2]
    with (tmp_path / "log").open("w") as log:
        taken = isd("serve", served.log.parent / "tiny", "--port", port, log=log)
        assert taken.wait(60) == 2
    line = f"Error: 127.0.0.1, port {port}: Address already in use; --port names another\n"
    assert (tmp_path / "log").read_text() == line
