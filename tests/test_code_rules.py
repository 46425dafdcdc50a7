"""What `benchmarks/corpora/code_rules.py` counts."""

import sys
from dataclasses import replace
from pathlib import Path

from isd_pipeline.coding.coder import Coder
from isd_pipeline.data.codes.book import make_book, pack
from tests.coding.tiny import bundle_of

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "corpora"))

from code_rules import judged, row

ROWS = [
    {"code": "038.9", "title": "", "parent": None, "excludes1": ["a fever (780.6-)", "R50.9"]},
    {"code": "486", "title": "", "parent": None, "code_first": ["a germ (J18)"]},
    {"code": "786.50", "title": "", "parent": None},
    {"code": "786.501", "title": "", "parent": "786.50"},
]


def test_shares_are_of_codes_that_a_book_judges_and_conflicts_of_notes() -> None:
    bundle, book = bundle_of(), make_book("icd10cm", "made up", ROWS)
    labels = dict(zip(bundle.codes.codes, ("038.9", "486", "786.50", "R50.9", "X"), strict=True))
    codes = replace(bundle.codes, codes=tuple(labels.values()))
    coder = Coder(replace(bundle, codes=codes, books={"icd10cm": pack(book)}))
    notes = [
        judged(coder, ["486", "786.50", "X"]),  # a procedure, which no book judges
        judged(coder, ["038.9", "R50.9", "486", "not of the bundle"]),
        (),
    ]
    told = row("these", notes)
    assert told == "| these | 5 | 20.0 % | 20.0 % | 40.0 % | 1 of 3 | 0 of 2 |"
