"""The processes of one training, as torchrun starts them: gloo on CPUs, NCCL between GPUs.

One process is the usual case: then nothing here does anything, nor is `torch.distributed` asked
for. Each process is a rank, counted from 0. The first one alone writes, logs and tracks.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch
    from torch import Tensor

T = TypeVar("T")

PATIENCE = timedelta(days=7)  # a rank that has ended is heard of at once; a slow one is waited for
AT_ONCE = 1 << 23  # numbers that are sent together
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class ProcessLostError(ConnectionError):
    """Another process of the training has ended before its time."""


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this one is, and what they tell each other."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and logs."""
        return self.rank == 0

    def of_first(self, value: T) -> T:
        """What the first process has in place of this value, which JSON can hold; all wait."""
        if self.count == 1:
            return value
        import torch

        text = torch.tensor(list(json.dumps(value).encode()), dtype=torch.uint8)
        length = torch.tensor(len(text))
        self._collective("broadcast", length, src=0)
        text = text if self.is_first else torch.empty(int(length), dtype=torch.uint8)
        self._collective("broadcast", text, src=0)
        found: T = json.loads(bytes(text.tolist()))
        return found

    def agree(self, value: Any, what: str) -> None:
        """Wait for all; raise a ValueError in a process that has another value than the first."""
        if self.of_first(value) != value:
            raise ValueError(
                f"process {self.rank} of the training has another {what} than the first: all need "
                "the same code, settings and data, and the same folder scratch/"
            )

    def copy_first(self, tensors: Sequence[Tensor]) -> None:
        """Overwrite each tensor by the first process's."""
        for tensor in tensors if self.count > 1 else ():
            self._collective("broadcast", tensor, src=0)

    def add(self, values: Tensor) -> None:
        """Replace each number by its sum over all processes, the same to the bit in all."""
        if self.count > 1:
            self._collective("all_reduce", values)

    def add_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Replace each gradient by its sum; a parameter that none of them uses gets none."""
        import torch

        if self.count == 1:
            return
        used = torch.tensor([float(one.grad is not None) for one in parameters])
        self.add(used)
        wanted = [one for one, n in zip(parameters, used.tolist(), strict=True) if n]
        for some in _bundles(wanted):
            parts = [torch.zeros_like(one) if one.grad is None else one.grad for one in some]
            flat = torch.cat([part.flatten() for part in parts])
            self.add(flat)
            for one, part in zip(some, flat.split([p.numel() for p in parts]), strict=True):
                one.grad = part.view_as(one)

    def _collective(self, name: str, *arguments: Any, **options: Any) -> None:
        import torch.distributed as dist

        try:
            getattr(dist, name)(*arguments, **options)
        except RuntimeError as error:
            raise ProcessLostError(
                f"process {self.rank} of the training has lost another one, whose own words say "
                "why, if it had any; the same command again goes on after the last epoch written"
            ) from error


ALONE = Ranks()


def here() -> Ranks:
    """Which process this is, by the names that torchrun gives; `ALONE` where nobody gave any."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    return Ranks(int(os.environ["RANK"]), count) if count > 1 else ALONE


def local_rank() -> int:
    """Which of the processes of this machine it is."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """Meet the other processes, and part from them at the end.

    Where the meeting point is this machine, nothing but its loopback is listened on.
    """
    ranks = here()
    if ranks.count == 1:
        yield ranks
        return
    import torch.distributed as dist

    if os.environ.get("MASTER_ADDR") in LOOPBACK:
        for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
            os.environ.setdefault(name, _loopback())
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    try:
        yield ranks
    finally:
        dist.destroy_process_group()


def _loopback() -> str:
    """The name of the loopback interface: lo, or lo0."""
    return next(name for _, name in socket.if_nameindex() if name.startswith("lo"))


def _bundles(parameters: Sequence[torch.nn.Parameter]) -> Iterator[list[torch.nn.Parameter]]:
    """Parameters of one kind of number, as many as are sent at once."""
    some: list[torch.nn.Parameter] = []
    for one in parameters:
        size = sum(part.numel() for part in some)
        if some and (one.dtype != some[0].dtype or size + one.numel() > AT_ONCE):
            yield some
            some = []
        some.append(one)
    if some:
        yield some
