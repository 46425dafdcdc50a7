"""Bootstrap replicates as a file."""

import json
from pathlib import Path

from safetensors import safe_open
from safetensors.numpy import save

from isd_pipeline.data.io.files import replacing
from isd_pipeline.evaluation.resampling import Bootstrap, Sampling


def write_bootstrap(resampled: Bootstrap, path: Path) -> None:
    """The replicates [W] of every metric as safetensors, what else there is in its header.

    The header has one entry: several come in another order each time, and the file in other bytes.
    """
    said = {"sampling": resampled.sampling, "observed": resampled.observed}
    with replacing(path) as temporary:
        temporary.write_bytes(save(dict(resampled.replicates), {"said": json.dumps(said)}))


def read_bootstrap(path: Path) -> Bootstrap:
    """What `write_bootstrap` wrote."""
    with safe_open(path, "numpy") as file:
        said = json.loads(file.metadata()["said"])
        replicates = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return Bootstrap(Sampling(*said["sampling"]), said["observed"], replicates)
