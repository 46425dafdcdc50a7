"""What the hospital planted, read again as a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from isd_pipeline.data.io.tables import MENTIONS
from isd_pipeline.data.sources import mimic3
from isd_pipeline.data.sources.planted_evidence import read_mentions
from isd_pipeline.synthetic import HospitalSettings, write_hospital

ROWS = """ROW_ID,HADM_ID,SYSTEM,ICD9_CODE,BEGIN,END
7,12,"procedure","0131",3,9
8,12,"diagnosis","0389",0,5
"""


def write(folder: Path, text: str) -> Path:
    (folder / "EVIDENCE.csv").write_text(text)
    return folder


def test_planted_evidence_is_a_row_a_stretch_with_the_code_dotted(tmp_path: Path) -> None:
    found = read_mentions(write(tmp_path, ROWS))
    assert found.schema == MENTIONS
    assert [tuple(row.values()) for row in found.to_pylist()] == [
        ("12", "7", "procedure", "01.31", 3, 9, 0),
        ("12", "8", "diagnosis", "038.9", 0, 5, 1),
    ]


def test_a_place_that_is_no_number_is_refused_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="column END: not whole numbers") as caught:
        read_mentions(write(tmp_path, ROWS.replace(",5\n", ",five\n")))
    assert "\n" not in str(caught.value)


def test_planted_evidence_lies_in_the_notes_of_the_document_it_names(tmp_path: Path) -> None:
    settings = HospitalSettings(admissions=200, words=150, codes_per_admission=4, code_pool=200)
    write_hospital(tmp_path, settings)
    notes = mimic3.extract(tmp_path).notes.read().to_pylist()
    texts = {(row["document_id"], row["note_id"]): row["text"] for row in notes}
    found = read_mentions(tmp_path).to_pylist()
    assert len(found) > len(texts)
    for row in found:
        text = texts[row["document_id"], row["note_id"]]
        before, phrase = text[: row["begin"]], text[row["begin"] : row["end"]]
        after = text[row["end"] :]
        assert phrase.strip()
        assert not (before[-1:].isalnum() and phrase[:1].isalnum())  # no word is cut
        assert not (phrase[-1:].isalnum() and after[:1].isalnum())
