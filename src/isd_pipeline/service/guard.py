"""What every request passes on its way in, and every answer on its way out.

In: the Host is one of ours (against DNS rebinding), the token is right, a browser's Origin is ours
and a body is JSON (against forms of other sites), whole, small and in time. Out: nothing is kept
by anyone, and an error is one line without a word of a note, in the answer as in the log.
"""

import asyncio
import base64
import binascii
import hmac
import logging
import time
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from isd_pipeline.service.limits import Limits
from isd_pipeline.service.metrics import Metrics
from isd_pipeline.service.refusals import FHIR, JSON, RefusedError, body_of, wants_fhir

LOG = logging.getLogger("isd_pipeline.service")
OPEN = ("/healthz", "/readyz")  # without a token, for whoever watches the process
WRITING = ("POST", "PUT", "PATCH", "DELETE")
METHODS = ("GET", "HEAD", "OPTIONS", *WRITING)
ALWAYS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
UNLESS_SAID = {"content-security-policy": "default-src 'none'; frame-ancestors 'none'"}


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None,
        hosts: Collection[str],
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        self._app, self.limits, self._metrics = app, limits, metrics
        self._token = None if token is None else token.encode()
        self._hosts = {host.lower() for host in hosts}
        self._held = 0  # bytes of all bodies that are here

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or end it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begin, headers = time.perf_counter(), Headers(scope=scope)
        body, out = _Body(self, receive), _Out(send)
        try:
            self._refuse(scope, headers)
            await self._app(scope, body.receive, out.send)
        except RefusedError as refusal:
            await out.refuse(refusal, headers)
        except Exception as error:
            _tell_safely(error)
            await out.refuse(RefusedError(500, "this failed here; the log says where"), headers)
        finally:
            self._held -= body.size
            seconds = time.perf_counter() - begin
            method = scope["method"] if scope["method"] in METHODS else "other"
            # The path itself may hold anything.
            route = getattr(scope.get("route"), "path", None) or "-"
            self._metrics.request(method, route, out.status, seconds)
            LOG.info("%s %s %s %.0f ms", method, route, out.status, 1_000 * seconds)

    def _refuse(self, scope: Scope, headers: Headers) -> None:
        if _name(headers.get("host", "")) not in self._hosts:
            raise RefusedError(421, "this Host is not served here; `isd serve --name` adds one")
        if scope["path"] not in OPEN:
            self._refuse_stranger(headers)
        if scope["method"] in WRITING:
            self._refuse_form(headers)

    def _refuse_stranger(self, headers: Headers) -> None:
        given = _token_of(headers.get("authorization", ""))
        if self._token is not None and not hmac.compare_digest(given, self._token):
            raise RefusedError(
                401,
                "the service's token is wanted",
                {"www-authenticate": 'Bearer, Basic realm="isd"'},
            )

    def _refuse_form(self, headers: Headers) -> None:
        """Refuse what a page of another site could send, and what cannot be bounded."""
        origin = headers.get("origin")
        if origin is not None and _name(origin.partition("://")[2]) not in self._hosts:
            raise RefusedError(403, "a page of another origin sent this")
        if headers.get("sec-fetch-site", "none") in ("cross-site", "same-site"):
            raise RefusedError(403, "a page of another origin sent this")
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise RefusedError(415, "a compressed body; send it as it is")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in (JSON, FHIR):
            raise RefusedError(415, f"the Content-Type {JSON} or {FHIR} is wanted")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > self.limits.body:
            raise self._too_large()

    def _too_large(self) -> RefusedError:
        return RefusedError(
            413, f"a body of more than {self.limits.body >> 20} MiB; send fewer notes at a time"
        )

    def hold(self, size: int, whole: int) -> None:
        """Count so many bytes more of a body that has `whole` of them now."""
        self._held += size
        if whole > self.limits.body:
            raise self._too_large()
        if self._held > self.limits.bodies:
            raise RefusedError(429, "too many large requests at once", {"retry-after": "5"})


class _Body:
    """A request's body on its way in."""

    def __init__(self, guard: Guard, receive: Receive) -> None:
        self._guard, self._receive = guard, receive
        self._end = time.monotonic() + guard.limits.body_seconds
        self._is_whole = False
        self.size = 0

    async def receive(self) -> Message:
        """The next piece, while it is in time and there is room."""
        if self._is_whole:  # what comes now is the client's going away
            return await self._receive()
        try:
            async with asyncio.timeout(self._end - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            seconds = self._guard.limits.body_seconds
            raise RefusedError(
                408, f"the body was not whole after {seconds:g} s", {"connection": "close"}
            ) from None
        size = len(message.get("body", b""))
        self.size += size
        self._guard.hold(size, self.size)
        self._is_whole = not message.get("more_body", False)
        return message


class _Out:
    """An answer on its way out."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0  # of an answer that was not begun

    async def send(self, message: Message) -> None:
        """Pass a piece on, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers.update(ALWAYS)
            for name, value in UNLESS_SAID.items():
                headers.setdefault(name, value)
        await self._send(message)

    async def refuse(self, refusal: RefusedError, headers: Headers) -> None:
        """End a request with one line, where its answer was not begun."""
        if self.status:
            raise ConnectionError("an answer broke off") from None
        kind, body = body_of(refusal.status, refusal.detail, wants_fhir(headers))
        told = {"content-type": kind, "content-length": str(len(body)), **refusal.headers}
        raw = [(name.encode(), value.encode()) for name, value in told.items()]
        await self.send({"type": "http.response.start", "status": refusal.status, "headers": raw})
        await self.send({"type": "http.response.body", "body": body})


def _name(host: str) -> str:
    """A Host header, or an origin's, without its port.

    >>> _name("localhost:8080"), _name("[::1]:8080"), _name("EXAMPLE")
    ('localhost', '[::1]', 'example')
    """
    name, _, port = host.rpartition(":")
    return (name if name and port.isdecimal() else host).lower()


def _token_of(authorization: str) -> bytes:
    """The token of a Bearer, or the password of a browser's Basic; nothing of any other."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).partition(b":")[2]
        except (ValueError, binascii.Error):
            return b""
    return b""


def _tell_safely(error: BaseException) -> None:
    """Log what kind of error it was and where: its own words may repeat a note."""
    frame, places = error.__traceback__, []
    while frame is not None:
        code = frame.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{frame.tb_lineno}")
        frame = frame.tb_next
    LOG.error("%s at %s", type(error).__name__, " > ".join(places[-8:]))
