"""Requests in line before the models, which one thread runs.

The models read each note alone (`coding/coder.py`), so what stands in line together is only a
matter of order: no answer depends on it. The thread takes a few notes of a request, then a few of
the next, so that one note need not wait for the 64 that came before it.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from isd_pipeline.coding.coder import Answer, Coder, Note
from isd_pipeline.coding.view_coder import ViewCoder
from isd_pipeline.service.limits import LIMITS, Limits

SLICE = 4  # notes of a request that are read before it is the next one's turn
Coders = Mapping[str, Coder | ViewCoder]


class BusyError(Exception):
    """There is no room for these notes now."""


class StoppedError(Exception):
    """The service is ending, or the model took too long."""


@dataclass(eq=False)
class Job:
    """The notes of a request, and the answers that are there so far."""

    bundle: str
    notes: Sequence[Note]
    asked: Mapping[str, Any]
    answers: list[Answer] = field(default_factory=list)
    done: Future[list[Answer]] = field(default_factory=Future)

    @property
    def left(self) -> int:
        """How many notes are still to be read."""
        return len(self.notes) - len(self.answers)


class ModelQueue:
    """Codes notes with one of several bundles, one thread for all."""

    def __init__(
        self,
        coders: Coders,
        limits: Limits = LIMITS,
        *,
        observe: Callable[[str, Sequence[Answer], float], None] | None = None,
        at_once: int = SLICE,
    ) -> None:
        """`observe` is told of each slice: bundle, answers, seconds."""
        self.coders = coders
        self._limits, self._observe, self._at_once = limits, observe, at_once
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._waiting = 0
        self.open()

    @property
    def waiting(self) -> int:
        """How many notes are in line, those being read among them."""
        return self._waiting

    @property
    def is_ready(self) -> bool:
        """Whether notes are taken."""
        return not self._closed and (self._thread.is_alive() or self._thread.ident is None)

    @property
    def default(self) -> str:
        """The bundle of a request that names none: the first."""
        return next(iter(self.coders))

    def open(self) -> None:
        """Take notes, also again after an end. The thread begins with the first of them."""
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)

    async def code(self, bundle: str | None, notes: Sequence[Note], **asked: Any) -> list[Answer]:
        """Answer for each note, in their order, to the bit as `Coder.code` does.

        `asked` is what `Coder.code` may be told: top, threshold, evidence.

        Raises:
            KeyError: there is no bundle of this name.
            BusyError: the line is full.
            StoppedError: the service is ending, or the answer took too long.
            ValueError: what `Coder.code` raises of a threshold or a language.
        """
        name = self.default if bundle is None else bundle
        if name not in self.coders:
            raise KeyError(name)
        job = Job(name, notes, asked)
        self._put(job)
        try:
            return await asyncio.wait_for(
                asyncio.wrap_future(job.done), self._limits.answer_seconds
            )
        except TimeoutError:
            raise StoppedError("the answer took too long") from None

    def _put(self, job: Job) -> None:
        with self._changed:
            if not self.is_ready:
                raise StoppedError("the service is ending")
            # An empty line takes any request, whatever the bound.
            if self._waiting and self._waiting + len(job.notes) > self._limits.waiting:
                raise BusyError
            if self._thread.ident is None:
                self._thread.start()
            self._jobs.append(job)
            self._waiting += len(job.notes)
            self._changed.notify()

    def close(self) -> None:
        """Take no more, finish what is in line, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            self._read_some(job)

    def _next(self) -> Job | None:
        with self._changed:
            while not self._jobs and not self._closed:
                self._changed.wait()
            return self._jobs.popleft() if self._jobs else None

    def _read_some(self, job: Job) -> None:
        """Read a slice of a request; what is left of it goes to the end of the line."""
        first, begin = len(job.answers), time.perf_counter()
        some = job.notes[first : first + self._at_once]
        if job.done.cancelled():  # nobody waits for it any more
            self._leave(job.left)
            return
        try:
            answers = self.coders[job.bundle].code(some, **job.asked)
        except Exception as error:
            self._leave(job.left)
            _settle(job.done, error=error)
            return
        job.answers.extend(answers)
        if self._observe:
            self._observe(job.bundle, answers, time.perf_counter() - begin)
        self._leave(len(some), job if job.left else None)
        if not job.left:
            _settle(job.done, answers=job.answers)

    def _leave(self, count: int, again: Job | None = None) -> None:
        with self._changed:
            self._waiting -= count
            if again is not None:
                self._jobs.append(again)


def _settle(
    done: Future[list[Answer]],
    answers: list[Answer] | None = None,
    error: Exception | None = None,
) -> None:
    """Give the outcome, unless nobody waits for it any more."""
    if not done.set_running_or_notify_cancel():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(answers or [])
