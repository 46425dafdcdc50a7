"""A fitted predictor as files: weights as safetensors, the rest as JSON, whatever its kind.

model.json  model-3fa9c1d2e0b4.safetensors     (training/checkpoints.py)
scores.safetensors                             of dev and test, where the fit gave them
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from isd_pipeline.data.io.files import replacing
from isd_pipeline.data.io.tensor_files import pack
from isd_pipeline.predictors.base import Fitted, Scores
from isd_pipeline.predictors.kept_blocks import drop_blocks
from isd_pipeline.text.splits import fingerprints
from isd_pipeline.training.checkpoints import (
    MODEL,
    Checkpoint,
    drop_states,
    read_model,
    write_model,
)

if TYPE_CHECKING:
    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.predictors.base import TrainingData
    from isd_pipeline.text.vocabulary import Vocabulary

SCORES = "scores.safetensors"


@dataclass(frozen=True)
class Artifact(Checkpoint):
    """A checkpoint, with the scores that the fit gave and where an interrupted training waits."""

    scores: Scores | None = None
    scratch: Path | None = None

    @classmethod
    def of(cls, fitted: Fitted, data: TrainingData, seed: int) -> Artifact:
        """What was fitted, and to what it belongs."""
        marks = fingerprints(data.documents, data.codes, data.vocabulary)
        settings = {**fitted.settings, "seed": seed}
        marks |= fitted.fingerprints
        return cls(fitted.weights, settings, marks, fitted.scores, fitted.scratch)

    def refuse_other_data(self, code_index: CodeIndex, vocabulary: Vocabulary) -> None:
        """Raise a ValueError unless it is of these codes and this vocabulary."""
        expected = {"vocabulary": vocabulary.fingerprint, "codes": code_index.fingerprint}
        for name, fingerprint in expected.items():
            if self.fingerprints.get(name) != fingerprint:
                raise ValueError(
                    f"the weights were trained with other {name}; run `kedro run "
                    "--pipelines=train` with the same --params again"
                )

    @property
    def weights_sha256(self) -> str | None:
        """Of the file of its weights; None where it has none."""
        return pack(dict(self.weights))[1] if self.weights else None


def write_artifact(artifact: Artifact, folder: Path) -> None:
    """Write it, then let go of what an interrupted training would have gone on from."""
    from safetensors.numpy import save

    belongs = {"settings": artifact.settings, "fingerprints": artifact.fingerprints}
    write_model(folder, artifact.weights, **belongs)
    (folder / SCORES).unlink(missing_ok=True)
    if artifact.scores is not None:
        with replacing(folder / SCORES) as temporary:
            temporary.write_bytes(save(dict(artifact.scores)))
    if artifact.scratch is not None:
        drop_states(artifact.scratch)
        drop_blocks(artifact.scratch)


def read_artifact(folder: Path) -> Artifact:
    """Read what `write_artifact` wrote; raises what `read_model` raises."""
    from safetensors.numpy import load

    found, path = read_model(folder), folder / SCORES
    scores = dict(load(path.read_bytes())) if path.exists() else None
    return Artifact(found.weights, found.settings, found.fingerprints, scores)


def find_artifacts(folder: Path) -> dict[tuple[str, int], Callable[[], Artifact]]:
    """Those of every run of a cohort, by experiment and seed, each read when it is called."""
    folders = [path.parent for path in sorted(folder.glob(f"*/seed_*/{MODEL}.json"))]
    return {
        (one.parent.name, int(one.name.removeprefix("seed_"))): partial(read_artifact, one)
        for one in folders
    }
