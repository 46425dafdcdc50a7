"""One function over many parts of the data: in a loop here, or on the workers of a cluster.

What is made of a part is a function of the part alone, and results come in the order of the parts.
So an engine changes no byte of any output: it says who computes, never what. The loop is the
default and imports no Dask; `cluster` is imported where Dask is asked for.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self, TypeVar, get_args

LOG = logging.getLogger(__name__)
Name = Literal["loop", "dask"]
TOLD = 20  # lines of progress at most
WORDED = (ValueError, OSError, FloatingPointError)  # errors whose words are ours


class Part(Protocol):
    """What a worker reads at a time; its `str` names it in a message: a file, and rows of it."""

    def halves(self) -> Sequence[Self]:
        """Its first and its second half; empty where it cannot be divided."""
        ...


P = TypeVar("P", bound=Part)
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Who computes: this process in a `loop`, or `dask`.

    `cluster` is `local`, for `workers` processes of this machine on its loopback, or the address of
    a scheduler that runs already. `rows` of notes or documents are a part.
    """

    name: Name = "loop"
    cluster: str = "local"
    workers: int = 2
    rows: int = 2048

    def __post_init__(self) -> None:
        if self.name not in get_args(Name):
            raise ValueError(f"name={self.name!r} is none of {', '.join(get_args(Name))}")
        if self.cluster != "local" and "://" not in self.cluster:
            raise ValueError("cluster is neither `local` nor an address such as tcp://host:8786")
        if "@" in self.cluster:
            raise ValueError("cluster holds a user or password; Dask's own configuration has them")
        if self.workers < 1 or self.rows < 1:
            raise ValueError(f"workers={self.workers}, rows={self.rows}: one at least of each")


LOOP = Engine()


def map_parts(
    function: Callable[..., R],
    parts: Iterable[P],
    engine: Engine = LOOP,
    *,
    common: Sequence[Any] = (),
    what: str = "parts",
) -> Iterator[R]:
    """`function(part, *common)` of each part, in their order, each as soon as it is there.

    Few results wait at a time, so memory does not grow with the number of parts; nor with that of
    parts which hold data, where `parts` makes them as they are asked for. `function` is one of a
    module, not a closure, and changes nothing but what it returns: the part of a worker that was
    lost is done again by another.

    Raises:
        ValueError: in one line, for the first part that fails: the part, as near to its row as
            dividing it leads, and what went wrong, without a word of the data.
    """
    if engine.name == "dask":
        from isd_pipeline.data.io import cluster

        results = cluster.map_on_workers(function, parts, engine, common)
    else:
        results = (attempt(function, part, *common) for part in parts)
    return _told(results, len(parts) if isinstance(parts, Sized) else None, what)


def merge_parts(
    function: Callable[..., R],
    merge: Callable[[Iterable[R]], R],
    parts: Sequence[P],
    engine: Engine = LOOP,
    *,
    common: Sequence[Any] = (),
    what: str = "parts",
) -> R:
    """All results as one, merged where they are: on a cluster as a tree, neighbours first.

    `merge` makes a new value of several in their order and leaves them as they are. It is
    associative: merged values can be merged.
    """
    if engine.name == "dask":
        from isd_pipeline.data.io import cluster

        return cluster.merge_on_workers(
            function, merge, parts, engine, common, lambda done: _tell(done, len(parts), what)
        )
    return merge(map_parts(function, parts, engine, common=common, what=what))


def attempt(function: Callable[..., R], part: P, *common: Any) -> R:
    """The result of a part, or a ValueError that names it; ISD_DEBUG=1 leaves errors as they are.

    A part that fails is divided for as long as one of its halves fails, which leads to a row.
    """
    try:
        return function(part, *common)
    except Exception as error:
        if os.environ.get("ISD_DEBUG"):
            raise
        raise ValueError(_told_fault(*_narrowed(function, part, common, error))) from None


def _narrowed(
    function: Callable[..., Any], part: P, common: Sequence[Any], error: Exception
) -> tuple[P, Exception]:
    """The smallest part that fails, and how."""
    for half in part.halves():
        try:
            function(half, *common)
        except Exception as found:
            return _narrowed(function, half, common, found)
    return part, error


def _told_fault(part: Part, error: Exception) -> str:
    """One line. Words of an error that is not ours may be a note's, so its kind stands for it."""
    name = str(part)
    if type(error).__module__ != "builtins" or not isinstance(error, WORDED):
        return f"{name}: {type(error).__name__} (ISD_DEBUG=1 and the engine `loop` show where)"
    if isinstance(error, UnicodeError):
        return f"{name}: bytes that are not UTF-8; convert the file first"
    words = " ".join(str(error).split())
    return words if words.startswith(name) else f"{name}: {words}"


def _told(results: Iterator[R], count: int | None, what: str) -> Iterator[R]:
    for done, result in enumerate(results, start=1):
        _tell(done, count, what)
        yield result


def _tell(done: int, count: int | None, what: str) -> None:
    """Progress, in few lines however many parts there are; of an unknown number when it doubles."""
    if count is None:
        if done > 1 and done.bit_count() == 1:
            LOG.info("%s: %d", what, done)
        return
    step = max(1, -(-count // TOLD))
    if count > 1 and (done % step == 0 or done == count):
        LOG.info("%s: %d of %d", what, done, count)


def divided(begin: int, end: int) -> list[tuple[int, int]]:
    """Two ranges for one; none for a single row."""
    middle = (begin + end) // 2
    return [(begin, middle), (middle, end)] if end - begin > 1 else []


def ranges(count: int, size: int) -> list[tuple[int, int]]:
    """`count` rows as ranges of `size`, the last one shorter."""
    return [(begin, min(begin + size, count)) for begin in range(0, count, size)]
