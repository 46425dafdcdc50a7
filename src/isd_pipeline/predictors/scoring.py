"""Scores of every code for every document: a model read once over the documents.

Axes: D documents, L codes.
"""

import numpy as np
import torch
from torch import nn

from isd_pipeline.text.documents import Documents
from isd_pipeline.training.batches import Batches, ordered_batches, read
from isd_pipeline.training.ranks import ALONE, Ranks
from isd_pipeline.training.step import autocast


def predict(
    model: nn.Module,
    documents: Documents,
    *,
    batch_size: int,
    max_tokens: int,
    device: torch.device | str = "cpu",
    precision: str = "fp32",
    sentences: bool = False,
    ranks: Ranks = ALONE,
) -> np.ndarray:
    """The logits float32 [D, L], in the order of the documents.

    Documents are read in batches of similar length, longest first; the order and the batch size
    do not change a score beyond rounding. `sentences`: whether the model reads where they begin.
    Several `ranks` share the batches, and each gets all scores.
    Memory holds one batch and the result. The model is left in the mode it was in.
    """
    if not len(documents):
        raise ValueError("there is no document to predict the codes of")
    rows = ordered_batches(np.minimum(documents.lengths, max_tokens), batch_size)
    mine = rows[ranks.rank :: ranks.count]
    batches = Batches(documents, mine, max_tokens, sentences=sentences)
    was_training = model.training
    model.eval()
    try:
        scores = _scores(model, batches, len(documents), torch.device(device), precision)
    finally:
        model.train(was_training)
    return _of_all(scores, ranks)


def _of_all(scores: np.ndarray, ranks: Ranks) -> np.ndarray:
    """The scores that any of the processes has; the others have 0 in their place."""
    n_codes = ranks.of_first(scores.shape[1])  # who read nothing does not know
    if not scores.shape[1]:
        scores = np.zeros((len(scores), n_codes), dtype=np.float32)
    ranks.add(torch.from_numpy(scores))
    return scores


@torch.inference_mode()
def _scores(
    model: nn.Module, batches: Batches, n_documents: int, device: torch.device, precision: str
) -> np.ndarray:
    scores = np.zeros((n_documents, 0), dtype=np.float32)
    for batch in batches:
        moved = batch.to(device)
        with autocast(device, precision):
            logits = read(model, moved).logits
        if not scores.size:
            scores = np.zeros((n_documents, logits.shape[1]), dtype=np.float32)
        scores[batch.rows] = logits.float().cpu().numpy()
    return scores
