"""How much the service takes, and how long it waits."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Beyond each a request is refused with the status that is named.

    `body` holds `notes` notes of `characters` characters, each of up to four bytes in UTF-8.
    `bodies` bounds what all requests together hold before they are read; `waiting` the notes that
    all requests together may have in the queue. `values` counts keys and values of a body's JSON,
    so that it is refused before it is built in memory.
    """

    notes: int = 64  # 422
    characters: int = 200_000  # of a note's text, in code points: 413
    body: int = 64 << 20  # bytes: 413
    bodies: int = 128 << 20  # bytes: 429
    values: int = 10_000  # 422
    top: int = 1_000  # 422
    waiting: int = 512  # 429
    body_seconds: float = 60.0  # until the whole body is there: 408
    answer_seconds: float = 600.0  # until the model has read all notes of a request: 503


LIMITS = Limits()
