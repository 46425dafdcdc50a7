"""What the service says of a bundle."""

from typing import Any

from scipy.special import expit

from isd_pipeline.coding.coder import Coder
from isd_pipeline.coding.view_coder import ViewCoder


def told_of(name: str, coder: Coder | ViewCoder) -> dict[str, Any]:
    """Name and hash, what it was trained on and how well it did, and what it can be asked."""
    bundle = coder.bundle
    return {
        "name": name,
        "sha256": bundle.sha256,
        "system": bundle.system,
        "cohort": bundle.cohort,
        "experiment": bundle.experiment,
        "seed": bundle.seed,
        "revision": revision_of(coder),
        "codes": len(bundle.codes),
        "languages": list(coder.languages),
        "has_evidence": coder.has_evidence,
        "threshold": float(expit(bundle.threshold_tuned / bundle.temperature)),
        "metrics": dict(bundle.metrics),
        "data_use": bundle.data_use,
        "version": bundle.version,
    }


def revision_of(coder: Coder | ViewCoder) -> str:
    """Which ICD its codes are of; both views of a report have the same."""
    if isinstance(coder, ViewCoder):
        return next(iter(coder.bundle.views.values())).revision
    return coder.bundle.revision
