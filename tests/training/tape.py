"""A CUDA graph played on a CPU: what a piece of work computes, recorded and computed again.

As a GPU would, it repeats operations on the same places of memory and knows nothing of the Python
that started them; an operation that has the host read a value is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

READ_BY_THE_HOST = (
    *("_local_scalar_dense", "equal", "is_nonzero", "nonzero", "masked_select", "_unique2"),
    *("unique_dim", "bincount", "repeat_interleave"),  # how many there are is a value, too
)
PICKING = ("index", "index_put", "index_put_")  # by a mask: those that are nonzero


class Tape(TorchDispatchMode):
    """The operations of one piece."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, dict[str, Any], Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in READ_BY_THE_HOST or (name in PICKING and has_mask(args[1])):
            raise AssertionError(f"the host reads what {func} computes, which no GPU can repeat")
        found = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, found))
        return found

    @torch.no_grad()
    def play(self) -> None:
        """Compute everything again, each result in the place of the first one."""
        for func, args, kwargs, found in self.calls:
            given = {place(one) for one in tensors_of((args, kwargs))}
            again = func(*args, **kwargs)
            for old, new in zip(tensors_of(found), tensors_of(again), strict=True):
                if place(old) not in given:  # else a view, or changed where it stands
                    old.copy_(new)


class Tapes:
    """Instead of CUDA graphs."""

    def __init__(self) -> None:
        self.recorded = self.played = 0

    def __call__(self, piece: Callable[[], None]) -> Callable[[], None]:
        self.recorded += 1
        tape = Tape()
        with tape:
            piece()

        def play() -> None:
            self.played += 1
            tape.play()

        return play

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()


def tensors_of(values: Any) -> list[Tensor]:
    return [one for one in tree_leaves(values) if isinstance(one, Tensor)]


def has_mask(indices: Any) -> bool:
    return any(one.dtype == torch.bool for one in tensors_of(indices))


def place(one: Tensor) -> int:
    return one.untyped_storage().data_ptr()
