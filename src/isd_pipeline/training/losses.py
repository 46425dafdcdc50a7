"""Losses that know no model: binary cross entropy from gold codes, cosine, cross entropy.

All of them take logits of any precision and count in fp32. Axes: B notes, L codes, G gold codes
of the note that has most (shorter rows end in -1), Q representations.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from isd_pipeline.shapes import Bool, Float, Int
from isd_pipeline.training.kernels import NEVER, widened

LEAST = 1e-12  # a share of attention of which there is a logarithm


def binary_cross_entropy(
    logits: Float[Tensor, "B L"],
    gold: Int[Tensor, "B G"],
    reduction: str = "mean",
    counts: Bool[Tensor, " B"] | None = None,
) -> Float[Tensor, ""]:
    """Binary cross entropy over all codes, from the gold codes alone: Eq. 8 of ISD.

        sum_i softplus(z_i) - sum_{i gold} z_i

    which is what the dense 0-1 matrix would give, without the matrix.

    Args:
        logits: one a code.
        gold: code numbers of each note, padded with -1.
        reduction: "mean" over notes and codes, or "sum" over codes and mean over notes.
        counts: False leaves a note out.
    """
    logits = widened(logits)
    of_gold = logits.gather(1, gold.clamp(min=0)).masked_fill(gold < 0, 0.0)
    of_note = F.softplus(logits).sum(dim=1) - of_gold.sum(dim=1)
    loss = of_note.mean() if counts is None else mean_where(of_note, counts)
    return loss / logits.shape[1] if reduction == "mean" else loss


def cross_entropy(
    logits: Float[Tensor, "B L"], target: Int[Tensor, " B"], counts: Bool[Tensor, " B"]
) -> Float[Tensor, ""]:
    """Mean of -log softmax at the target, over the notes that count; 0 if none does."""
    return mean_where(F.cross_entropy(widened(logits), target, reduction="none"), counts)


def attention_on_marks(
    scores: Float[Tensor, "B K N"],
    is_place: Bool[Tensor, "B N"],
    marked: Bool[Tensor, "B K N"],
) -> Float[Tensor, ""]:
    """Mean of -log of the attention that falls on marked places, over the rows that have any.

        -log sum_{n marked} softmax_n(s)_n

    Args:
        scores: what the attention of K codes is the softmax of.
        is_place: False gets no attention.
        marked: the places that people marked for each code; a row without any does not count.
    """
    scores = widened(scores).masked_fill(~is_place[:, None], NEVER)
    on_marked = scores.masked_fill(~marked, NEVER).logsumexp(dim=-1)
    missed = (scores.logsumexp(dim=-1) - on_marked).flatten()
    return mean_where(missed, marked.any(dim=-1).flatten())


def missed_share(share: Float[Tensor, "B K"], counts: Bool[Tensor, "B K"]) -> Float[Tensor, ""]:
    """Mean of -log of a share of attention, over those that count: `attention_on_marks` of sums."""
    return mean_where(-widened(share).clamp(min=LEAST).log().flatten(), counts.flatten())


def cosine(left: Float[Tensor, "B Q D"], right: Float[Tensor, "B P D"]) -> Float[Tensor, "B Q P"]:
    """Cosine of every pair of rows of the same note, by one matrix product."""
    with torch.autocast(left.device.type, enabled=False):
        return F.normalize(widened(left), dim=-1) @ F.normalize(widened(right), dim=-1).mT


def mean_where(values: Float[Tensor, " B"], counts: Bool[Tensor, " B"]) -> Float[Tensor, ""]:
    """Mean of the values that count; 0, with zero gradient, if none does."""
    return values.masked_fill(~counts, 0.0).sum() / counts.sum().clamp(min=1)
