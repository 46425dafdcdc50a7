"""A bundle of two views of one report: two whole bundles, and how their scores are weighed.

    es/, en/       each an ordinary bundle, by its language: it codes a text of that language alone
    bundle.json    the weights of an ensemble of both, its threshold, temperature and test metrics
    MODEL_CARD.md  for people, as each bundle has its own

The JSON holds the SHA-256 of each bundle and its own, which therefore stands for the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from isd_pipeline import __version__
from isd_pipeline.coding.bundle import (
    CARD,
    DATA_USE,
    RECORD,
    REMEDY,
    SEAL,
    VIEWS_FORMAT,
    Bundle,
    read_bundle,
    read_record,
    unreadable,
    within,
    write_bundle,
)
from isd_pipeline.coding.model_card import card_markdown
from isd_pipeline.coding.trained_on import TrainedOn, trained_on_from
from isd_pipeline.coding.usual import Usual, usual_from
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.files import replacing, write_json, write_text
from isd_pipeline.data.io.tensor_files import sealed
from isd_pipeline.predictors.ensemble import Ensemble, Weights

KEPT = (
    *("cohort", "experiment", "seed", "threshold_tuned", "temperature"),
    *("training_counts", "fingerprints", "metrics", "data_use", "version"),
)


@dataclass(frozen=True, kw_only=True)
class ViewBundle:
    """A trained ensemble of two views that can be carried away.

    `views` are the bundles by language, in the order of the ensemble's weights. The rest is as in
    a `Bundle`, and of both texts read together: a text alone is read by its own bundle.
    """

    cohort: str
    experiment: str
    seed: int
    views: Mapping[str, Bundle]
    weights: Weights
    training_counts: tuple[int, ...]
    threshold_tuned: float
    temperature: float
    fingerprints: Mapping[str, str]
    metrics: Mapping[str, float]
    usual: Usual | None = None
    trained_on: TrainedOn | None = None
    data_use: str = DATA_USE
    version: str = __version__
    sha256: str = ""

    def __post_init__(self) -> None:
        codes = [one.codes.fingerprint for one in self.views.values()]
        if len(codes) != 2 or len(set(codes)) != 1:
            raise ValueError("it has not two views of the same codes")
        if len(self.training_counts) != len(self.codes):
            raise ValueError("it has not one training count for each code")
        _ = self.ensemble  # which refuses weights that do not fit

    @property
    def name(self) -> str:
        """The run that it was made from."""
        return f"{self.cohort}-{self.experiment}-{self.seed}"

    @property
    def system(self) -> str:
        """What was trained."""
        return "ensemble"

    @property
    def codes(self) -> CodeIndex:
        """Those of each view."""
        return next(iter(self.views.values())).codes

    @cached_property
    def ensemble(self) -> Ensemble:
        """What weighs the scores of the views, by their languages."""
        arrays = {
            "weights": self.weights.weights,
            "means": self.weights.means,
            "bias": np.array([self.weights.bias]),
            "frequency": np.array(self.training_counts, dtype=np.float64),
        }
        return Ensemble.of_arrays(arrays, tuple(self.views), None, str)


def write_view_bundle(bundle: ViewBundle, folder: Path) -> str:
    """Write both bundles and what weighs them, whole or not at all; give the SHA-256."""
    with replacing(Path(folder)) as temporary:
        temporary.mkdir()
        views = [
            {"language": language, SEAL: write_bundle(one, temporary / language)}
            for language, one in bundle.views.items()
        ]
        record = sealed(_record(bundle) | {"views": views}, SEAL)
        write_json(temporary / RECORD, record)
        write_text(temporary / CARD, card_markdown(bundle))
    return str(record[SEAL])


def read_view_bundle(folder: Path | str) -> ViewBundle:
    """Read what `write_view_bundle` wrote.

    Raises:
        FileNotFoundError: there is no bundle, or one of its files is missing.
        ValueError: it or one of its views is damaged, of a newer format, or another's.
    """
    folder = Path(folder)
    record = read_record(folder, VIEWS_FORMAT)
    languages = [one["language"] for one in record["views"]]
    views = {language: read_bundle(within(folder, language)) for language in languages}
    for one in record["views"]:
        if views[one["language"]].sha256 != one[SEAL]:
            raise ValueError(f"{folder / one['language']}: another bundle stands there; {REMEDY}")
    try:
        return _view_bundle(record, views)
    except (TypeError, ValueError, KeyError) as error:
        raise unreadable(folder, record, error) from None


def _record(bundle: ViewBundle) -> dict[str, Any]:
    """All but the views and the name, as JSON can have them: numbers to the last bit."""
    weights, means, bias = bundle.weights
    return {name: getattr(bundle, name) for name in KEPT} | {
        "format": VIEWS_FORMAT,
        "usual": bundle.usual and asdict(bundle.usual),
        "trained_on": bundle.trained_on and asdict(bundle.trained_on),
        "weights": {"weights": weights.tolist(), "means": means.tolist(), "bias": bias},
    }


def _view_bundle(record: Mapping[str, Any], views: Mapping[str, Bundle]) -> ViewBundle:
    """The opposite of `_record`."""
    weights, means, bias = (record["weights"][name] for name in Weights._fields)
    counts = tuple(record["training_counts"])
    kept = {name: record[name] for name in KEPT} | {"training_counts": counts}
    weighed = Weights(np.array(weights, np.float64), np.array(means, np.float64), float(bias))
    return ViewBundle(
        **kept,
        views=views,
        weights=weighed,
        usual=usual_from(record.get("usual")),
        trained_on=trained_on_from(record.get("trained_on")),
        sha256=record[SEAL],
    )
