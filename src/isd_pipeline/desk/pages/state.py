"""What the screen works on, and how a request finds it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from fastapi import Request

from isd_pipeline.coding.codebook import Codebook
from isd_pipeline.coding.coder import Answer
from isd_pipeline.desk.decisions import DecisionLog
from isd_pipeline.desk.worklist import Filed, WorkList
from isd_pipeline.service.model_queue import BusyError, StoppedError
from isd_pipeline.service.refusals import RefusedError

TOP = 40  # codes of a note that are shown at least
KEPT = 200  # answers in memory


@dataclass
class Desk:
    """Notes and the record of decisions; the latest answers of the models, by key and bundle."""

    notes: WorkList
    log: DecisionLog
    answers: OrderedDict[tuple[str, str], Answer] = field(default_factory=OrderedDict)


def desk_of(request: Request) -> Desk:
    """The desk of the application."""
    desk: Desk = request.app.state.desk
    return desk


def filed_of(request: Request, key: str) -> Filed:
    """The note of a key."""
    try:
        return desk_of(request).notes[key]
    except KeyError:
        raise RefusedError(404, "no such note lies here: go back to the list") from None


def bundle_of(request: Request, name: str | None) -> str:
    """The bundle of this name, or the first."""
    coders = request.app.state.coders
    if name is not None and name not in coders:
        raise RefusedError(422, f"bundle: none of this name; there are {', '.join(coders)}")
    return name or next(iter(coders))


def codebook_of(request: Request, bundle: str) -> Codebook:
    """The codes of a bundle."""
    book: Codebook = request.app.state.codebooks[bundle]
    return book


async def answer_of(request: Request, filed: Filed, bundle: str) -> Answer:
    """What a bundle says of a note, read once for all who look at it."""
    answers, at = desk_of(request).answers, (filed.key, bundle)
    if at not in answers:
        [answers[at]] = await _read(request, filed, bundle)
    answers.move_to_end(at)
    answer = answers[at]
    while len(answers) > KEPT:
        answers.popitem(last=False)
    return answer


async def _read(request: Request, filed: Filed, bundle: str) -> list[Answer]:
    try:
        answers: list[Answer] = await request.app.state.queue.code(bundle, [filed.note], top=TOP)
    except BusyError:
        raise RefusedError(429, "too many notes are waiting; try again later") from None
    except StoppedError as error:
        raise RefusedError(503, str(error)) from None
    return answers
