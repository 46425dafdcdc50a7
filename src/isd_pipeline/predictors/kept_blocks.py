"""Parts of a long fit, kept as they finish, so that a killed one goes on where it stood.

A block is one file of tensors under a name with its own SHA-256; a file that does not match its
name is not used. The folder's name is a digest of all that the fit reads.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from isd_pipeline.data.io.files import replacing
from isd_pipeline.predictors.sparse_arrays import to_numpy, to_tensors

Arrays = Mapping[str, np.ndarray]
logger = logging.getLogger(__name__)


def identity(*parts: str | np.ndarray) -> str:
    """A digest of texts and arrays, in their order, with the arrays' types and lengths."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            part = np.frombuffer(part.encode(), dtype=np.uint8)
        digest.update(f"{part.dtype.str} {part.shape} ".encode())
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def folder_of(digest: str) -> Path:
    """Where its blocks wait: outside DVC's outputs, which it empties at a start."""
    return Path("scratch/training", digest[:16])


def kept(folder: Path | None, name: str, made: Callable[[], Arrays]) -> Arrays:
    """A block, read where it is kept whole, else made and kept; not kept without a folder."""
    from isd_pipeline.data.io.tensor_files import pack, unpack

    if folder is None:
        return made()
    for path in sorted(folder.glob(f"{name}-*.safetensors")):
        try:
            return to_numpy(unpack(path, path.stem.removeprefix(f"{name}-"), "it is made again"))
        except ValueError as error:
            logger.warning("%s", error)
            path.unlink()
    arrays = made()
    content, digest = pack(to_tensors(arrays))
    with replacing(folder / f"{name}-{digest}.safetensors") as temporary:
        temporary.write_bytes(content)
    return arrays


def drop_blocks(folder: Path) -> None:
    """Remove every block, and what a killed process had begun: what was fitted is written."""
    for path in [*folder.glob("block-*.safetensors"), *folder.glob(".block-*.tmp")]:
        path.unlink(missing_ok=True)
