"""Signs in a table that its file was damaged after it was written."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NUL = "\0"
DAMAGED = "a NUL byte, which nobody types: the file is damaged; copy or download it again"


def holds_nul(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Which cells of a column of text hold a NUL, bool [rows]."""
    found = pc.fill_null(pc.match_substring(column, NUL), fill_value=False)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


def refuse_nul(batch: pa.RecordBatch, names: Sequence[str], path: Path) -> None:
    """Raise a ValueError with the first row of a batch that has a NUL in one of these columns.

    Such a cell equals no other, so its row would be passed over, and missed elsewhere. The batch
    has the column `row`.
    """
    for name in names:
        rows = batch["row"].to_numpy()[holds_nul(batch[name])]
        if len(rows):
            raise ValueError(f"{path}, row {rows[0]}, column {name}: {DAMAGED}")
