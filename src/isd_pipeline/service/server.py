"""The application on a socket of this machine, until SIGTERM."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from isd_pipeline.service.limits import LIMITS

CONNECTIONS = 256  # beyond it 503
KEEP_ALIVE = 5  # seconds that an idle connection stays
HEAD_SECONDS = 10  # until the head of a request is whole


class Protocol(H11Protocol):
    """Uvicorn's, which waits for the head of a request as long as a client likes."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._expect_head()

    def on_response_complete(self) -> None:
        """Begin to wait for the next one."""
        super().on_response_complete()
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._waiting.cancel()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._waiting = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _give_up(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


def run(app: FastAPI, host: str, port: int, *, begun: Callable[[str], None]) -> None:
    """Serve until SIGTERM; what is under way is finished. `begun` is told the address.

    Raises:
        OSError: the address cannot be had.
    """
    listening = _listen(host, port)
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # the guard has its own, without paths and queries
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=int(LIMITS.answer_seconds + LIMITS.body_seconds),
    )
    server = uvicorn.Server(config)

    def end(*_: object) -> None:
        server.should_exit = True

    # Uvicorn hands a signal on when it has finished; this one then changes nothing.
    signal.signal(signal.SIGTERM, end)
    begun(address_of(listening))
    server.run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(f"{host}, port {port}: {reason}; --port names another") from None


def address_of(listening: socket.socket) -> str:
    """Where it can be called."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def tell_to_stderr() -> None:
    """A line a request, and faults; of uvicorn what is a warning."""
    form = "%(asctime)s %(levelname)s %(message)s"
    logging.basicConfig(level=logging.WARNING, format=form)
    logging.getLogger("isd_pipeline.service").setLevel(logging.INFO)
