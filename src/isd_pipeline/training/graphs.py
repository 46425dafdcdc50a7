"""Pieces of work that can be done again on the same places of memory: on a GPU as CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol, runtime_checkable

import torch

Piece = Callable[[], None]


@runtime_checkable
class Recorder(Protocol):
    """Does pieces of work so that they can be done again on the same places of memory."""

    def __call__(self, piece: Piece) -> Piece:
        """Do a piece and give how to do it again."""

    def aside(self) -> AbstractContextManager[None]:
        """Where steps are to be computed."""


class CudaGraphs:
    """One memory for all graphs, for only one step is made at a time; one stream of their own."""

    def __init__(self) -> None:
        self.pool, self.stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream()

    def __call__(self, piece: Piece) -> Piece:
        """Record a piece, which does not do it, and do it."""
        graph = torch.cuda.CUDAGraph()
        mode = "thread_local"  # the thread that makes batches may pin memory meanwhile
        with torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode=mode):
            piece()
        graph.replay()
        return graph.replay

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Compute on the stream of the recordings, behind what was begun and before what follows.

        Steps that are not recorded are made there too, for autograd adds up the gradient of a
        weight on the stream where it met the weight first.
        """
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            yield
        torch.cuda.current_stream().wait_stream(self.stream)


class OneByOne:
    """Nothing is recorded: doing a piece again is calling it again."""

    def __call__(self, piece: Piece) -> Piece:
        """Do a piece."""
        piece()
        return piece

    def aside(self) -> AbstractContextManager[None]:
        """Compute as ever."""
        return nullcontext()
