"""A part of what a source gives: some of its patients, or one of its two code systems."""

from collections.abc import Collection, Iterator
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.codes import icd
from isd_pipeline.data.io.tables import Extraction, RecordStream


def only_patients(
    found: Extraction, patients: Collection[int], counts: dict[str, int]
) -> Extraction:
    """The notes and codes of some patients; the counts of the files stay, `counts` come to them."""
    names = pa.array([str(patient) for patient in sorted(patients)], pa.string())
    return replace(
        found,
        notes=_where(found.notes, "patient_id", names),
        codes=_where(found.codes, "patient_id", names),
        counts=found.counts | counts,
    )


def only_systems(found: Extraction, systems: Collection[icd.System]) -> Extraction:
    """The codes of some systems; the notes of all."""
    return replace(found, codes=_where(found.codes, "system", pa.array(systems, pa.string())))


def _where(stream: RecordStream, column: str, values: pa.Array) -> RecordStream:
    def batches() -> Iterator[pa.RecordBatch]:
        return (batch.filter(pc.is_in(batch[column], values)) for batch in stream)

    return RecordStream(stream.schema, batches, stream.rows)
