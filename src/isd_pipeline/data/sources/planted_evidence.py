"""The planted evidence of the synthetic hospital: what its notes say of each code, and where."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.codes import icd
from isd_pipeline.data.io.delimited import find_csv, read_csv
from isd_pipeline.data.io.tables import MENTIONS

_STRETCHES = MENTIONS.remove(MENTIONS.get_field_index("mention"))
_COLUMNS = ("HADM_ID", "ROW_ID", "SYSTEM", "ICD9_CODE", "BEGIN", "END")


def read_mentions(folder: Path) -> pa.Table:
    """EVIDENCE.csv as a table `MENTIONS`: a document is an admission, as `mimic3.extract` has it.

    A code that is denied, ruled out or a relative's has no row.
    """
    path = find_csv(folder, "EVIDENCE")
    stretches = pa.Table.from_batches(
        [_stretches(batch, path) for batch in read_csv(path, _COLUMNS)], _STRETCHES
    )
    numbers = pa.array(range(stretches.num_rows), pa.int32())
    return stretches.append_column(MENTIONS.field("mention"), numbers)


def _stretches(batch: pa.RecordBatch, path: Path) -> pa.RecordBatch:
    systems, codes = batch["SYSTEM"].to_pylist(), batch["ICD9_CODE"].to_pylist()
    dotted = pa.array(map(icd.dot, codes, systems), pa.string())
    places = [_numbers(batch[name], f"{path}, column {name}") for name in ("BEGIN", "END")]
    columns = [batch["HADM_ID"], batch["ROW_ID"], batch["SYSTEM"], dotted, *places]
    return pa.RecordBatch.from_arrays(columns, schema=_STRETCHES)


def _numbers(column: pa.Array, where: str) -> pa.Array:
    try:
        return pc.cast(column, pa.int32())
    except pa.ArrowInvalid:
        raise ValueError(f"{where}: not whole numbers; write the hospital again") from None
