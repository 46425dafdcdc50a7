"""Values on their way between host and device, without either waiting for the other.

On a CPU host and device are one and everything is there at once.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor


def send(values: Tensor, device: torch.device) -> Tensor:
    """Copy to a device, from pinned memory, so that a GPU goes on computing meanwhile."""
    if device.type == "cuda" and not values.is_cuda:
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


def each(change: Callable[[Tensor], Tensor], parts: Any) -> Any:
    """Tuples within tuples with every tensor in them changed; all else stays as it is."""
    if isinstance(parts, Tensor):
        return change(parts)
    if not isinstance(parts, tuple):
        return parts
    changed = [each(change, part) for part in parts]
    return type(parts)(*changed) if hasattr(parts, "_fields") else tuple(changed)


def tensors(parts: Any) -> Iterator[Tensor]:
    """The tensors in tuples within tuples, in order."""
    if isinstance(parts, Tensor):
        yield parts
    for part in parts if isinstance(parts, tuple) else ():
        yield from tensors(part)


class HostCopy:
    """A copy of a tensor on the host, begun at once and waited for when it is needed."""

    def __init__(self, tensor: Tensor) -> None:
        self.is_of_gpu = on_gpu = tensor.is_cuda
        self.values = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=on_gpu)
        self.values.copy_(tensor.detach(), non_blocking=on_gpu)
        self.done = torch.cuda.Event() if on_gpu else None
        if self.done is not None:
            self.done.record()

    def wait(self) -> np.ndarray:
        """Give the values, once they are there."""
        if self.done is not None:
            self.done.synchronize()
        return self.values.numpy()
