"""The line before the models changes when a note is read, and nothing of what is said of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from isd_pipeline.coding.coder import Answer, Coder, Note
from isd_pipeline.service.limits import Limits
from isd_pipeline.service.model_queue import BusyError, ModelQueue, StoppedError
from tests.coding.tiny import bundle_of, notes_of
from tests.service.serving import TEXT

TEXTS = [TEXT, "fever", "sepsis and pain", "", "acute pneumonia of the chest", "unknown", "café"]


class Recording(Coder):
    """Keeps which notes are read together, and by which thread."""

    def __init__(self) -> None:
        super().__init__(bundle_of())
        self.read_together: list[list[str]] = []
        self.threads: set[str] = set()
        self.go = threading.Event()

    def code(self, notes: Sequence[Note], **asked: Any) -> list[Answer]:
        assert self.go.wait(30)
        self.read_together.append([note.id for note in notes])
        self.threads.add(threading.current_thread().name)
        return super().code(notes, **asked)


@pytest.mark.parametrize("at_once", [1, 3, 64])
def test_answers_are_those_of_the_coder_to_the_bit_however_they_are_cut(at_once: int) -> None:
    coder, notes = Coder(bundle_of()), notes_of(*TEXTS)
    queue = ModelQueue({"tiny": coder}, at_once=at_once)

    async def all_at_once() -> list[list[Answer]]:
        orders = [notes, notes[::-1], notes[2:5], *([note] for note in notes)]
        return await asyncio.gather(*(queue.code("tiny", order) for order in orders))

    alone = {note.id: coder.code([note])[0] for note in notes}
    for answers in asyncio.run(all_at_once()):
        assert answers == [alone[answer.id] for answer in answers]
    queue.close()


def test_one_note_does_not_wait_for_all_those_that_came_before_it() -> None:
    coder = Recording()
    queue = ModelQueue({"tiny": coder}, at_once=2)
    many = [Note(f"many{n}", TEXT) for n in range(6)]

    async def both() -> None:
        first = asyncio.create_task(queue.code("tiny", many))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(queue.code("tiny", [Note("one", TEXT)]))
        await asyncio.sleep(0.1)
        coder.go.set()
        await asyncio.gather(first, second)

    asyncio.run(both())
    assert coder.read_together[:3] == [["many0", "many1"], ["one"], ["many2", "many3"]]
    assert coder.threads == {"model"}
    queue.close()


def test_a_request_that_nobody_waits_for_any_more_is_read_no_further() -> None:
    coder = Recording()
    queue = ModelQueue({"tiny": coder}, at_once=1)

    async def leave() -> None:
        task = asyncio.create_task(queue.code("tiny", [Note(str(n), TEXT) for n in range(50)]))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.sleep(0.1)
        coder.go.set()

    asyncio.run(leave())
    queue.close()
    assert coder.read_together == [["0"]]
    assert queue.waiting == 0


def test_an_empty_line_takes_a_request_that_is_larger_than_its_bound() -> None:
    queue = ModelQueue({"tiny": Coder(bundle_of())}, Limits(waiting=2))
    assert len(asyncio.run(queue.code(None, notes_of(*TEXTS)))) == len(TEXTS)
    queue.close()


def test_what_is_in_line_at_the_end_is_finished_and_no_more_is_taken() -> None:
    coder = Recording()
    queue = ModelQueue({"tiny": coder}, Limits(waiting=4), at_once=1)

    async def end() -> list[Answer]:
        under_way = asyncio.create_task(queue.code("tiny", notes_of(*TEXTS[:4])))
        await asyncio.sleep(0.1)
        with pytest.raises(BusyError):
            await queue.code("tiny", notes_of("fever"))
        closing = asyncio.create_task(asyncio.to_thread(queue.close))
        await asyncio.sleep(0.1)
        with pytest.raises(StoppedError):
            await queue.code("tiny", notes_of("fever"))
        coder.go.set()
        await closing
        return await under_way

    assert [answer.id for answer in asyncio.run(end())] == ["n0", "n1", "n2", "n3"]
    assert not queue.is_ready


def test_a_bundle_that_is_not_served_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="other"):
        asyncio.run(ModelQueue({"tiny": Coder(bundle_of())}).code("other", []))
