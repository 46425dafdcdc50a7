"""Scores of every code for every document: a model read once over the documents.

Axes: D documents, L codes.
"""

import numpy as np
import torch
from torch import nn

from isd_pipeline.text.documents import Documents
from isd_pipeline.training.batches import Batches, ordered_batches, read
from isd_pipeline.training.loop import autocast


def predict(
    model: nn.Module,
    documents: Documents,
    *,
    batch_size: int,
    max_tokens: int,
    device: torch.device | str = "cpu",
    precision: str = "fp32",
    sentences: bool = False,
) -> np.ndarray:
    """The logits float32 [D, L], in the order of the documents.

    Documents are read in batches of similar length, longest first; the order and the batch size
    do not change a score beyond rounding. `sentences`: whether the model reads where they begin.
    Memory holds one batch and the result. The model is left in the mode it was in.
    """
    if not len(documents):
        raise ValueError("there is no document to predict the codes of")
    rows = ordered_batches(np.minimum(documents.lengths, max_tokens), batch_size)
    batches = Batches(documents, rows, max_tokens, sentences=sentences)
    was_training = model.training
    model.eval()
    try:
        return _scores(model, batches, len(documents), torch.device(device), precision)
    finally:
        model.train(was_training)


@torch.inference_mode()
def _scores(
    model: nn.Module, batches: Batches, n_documents: int, device: torch.device, precision: str
) -> np.ndarray:
    scores = np.empty((0, 0), dtype=np.float32)
    for batch in batches:
        moved = batch.to(device)
        with autocast(device, precision):
            logits = read(model, moved).logits
        if not scores.size:
            scores = np.empty((n_documents, logits.shape[1]), dtype=np.float32)
        scores[batch.rows] = logits.float().cpu().numpy()
    return scores
