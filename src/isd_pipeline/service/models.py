"""What the service says of a bundle, and of a code."""

from dataclasses import dataclass

from scipy.special import expit

from isd_pipeline.coding.codebook import Above, Listed
from isd_pipeline.coding.coder import Coder
from isd_pipeline.coding.view_coder import ViewCoder


@dataclass(frozen=True, kw_only=True)
class Served:
    """Name and hash of a bundle, what it was trained on and how well it did, what can be asked.

    `threshold` is on the scale of the scores; `metrics` are those of its test split.
    """

    name: str
    sha256: str
    system: str
    cohort: str
    experiment: str
    seed: int
    revision: str
    codes: int
    languages: tuple[str, ...]
    has_evidence: bool
    threshold: float
    metrics: dict[str, float]
    data_use: str
    version: str


@dataclass(frozen=True)
class ServedBundles:
    """All that are served; `default` is the one of a request that names none."""

    default: str
    bundles: list[Served]


@dataclass(frozen=True, kw_only=True)
class FoundCode(Listed):
    """A code with what it stands below, nearest first."""

    above: list[Above]


@dataclass(frozen=True)
class FoundCodes:
    """What a query may mean, the likeliest first."""

    codes: list[FoundCode]


def served(name: str, coder: Coder | ViewCoder) -> Served:
    """What is said of a bundle that is served under this name."""
    bundle = coder.bundle
    return Served(
        name=name,
        sha256=bundle.sha256,
        system=bundle.system,
        cohort=bundle.cohort,
        experiment=bundle.experiment,
        seed=bundle.seed,
        revision=revision_of(coder),
        codes=len(bundle.codes),
        languages=coder.languages,
        has_evidence=coder.has_evidence,
        threshold=float(expit(bundle.threshold_tuned / bundle.temperature)),
        metrics=dict(bundle.metrics),
        data_use=bundle.data_use,
        version=bundle.version,
    )


def revision_of(coder: Coder | ViewCoder) -> str:
    """Which ICD its codes are of; both views of a report have the same."""
    if isinstance(coder, ViewCoder):
        return next(iter(coder.bundle.views.values())).revision
    return coder.bundle.revision
