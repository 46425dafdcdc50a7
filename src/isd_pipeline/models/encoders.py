"""From words to states: what the compared systems read a note with.

Axes: B notes, N tokens, V words, E word width, P windows, D width of the states. Whatever is
padding is 0 before it is read, so that a note's states do not depend on its batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from isd_pipeline.models.kernels import Dropout
from isd_pipeline.shapes import Bool, Float, Int


def refuse_share(config: object, name: str) -> None:
    """Raise a ValueError unless a field of `config`, a dropout, is at least 0 and below 1."""
    if not 0 <= getattr(config, name) < 1:
        raise ValueError(f"{type(config).__name__}.{name}={getattr(config, name)} is not in [0, 1)")


class WordVectors(nn.Module):
    """The vectors of a note's words, a share of their numbers dropped in training.

    Args:
        words: initial vectors, [V + 2, E]; row 0 is padding.
        dropout: the share.
        trained: False leaves the vectors as they are.
    """

    def __init__(self, words: Float[Tensor, "V E"], dropout: float, trained: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(words.float().clone(), requires_grad=trained)
        self.dropout = Dropout(dropout)

    def forward(
        self, tokens: Int[Tensor, "B N"], is_token: Bool[Tensor, "B N"]
    ) -> Float[Tensor, "B N E"]:
        """Look the words up; padding is 0, whatever stands in row 0."""
        vectors = self.dropout(F.embedding(tokens, self.weight, padding_idx=0))
        return vectors * is_token[..., None]


class TanhConv(nn.Module):
    """tanh(W x_{p-border : p-border+size-1} + b) for every window p.

    With `border` size // 2, an odd size has N windows and an even one N + 1, the last of which
    ends behind the note; with 0 it has N - size + 1, the windows that fit, and a note shorter
    than a window has one.
    """

    def __init__(self, inputs: int, width: int, size: int, border: int) -> None:
        super().__init__()
        self.size, self.border = size, border
        self.convolve = nn.Conv1d(inputs, width, size, padding=border)
        nn.init.xavier_uniform_(self.convolve.weight)

    def forward(
        self, words: Float[Tensor, "B N E"], is_token: Bool[Tensor, "B N"]
    ) -> tuple[Tensor, Tensor]:
        """Give the windows' states, [B, P, D], and which of them are the note's, [B, P]."""
        missing = max(0, self.size - 2 * self.border - words.shape[1])
        channels = F.pad(words.mT, (0, missing)).contiguous()
        states = self.convolve(channels).tanh_().mT
        n_windows = is_token.sum(dim=1, keepdim=True) + 2 * self.border - self.size + 1
        place = torch.arange(states.shape[1], device=states.device)
        return states, place < n_windows.clamp(min=1)


def greatest(states: Float[Tensor, "B P D"], is_state: Bool[Tensor, "B P"]) -> Tensor:
    """The greatest value of each channel over a note, [B, D]."""
    return states.masked_fill(~is_state[..., None], float("-inf")).max(dim=1).values


def run_packed(
    network: nn.RNNBase, words: Float[Tensor, "B N E"], is_token: Bool[Tensor, "B N"]
) -> tuple[Tensor, Tensor]:
    """Run a recurrent network over each note as if it were alone.

    Gives the states, [B, N, D], and the state after a note's last word (and, the other way,
    after its first), [directions, B, D / directions].
    """
    lengths = is_token.sum(dim=1).cpu()  # the host has to know them: here a GPU is waited for
    packed = pack_padded_sequence(words, lengths, batch_first=True, enforce_sorted=False)
    states, last = network(packed)
    padded, _ = pad_packed_sequence(states, batch_first=True, total_length=words.shape[1])
    return padded, last[0] if isinstance(last, tuple) else last
