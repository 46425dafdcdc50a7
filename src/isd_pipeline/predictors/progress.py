"""What people see of a training: a bar, a line an epoch, the clock."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isd_pipeline.training.ranks import here

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor, nn

    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.mentions import Mentions

logger = logging.getLogger(__name__)

EVERY = 10.0  # seconds, at least, between two lines about epochs


@dataclass
class Progress:
    """An epoch's batches behind a bar with loss and time left; it shows only on a terminal."""

    documents: Documents
    training: Any
    losses: Any
    weights: Mapping[str, float]
    seed: int
    sentences: bool
    mentions: Mentions | None = None
    n_notes: int = 0  # of the documents, those at the end that were made of mentions
    _bar: Any = None
    _shown: float = 0.0

    def batches_of(self, epoch: int) -> Any:
        """The batches of an epoch, which the bar counts while they are taken."""
        from tqdm.auto import tqdm

        from isd_pipeline.training.batches import training_batches

        batches = training_batches(
            self.documents,
            self.training.batch_size,
            self.training.max_tokens,
            seed=self.seed,
            epoch=epoch,
            sentences=self.sentences,
            mentions=self.mentions,
            among=self._among(epoch),
        )
        hidden = None if here().is_first else True  # None: shown on a terminal
        self._bar = tqdm(batches, desc=f"epoch {epoch}", unit="batch", leave=False, disable=hidden)
        return self._bar

    def _among(self, epoch: int) -> np.ndarray | None:
        """The rows that an epoch reads, where these are not all."""
        if not self.n_notes:
            return None
        from isd_pipeline.training.mention_notes import rows_of_epoch

        n_documents, share = len(self.documents) - self.n_notes, self.training.mention_notes
        return rows_of_epoch(n_documents, self.n_notes, share, seed=self.seed, epoch=epoch)

    def counts(self, batch: Any) -> Mapping[str, int]:
        """Over how many a batch's losses are means, of those that are not means over the notes."""
        from isd_pipeline.training.parts import CountsMeans

        return self.losses.counts(batch) if isinstance(self.losses, CountsMeans) else {}

    def objective(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
        """The losses; once a second the bar is told, since a GPU has to be waited for."""
        from isd_pipeline.training.step import weighted

        losses: dict[str, Tensor] = self.losses(model, batch)
        if not self._bar.disable and time.monotonic() > self._shown + 1:
            self._shown = time.monotonic()
            self._bar.set_postfix(loss=f"{weighted(losses, self.weights).item():.4f}")
        return losses


class Stopwatch:
    """Takes each epoch's figures: a line for people, numbers for whoever listens, and the clock."""

    def __init__(
        self,
        epochs: int,
        device: torch.device,
        on_epoch: Callable[[int, Mapping[str, float]], None],
    ) -> None:
        self._epochs, self._device, self._on_epoch = epochs, device, on_epoch
        self._started = self._told = time.monotonic()
        self._seen = 0

    def record(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Take the figures of an epoch that has just ended; of short ones not all are told."""
        self._seen += 1
        now = time.monotonic()
        if epoch in (1, self._epochs) or now > self._told + EVERY:
            self._told = now
            each, left = (now - self._started) / self._seen, self._epochs - epoch
            to_go = f"; {each:.1f} s an epoch, at most {each * left / 60:.0f} min left"
            logger.info(
                "epoch %d of %d: dev micro-F1 %.3f at its best threshold (at 0.5: %.3f), MAP %.3f, "
                "loss %.4f%s",
                epoch,
                self._epochs,
                figures["dev_f1_micro_tuned"],
                figures["dev_f1_micro"],
                figures["dev_map"],
                figures["loss"],
                to_go if left else "",
            )
        self._on_epoch(epoch, figures)

    def figures(self, epochs: int) -> dict[str, float]:
        """Minutes of the whole training, also of epochs that an earlier process made.

        Memory at its peak is what the process held; on a GPU what torch held there.
        """
        seconds, memory = time.monotonic() - self._started, _peak_memory_gb(self._device)
        each = seconds / max(self._seen, 1)
        return {"minutes": each * epochs / 60, "epochs": epochs, "peak_memory_gb": memory}


def _peak_memory_gb(device: torch.device) -> float:
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
