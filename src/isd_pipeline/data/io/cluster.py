"""The workers of a Dask cluster, for `parts` alone. Needs the extra `cluster`.

Dask is used for three things: to hand a function and a part to a worker, to have the part done
again where a worker is lost, and to merge results where they are. No collection of Dask's is used,
so nothing is shuffled between workers.
"""

from __future__ import annotations

import atexit
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from threading import get_ident
from typing import TYPE_CHECKING, Any, TypeVar

from isd_pipeline.data.io.parts import Engine, Part, attempt

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

LOG = logging.getLogger(__name__)
P = TypeVar("P", bound=Part)
R = TypeVar("R")
AHEAD = 2  # parts a core that are handed out before the first is taken back
FAN_IN = 8  # results merged at a time
# A part whose worker died is done again by another worker; after the fourth death it is the part.
ALLOWED_FAILURES = 3
SETTINGS = {
    "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
    # What a worker holds is of notes: it stays in memory and is not laid on a disk.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    # As Dask's own, but for MALLOC_TRIM_THRESHOLD_: with it each layer's memory is given back and
    # asked for again, and coding a note takes 1.6 times the processor time.
    "distributed.nanny.pre-spawn-environ": {
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), 1),
        "DASK_LOGGING__DISTRIBUTED": "error",  # a worker that starts and ends has nothing to tell
    },
    "distributed.worker.profile.enabled": False,  # samples that nobody looks at
    "distributed.admin.large-graph-warning-threshold": "1GB",
    # No pages: neither the dashboard nor the tables of tasks and logs beside it.
    **{f"distributed.{who}.http.routes": [] for who in ("scheduler", "worker", "nanny")},
}


def map_on_workers(
    function: Callable[..., R], parts: Iterable[P], engine: Engine, common: Sequence[Any]
) -> Iterator[R]:
    """As `map_parts`."""
    client = client_of(engine)
    for part, future in _done_in_order(client, function, parts, common, _with_warnings):
        result, told = _result(future, part)
        for logger, level, message in told:
            logging.getLogger(logger).log(level, "%s", message)
        yield result


def _with_warnings(
    function: Callable[..., R], part: Part, *common: Any
) -> tuple[R, list[tuple[str, int, str]]]:
    """What a part gives, and what was logged of it, for the process that asked to log."""
    told: list[tuple[str, int, str]] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == get_ident():
                told.append((record.name, record.levelno, record.getMessage()))

    logger, keeping = logging.getLogger("isd_pipeline"), Keeping(logging.WARNING)
    logger.addHandler(keeping)
    try:
        return attempt(function, part, *common), told
    finally:
        logger.removeHandler(keeping)


def merge_on_workers(
    function: Callable[..., R],
    merge: Callable[[Iterable[R]], R],
    parts: Sequence[P],
    engine: Engine,
    common: Sequence[Any],
    tell: Callable[[int], None],
) -> R:
    """As `merge_parts`. Of each level of the tree fewer than `FAN_IN` results wait."""
    client = client_of(engine)
    levels: list[list[Future]] = [[]]
    for done, (_, future) in enumerate(_done_in_order(client, function, parts, common), 1):
        levels[0].append(future)
        _carry(client, merge, levels)
        tell(done)
    first_to_last = [future for level in reversed(levels) for future in level]
    # One task even of one result: `merge` may make something else of it than a part's function.
    merged = client.submit(_merge_all, merge, *first_to_last, pure=False, priority=len(levels))
    return _result(merged, "the merged parts")


def _carry(client: Client, merge: Callable[..., Any], levels: list[list[Future]]) -> None:
    """Eight results of a level become one of the next, as digits are carried."""
    for level, waiting in enumerate(levels):
        if len(waiting) < FAN_IN:
            return
        if level + 1 == len(levels):
            levels.append([])
        merged = client.submit(_merge_all, merge, *waiting, pure=False, priority=level + 1)
        levels[level + 1].append(merged)
        waiting.clear()


def _merge_all(merge: Callable[[Iterable[R]], R], *results: R) -> R:
    return merge(results)


def _done_in_order(
    client: Client,
    function: Callable[..., Any],
    parts: Iterable[P],
    common: Sequence[Any],
    run: Callable[..., Any] = attempt,
) -> Iterator[tuple[P, Future]]:
    """Each part and its task, which is done; only so many are handed out ahead.

    What is common to all parts is a task of its own, so that a lost worker's copy is made again.
    """
    shared = [client.submit(_same, value, pure=False) for value in common]
    ahead = max(2, AHEAD * sum(client.nthreads().values()))
    waiting: deque[tuple[P, Future]] = deque()
    for part in parts:
        task = client.submit(run, function, part, *shared, pure=False)
        waiting.append((part, task))
        if len(waiting) >= ahead:
            yield _done(*waiting.popleft())
    while waiting:
        yield _done(*waiting.popleft())


def _done(part: P, task: Future) -> tuple[P, Future]:
    """A task once it has ended, its result left where it is."""
    if task.exception() is not None:
        _result(task, part)
    return part, task


def _same(value: R) -> R:
    return value


def _result(future: Future, part: Any) -> Any:
    """What a task gave; what went wrong as one line."""
    from distributed import KilledWorker

    try:
        return future.result()
    except KilledWorker:
        raise ValueError(
            f"{part}: {ALLOWED_FAILURES + 1} workers died of it; has a worker the memory for a "
            "part? Fewer `rows` a part take less"
        ) from None
    except ValueError as error:
        raise ValueError(str(error)) from None


def client_of(engine: Engine) -> Client:
    """The client of an engine, made once; raises an OSError where no scheduler answers."""
    client = _client(engine.cluster, engine.workers if engine.cluster == "local" else 0)
    if not client.nthreads():
        LOG.warning("%s: has no worker yet; waiting for one", engine.cluster)
    return client


@cache
def _client(cluster: str, n_workers: int) -> Client:
    """As long as this process lives; a local cluster ends with it."""
    import dask
    from distributed import Client

    dask.config.set(SETTINGS)
    logging.getLogger("distributed").setLevel(logging.ERROR)
    is_local = cluster == "local"
    scheduler = _local(n_workers) if is_local else cluster
    # Results come from the workers themselves, not by the scheduler, where they can be reached.
    how = {"set_as_default": False, "timeout": "30s", "direct_to_workers": is_local}
    try:
        client = Client(scheduler, **how)
    except (OSError, TimeoutError):
        raise OSError(f"{cluster}: no Dask scheduler answers there") from None
    client.subscribe_topic("all", _tell_of_lost)
    atexit.register(_close, client, [client, scheduler] if is_local else [client])
    return client


def _tell_of_lost(event: tuple[float, dict[str, Any]]) -> None:
    """A worker that is stopped is expected to go; one that is killed is not."""
    if event[1].get("action") == "remove-worker" and not event[1].get("expected", True):
        LOG.warning("a worker was lost; its parts are done again")


def _local(n_workers: int) -> LocalCluster:
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        security=True,  # of this process alone: another user of the machine is not let in
        silence_logs=logging.CRITICAL,  # a failed part is told once, by this process
    )


def _close(client: Client, opened: list[Any]) -> None:
    with suppress(OSError, TimeoutError):
        client.unsubscribe_topic("all")
    for one in opened:
        with suppress(OSError, TimeoutError):  # what does not end now ends with this process
            one.close(timeout=10)
