"""A network's scores of many documents, part by part; the same to the bit as in one pass.

A batch is padded to its longest document, and rounding follows the shape of a batch. So a part
holds whole batches, those of one pass: documents in order of length, longest first.

Axes: D documents, L codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isd_pipeline.data.io.parts import Engine, divided, map_parts, ranges
from isd_pipeline.predictors import registry
from isd_pipeline.text.documents import Documents

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class DocumentPart:
    """Some rows of documents, longest first; `begin` is how many come before them in that order."""

    documents: Documents
    rows: np.ndarray
    begin: int

    def __str__(self) -> str:
        end = self.begin + len(self.rows)
        return f"the documents {self.begin + 1} to {end}, counted from the longest"

    def __reduce__(self) -> tuple[Any, ...]:
        """What goes to a worker: these documents alone."""
        rows = np.arange(len(self.rows))
        return DocumentPart, (take(self.documents, self.rows), rows, self.begin)

    def halves(self) -> list[DocumentPart]:
        """The longer documents, and the shorter."""
        return [
            DocumentPart(self.documents, self.rows[a:b], self.begin + a)
            for a, b in divided(0, len(self.rows))
        ]


def score_in_parts(
    settings: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    documents: Documents,
    device: str,
    jobs: int,
    engine: Engine,
) -> np.ndarray:
    """The logits of a network, float32 [D, L], in the order of the documents."""
    batch, limit = 2 * settings["training"]["batch_size"], settings["training"]["max_tokens"]
    order = np.argsort(-np.minimum(documents.lengths, limit), kind="stable")
    size = max(1, engine.rows // batch) * batch
    rows = [order[begin:end] for begin, end in ranges(len(documents), size)]
    parts = [DocumentPart(documents, some, n * size) for n, some in enumerate(rows)]
    given = [settings, weights, device, jobs]
    found = map_parts(_score_part, parts, engine, common=given, what="scores")
    scores: np.ndarray | None = None
    for some, of_part in zip(rows, found, strict=True):
        if scores is None:
            scores = np.empty((len(documents), of_part.shape[1]), dtype=of_part.dtype)
        scores[some] = of_part
    if scores is None:
        raise ValueError("there is no document to predict the codes of")
    return scores


def _score_part(
    part: DocumentPart,
    settings: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    device: str,
    jobs: int,
) -> np.ndarray:
    import torch

    torch.set_num_threads(jobs)
    return registry.load(settings, weights, device).score(take(part.documents, part.rows))


def take(documents: Documents, rows: np.ndarray) -> Documents:
    """Some of the documents, in this order, in memory."""
    tokens = [documents.tokens_of(row) for row in rows]
    labels = [documents.labels_of(row) for row in rows]
    parts = [] if documents.sentences is None else [documents.sentences_of(row) for row in rows]
    return Documents(
        documents.ids[rows],
        *_joined(tokens),
        *_joined(labels),
        *(_joined(parts) if documents.sentences is not None else (None, None)),
    )


def _joined(pieces: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Values one after the other, int32, and where each piece begins, int64."""
    starts = np.cumsum([0, *map(len, pieces)]).astype(np.int64)
    return np.concatenate([np.empty(0, np.int32), *pieces]).astype(np.int32), starts
