"""From words to states: what the compared systems read a note with.

Axes: B notes, N tokens, V words, E word width, P windows, D width of the states. Whatever is
padding is 0 before it is read, so that a note's states do not depend on its batch.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.models.layers.axes import Mask, Tokens
from isd_pipeline.shapes import Bool, Float, Int
from isd_pipeline.training.kernels import Dropout


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

    def forward(self, tokens: Tokens, is_token: Mask) -> Float[Tensor, "B N E"]:
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

    def forward(self, words: Float[Tensor, "B N E"], is_token: Mask) -> tuple[Tensor, Tensor]:
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


class Recurrent(nn.Module):
    """An LSTM or a GRU that reads each note as if it were alone, onwards and perhaps backwards.

    Backwards it reads the note turned round, its padding still at the end. Packed sequences would
    say the same, but on a CPU their gradient costs the square of the longest note, and on a GPU
    they have the host wait for the lengths.
    """

    def __init__(
        self, kind: type[nn.LSTM] | type[nn.GRU], inputs: int, width: int, both_ways: bool = True
    ) -> None:
        super().__init__()
        self.onwards = kind(inputs, width, batch_first=True)
        self.backwards = kind(inputs, width, batch_first=True) if both_ways else None

    def forward(self, words: Float[Tensor, "B N E"], is_token: Mask) -> tuple[Tensor, Tensor]:
        """Give the states, [B, N, D], 0 at padding, and those after a note's last word, [B, D].

        Both directions stand side by side, D their widths together; the backward state after the
        last word that is read so is the one at the note's first. A note has a token.
        """
        last = is_token.sum(dim=1) - 1
        states = self.onwards(words)[0]
        ends = states[torch.arange(len(states), device=states.device), last]
        if self.backwards is not None:
            back = turned(self.backwards(turned(words, last))[0], last)
            states, ends = torch.cat([states, back], dim=2), torch.cat([ends, back[:, 0]], dim=1)
        return states * is_token[..., None], ends


def turned(values: Float[Tensor, "B N D"], last: Int[Tensor, " B"]) -> Float[Tensor, "B N D"]:
    """Each note's values in reverse order; what is behind its `last` stays there."""
    place = torch.arange(values.shape[1], device=values.device)
    order = torch.where(place <= last[:, None], last[:, None] - place, place)
    return values.gather(1, order[..., None].expand_as(values))
