"""What holds of every network's logits: a note's do not depend on the batch that it stands in."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EXACT = {"atol": 1e-12, "rtol": 1e-12}


def assert_padding_neighbours_and_order_change_nothing(
    model: nn.Module, logits: Callable[[nn.Module, Tensor], Tensor], batch: Tensor
) -> None:
    """`model` in double precision; `batch` [B, N] of token ids, padded with 0 at the end."""
    with torch.no_grad():
        model.words[0] = 100.0  # even a padding row that is not 0 stays without effect
    together = logits(model, batch)
    for row, length in enumerate((batch != 0).sum(dim=1).tolist()):
        alone = logits(model, batch[row : row + 1, :length])
        padded = logits(model, F.pad(batch[row : row + 1, :length], (0, 20)))
        torch.testing.assert_close(together[row : row + 1], alone, **EXACT)
        torch.testing.assert_close(padded, alone, **EXACT)
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(logits(model, batch[order]), together[order], **EXACT)
