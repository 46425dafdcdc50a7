"""Values on their way between host and device, without either waiting for the other.

On a CPU host and device are one and everything is there at once.
"""

import numpy as np
import torch
from torch import Tensor


def send(values: Tensor, device: torch.device) -> Tensor:
    """Copy to a device, from pinned memory, so that a GPU goes on computing meanwhile."""
    if device.type == "cuda" and not values.is_cuda:
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


class HostCopy:
    """A copy of a tensor on the host, begun at once and waited for when it is needed."""

    def __init__(self, tensor: Tensor) -> None:
        on_gpu = tensor.is_cuda
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
