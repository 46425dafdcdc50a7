"""Codes are counted as the pipeline counts them."""

from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from isd_pipeline.data.io.tables import SPLITS
from isd_pipeline.data.quality.checks import check_codes, check_codes_of_splits
from isd_pipeline.data.quality.findings import Findings

SPLIT_OF = {"a": "train", "b": "dev", "c": "test"}


def extraction(*rows: tuple[str, str, str]) -> Any:
    columns = [*zip(*rows, strict=True)]
    table = pa.table(dict(zip(("document_id", "system", "code"), columns, strict=True)))
    return SimpleNamespace(codes=SimpleNamespace(read=lambda: table), counts={})


def test_one_row_of_digits_is_two_codes_where_it_is_a_diagnosis_and_a_procedure() -> None:
    """3310 is Alzheimer's disease, 331.0, and an incision of the lung, 33.10."""
    rows = [("a", "diagnosis", "3310"), ("b", "diagnosis", "3310"), ("c", "procedure", "3310")]
    findings = Findings()
    assert check_codes(extraction(*rows), SPLIT_OF, "own", findings) == 2
    splits = pa.table([[*SPLIT_OF], [*SPLIT_OF.values()]], schema=SPLITS)
    check_codes_of_splits(extraction(*rows), splits, "own", findings)
    told = [one.what for one in findings]
    assert "2 codes, 1.0 rows a document; 1 codes occur once" in told
    assert "1 of 1 codes of test are in no document of train: no model can learn them" in told
    assert not any("one code alone" in line for line in told)
