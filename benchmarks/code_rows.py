"""Rows of codes into labels: CPU seconds, and bytes of memory a row, whoever reads the rows.

    python benchmarks/code_rows.py                  # 4 and 16 million rows; --workers 1 for Dask

A document has 16 rows, which stand in no order, and one of 5,000 codes a row, some far more often
than others. Each run is a process of its own. The bytes a row are those by which the peak of this
process grows from the fewer rows to the more. Plain are the same rows as one table, which is what
they take before anything is done with them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import peak_gb, run_apart

DOCUMENT = 16  # rows of one
KINDS = 5_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs=2, default=(4_000_000, 16_000_000))
    parser.add_argument("--workers", type=int, default=0, help="of Dask; 0: a loop")
    parser.add_argument("--scratch", type=Path, help="where files may be written")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        folder, how = arguments.run
        print(json.dumps(measure(Path(folder), how, arguments.workers)))
        return
    peaks: dict[str, list[float]] = {"table": [], "labels": []}
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as name:
        for rows in arguments.rows:
            write_tables(Path(name), rows)
            for how, of in peaks.items():
                found = run_apart(__file__, "--run", name, how, "--workers", arguments.workers)
                of.append(found["peak"])
                print(f"{rows:12,} rows, {how:6}{found['cpu']:8.2f} CPU s{found['peak']:8.0f} MB")
    table, labels = (
        1e6 * (b - a) / (arguments.rows[1] - arguments.rows[0]) for a, b in peaks.values()
    )
    print(f"bytes a row: the table {table:.0f}, labels {labels:.0f}")
    print(f"ratio: labels take {labels / table:.2f} times the memory of the table")


def write_tables(folder: Path, rows: int) -> None:
    import numpy as np
    import pyarrow as pa

    from isd_pipeline.data.io.tables import CODES, stream_table, write_parquet

    draw = np.random.default_rng(1)
    document, kind = draw.integers(rows // DOCUMENT, size=rows), draw.zipf(1.3, rows) % KINDS
    book = pa.array([f"{n:04d}" for n in range(KINDS)])
    ids, patients = (pa.array(document + n).cast(pa.string()) for n in (100_000, 1))
    systems = pa.repeat("diagnosis", rows)
    codes = pa.table([ids, patients, systems, book.take(pa.array(kind))], schema=CODES)
    write_parquet(stream_table(codes), folder / "codes.parquet")
    every = np.arange(rows // DOCUMENT)
    columns = [pa.array(every + n).cast(pa.string()) for n in (100_000, 1)]
    known = pa.table(columns, ["document_id", "patient_id"])
    write_parquet(stream_table(known), folder / "documents.parquet")


def measure(folder: Path, how: str, workers: int) -> dict[str, Any]:
    from isd_pipeline.data.codes.labels import label_documents
    from isd_pipeline.data.io.parts import LOOP, Engine
    from isd_pipeline.data.io.tables import open_parquet

    codes = open_parquet(folder / "codes.parquet")
    documents = open_parquet(folder / "documents.parquet").read()
    engine = Engine(name="dask", workers=workers) if workers else LOOP
    begin = time.process_time()
    if how == "table":
        made = codes.read()
    else:
        made = label_documents(codes, documents, "clean", engine=engine).table
    spent = time.process_time() - begin
    assert made.num_rows
    return {"cpu": spent, "peak": peak_gb() * 1e3}


if __name__ == "__main__":
    main()
