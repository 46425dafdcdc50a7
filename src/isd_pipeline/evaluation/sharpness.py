"""How concentrated the attention of a trained model is over many notes: Table 6 of the paper.

Axes: B notes of a batch, Q shared representations (or, where each code reads for itself, codes),
N words.
"""

from typing import Any

import numpy as np
import torch
from torch import nn

from isd_pipeline.predictors.attention import attention_entropy, attention_sd
from isd_pipeline.text.documents import Documents
from isd_pipeline.training.batches import Batches, ordered_batches
from isd_pipeline.training.step import autocast

PADDED = 4_000  # words, as long as the authors pad every note
CELLS = 1 << 22  # of attention, or of states, at once: 16 MiB of float32


def attention_sharpness(
    model: nn.Module,
    documents: Documents,
    *,
    max_tokens: int,
    device: torch.device | str = "cpu",
    precision: str = "fp32",
) -> dict[str, float]:
    """Means over notes and queries; of a model without `n_queries` (ISD's) there is nothing to say.

    - attention_sd: the authors' number, `attention_sd` of notes padded to `PADDED` words. Left
      out where the model reads longer ones.
    - attention_entropy: in nats, whatever the padding; attention_words: its exponential, how many
      words a query reads if all were read alike.

    Reads the documents once, so few at a time that no matrix is much larger than `CELLS` or one
    note's. The model is left in the mode it was in.
    """
    if not hasattr(model, "n_queries"):
        return {}
    was_training = model.training
    model.eval()
    try:
        found = _each_note(model, documents, max_tokens, torch.device(device), precision)
    finally:
        model.train(was_training)
    return {name: float(np.concatenate(values).mean()) for name, values in found.items()}


@torch.inference_mode()
def _each_note(
    model: Any, documents: Documents, max_tokens: int, device: torch.device, precision: str
) -> dict[str, list[np.ndarray]]:
    """Each measure, [B, Q] a batch."""
    lengths = np.minimum(documents.lengths, max_tokens)
    at_once = max(1, CELLS // (int(lengths.max()) * max(model.n_queries, model.config.width)))
    found: dict[str, list[np.ndarray]] = {}
    for batch in Batches(documents, ordered_batches(lengths, at_once), max_tokens):
        moved = batch.to(device)
        with autocast(device, precision):
            output = model(moved.tokens, moved.is_token, want_attention=True)
        for name, values in _measures(output.attention.float().cpu().numpy(), max_tokens).items():
            found.setdefault(name, []).append(values)
    return found


def _measures(weights: np.ndarray, max_tokens: int) -> dict[str, np.ndarray]:
    entropy = attention_entropy(weights)
    padded = {"attention_sd": attention_sd(weights, PADDED)} if max_tokens <= PADDED else {}
    return {**padded, "attention_entropy": entropy, "attention_words": np.exp(entropy)}
