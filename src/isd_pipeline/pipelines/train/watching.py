"""What people and MLflow see of a training: a bar, a line an epoch, numbers, the clock."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from isd_pipeline.tracking import tracker as tracking

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from isd_pipeline.config.experiments import Plan
    from isd_pipeline.text.documents import Documents

logger = logging.getLogger(__name__)

WATCHED = (
    "f1_micro",
    "f1_macro_caml",
    "f1_micro_tuned",
    "f1_macro_caml_tuned",
    "p_at_5",
    "p_at_8",
    "map",
)


class Progress:
    """An epoch's batches behind a bar with loss and time left; it shows only on a terminal."""

    def __init__(self, documents: Documents, plan: Plan, objective: Any, seed: int) -> None:
        self._documents, self._training, self._seed = documents, plan.training, seed
        self._sentences = plan.system.sentences
        self._objective, self._weights = objective, plan.objective.weights
        self._bar: Any = None
        self._shown = 0.0

    def batches_of(self, epoch: int) -> Any:
        """The batches of an epoch, which the bar counts while they are taken."""
        from tqdm.auto import tqdm

        from isd_pipeline.training.batches import training_batches

        batches = training_batches(
            self._documents,
            self._training.batch_size,
            self._training.max_tokens,
            seed=self._seed,
            epoch=epoch,
            cut=self._training.cut,
            max_codes=self._training.max_codes,
            sentences=self._sentences,
        )
        self._bar = tqdm(batches, desc=f"epoch {epoch}", unit="batch", leave=False, disable=None)
        return self._bar

    def objective(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
        """The losses; once a second the bar is told, since a GPU has to be waited for."""
        from isd_pipeline.training.loop import weighted

        losses: dict[str, Tensor] = self._objective(model, batch)
        if not self._bar.disable and time.monotonic() > self._shown + 1:
            self._shown = time.monotonic()
            self._bar.set_postfix(loss=f"{weighted(losses, self._weights).item():.4f}")
        return losses


def validation(
    documents: Documents, n_codes: int, plan: Plan
) -> Callable[[nn.Module], dict[str, float]]:
    """Scores the model on the development set; every name begins with `dev_`."""
    from isd_pipeline.evaluation.metrics import ranking_metrics, threshold_metrics
    from isd_pipeline.evaluation.thresholds import tune_threshold
    from isd_pipeline.predictors.scoring import predict

    gold, training = documents.label_matrix(n_codes), plan.training

    def validate(model: nn.Module) -> dict[str, float]:
        scores = predict(
            model,
            documents,
            batch_size=2 * training.batch_size,
            max_tokens=training.max_tokens,
            device=next(model.parameters()).device,
            precision=training.precision,
            sentences=plan.system.sentences,
        )
        tuned = threshold_metrics(gold, scores, threshold=tune_threshold(gold, scores))
        found = {
            **threshold_metrics(gold, scores),
            **ranking_metrics(gold, scores, ks=(5, 8)),
            "f1_micro_tuned": tuned["f1_micro"],
            "f1_macro_caml_tuned": tuned["f1_macro_caml"],
        }
        return {f"dev_{name}": found[name] for name in WATCHED}

    return validate


class Stopwatch:
    """Takes each epoch's figures: a line for people, numbers for MLflow, and the clock."""

    def __init__(self, epochs: int, device: torch.device) -> None:
        self._epochs, self._device = epochs, device
        self._began = time.monotonic()
        self._seen = 0

    def record(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Take the figures of an epoch that has just ended."""
        self._seen += 1
        each = (time.monotonic() - self._began) / self._seen
        logger.info(
            "epoch %d: loss %.5f, dev micro-F1 %.3f (tuned %.3f), MAP %.3f; %.1f s an epoch, "
            "at most %.0f min left",
            epoch,
            figures["loss"],
            figures["dev_f1_micro"],
            figures["dev_f1_micro_tuned"],
            figures["dev_map"],
            each,
            each * (self._epochs - epoch) / 60,
        )
        tracking.log({shown_figure(name): value for name, value in figures.items()}, step=epoch)

    def figures(self, epochs: int) -> dict[str, float]:
        """Minutes of the whole training, also of epochs that an earlier process made.

        Memory at its peak is what the process held; on a GPU what torch held there.
        """
        seconds, memory = time.monotonic() - self._began, _peak_memory_gb(self._device)
        each = seconds / max(self._seen, 1)
        return {"minutes": each * epochs / 60, "epochs": epochs, "peak_memory_gb": memory}


def _peak_memory_gb(device: torch.device) -> float:
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def shown_figure(name: str) -> str:
    """MLflow groups its charts by what stands before the slash."""
    if name.startswith("dev_"):
        return f"dev/{name.removeprefix('dev_')}"
    return name if name in ("learning_rate", "gradient_norm") else f"loss/{name}"
