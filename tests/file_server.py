"""A folder served by http on the loopback, as a storage that is no path of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest


class _Quiet(SimpleHTTPRequestHandler):
    """Serves whole files: it knows no ranges, as many a plain server."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the folder; skips the test where fsspec cannot read http."""
    pytest.importorskip("aiohttp", reason="fsspec reads http by aiohttp")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
