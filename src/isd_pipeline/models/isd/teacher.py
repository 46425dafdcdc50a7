"""What the teacher reads instead of a note: the descriptions of its gold codes, section 3.5.

Axes: B notes, G gold codes of the note that has most (shorter rows end in -1), L codes, C distinct
codes of the batch, M words of the longest description, S words of all descriptions of a note.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from isd_pipeline.shapes import Int


class TeacherText(NamedTuple):
    """The descriptions of a batch's gold codes: each distinct one once, and who reads which."""

    tokens: Tensor  # int [C, M], 0-padded
    place: Tensor  # int [B, S]: where in the flat [C * M] a note's next word stands
    is_token: Tensor  # bool [B, S]
    has_text: Tensor  # bool [B]
    codes: np.ndarray  # int [C], those described, on the host; 0 where a row describes none


def exactly(size: int) -> int:
    """Lengths as they are."""
    return size


def teacher_text(
    gold: Int[Tensor, "B G"],
    descriptions: Int[Tensor, "L M"],
    size: Callable[[int], int] = exactly,
) -> TeacherText:
    """Lay the descriptions of each note's codes end to end, at the batch's own lengths.

    `size` gives a length to pad to, for each of C, M and S.
    """
    present = gold >= 0
    distinct, which = gold[present].unique(return_inverse=True)
    tokens = descriptions[distinct] if len(distinct) else descriptions.new_zeros(1, 1)
    tokens = tokens[:, : max(1, int((tokens != 0).sum(dim=1).max()))]
    lengths = torch.zeros_like(gold).masked_scatter(present, (tokens != 0).sum(dim=1)[which])
    tokens = _padded(tokens, size(tokens.shape[0]), size(tokens.shape[1]))
    ends = lengths.cumsum(dim=1)
    totals = ends[:, -1]
    place = torch.zeros(len(gold), size(max(1, int(totals.max()))), dtype=torch.long)
    column = torch.arange(tokens.shape[1])
    fits = column < lengths[present][:, None]  # [pairs of note and code, M]
    note = present.nonzero()[:, :1].expand_as(fits)
    start = (ends - lengths)[present][:, None]
    place[note[fits], (start + column)[fits]] = (which[:, None] * len(column) + column)[fits]
    is_token = torch.arange(place.shape[1]) < totals[:, None]
    codes = np.zeros(len(tokens), dtype=np.int64)
    codes[: len(distinct)] = distinct
    return TeacherText(tokens, place, is_token, totals > 0, codes)


def _padded(values: Tensor, rows: int, columns: int) -> Tensor:
    """The same with more rows and columns of zeros."""
    return F.pad(values, (0, columns - values.shape[1], 0, rows - values.shape[0]))
