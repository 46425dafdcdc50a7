"""Mentions as words: the same words as a plain reading marks, of the right documents and codes."""

import numpy as np
import pyarrow as pa
import pytest

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.tables import MENTIONS, NOTES, stream_table, table_of
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.mentions import Mentions, mentions_of
from isd_pipeline.text.tokens import tokenize_notes

# Document 7 has two notes, and five words: fever and cough | no fever
NOTE_1, NOTE_2 = "Fever, and cough.", "No fever 2"
NOTES_OF = [("8", "8", "n3", "Fall"), ("7", "7", "n1", NOTE_1), ("7", "7", "n2", NOTE_2)]
CODES = CodeIndex(("R05", "R50", "W19"), ("diagnosis",) * 3, ("cough", "fever", "fall"))


def tokenized(notes):
    return stream_table(tokenize_notes(stream_table(table_of(notes, NOTES))).read())


def documents(ids, sizes):
    starts = np.cumsum([0, *sizes])
    words = np.ones(starts[-1], dtype=np.int32)
    none = np.zeros(0, dtype=np.int32), np.zeros(len(ids) + 1, dtype=np.int64)
    return Documents(np.array(ids), words, starts, *none)


def found(parts, ids=("7", "8"), sizes=(5, 1)) -> Mentions:
    """Parts are (document, note, code, begin, end, mention)."""
    rows = [(d, note, "diagnosis", *rest) for d, note, *rest in parts]
    of = documents(list(ids), list(sizes))
    return mentions_of(table_of(rows, MENTIONS), tokenized(NOTES_OF), of, CODES)


def rows_of(mentions: Mentions) -> list[tuple[int, ...]]:
    columns = (getattr(mentions, n) for n in ("document", "code", "mention", "first", "last"))
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_a_word_belongs_that_shares_a_character_in_its_own_note() -> None:
    parts = [
        ("7", "n2", "R50", 3, 8, 4),  # all of "fever", the fifth word of the document
        ("7", "n1", "R50", 4, 7, 3),  # the last letter of "Fever" and a comma
        ("7", "n1", "R05", 0, 17, 2),  # the whole note
        ("8", "n3", "W19", 3, 4, 1),
    ]
    assert rows_of(found(parts)) == [
        (0, 0, 2, 0, 3),
        (0, 1, 3, 0, 1),
        (0, 1, 4, 4, 5),
        (1, 2, 1, 0, 1),
    ]
    assert rows_of(found(parts, ids=("8", "7"), sizes=(1, 5)))[0] == (0, 2, 1, 0, 1)


def test_parts_of_a_mention_share_its_number_and_stand_in_order() -> None:
    parts = [
        ("7", "n1", "R50", 11, 16, 9),
        ("7", "n1", "R50", 0, 5, 9),
        ("7", "n1", "R50", 7, 9, 2),
    ]
    assert rows_of(found(parts)) == [(0, 1, 2, 1, 2), (0, 1, 9, 0, 1), (0, 1, 9, 2, 3)]


def test_a_part_without_a_word_is_left_out_and_counted(caplog) -> None:
    parts = [("7", "n1", "R50", 5, 7, 1), ("7", "n2", "R50", 9, 10, 2), ("7", "n1", "R50", 0, 5, 3)]
    mentions = found(parts)  # a comma and a space; a numeral, which is no word
    assert (rows_of(mentions), mentions.without_word) == ([(0, 1, 3, 0, 1)], 2)
    assert "2 parts of mentions hold no word" in caplog.text


def test_other_documents_and_unknown_codes_are_passed_over() -> None:
    parts = [("9", "n9", "R50", 0, 5, 1), ("7", "n1", "Z99", 0, 5, 2), ("8", "n3", "W19", 0, 4, 3)]
    assert rows_of(found(parts)) == [(1, 2, 3, 0, 1)]
    nothing = found([])
    assert len(nothing) == 0
    assert nothing.first.dtype == np.int64


def test_a_mention_of_another_extraction_is_refused_in_a_line() -> None:
    with pytest.raises(ValueError, match="document 7: a mention is of note n3, which") as error:
        found([("7", "n3", "R50", 0, 4, 1)])
    assert "\n" not in str(error.value)


def test_the_mentions_of_a_document_are_its_own() -> None:
    parts = [("8", "n3", "W19", 0, 4, 1), ("7", "n1", "R50", 0, 5, 2), ("7", "n2", "R50", 3, 8, 3)]
    mentions = found(parts)
    assert [rows_of(mentions.of_document(i)) for i in (0, 1)] == [
        [(0, 1, 2, 0, 1), (0, 1, 3, 4, 5)],
        [(1, 2, 1, 0, 1)],
    ]


def test_words_are_those_of_a_slow_reading_that_compares_every_character() -> None:
    generator = np.random.default_rng(0)
    for _ in range(30):
        notes = ["".join(generator.choice(list("ab ,1é"), 30)) + "a" for _ in range(2)]
        stream = tokenized([("d", "d", f"n{n}", text) for n, text in enumerate(notes)])
        (row,) = stream.read().to_pylist()
        note, begin = int(generator.integers(2)), int(generator.integers(30))
        end = begin + 1 + int(generator.integers(8))
        mention = ("d", f"n{note}", "diagnosis", "R05", begin, end, 0)
        slow = [
            n
            for n, (a, b) in enumerate(zip(row["begins"], row["ends"], strict=True))
            if (n >= row["note_starts"][1]) == (note == 1)
            and set(range(a, b)) & {*range(begin, end)}
        ]
        of = documents(["d"], [len(row["begins"])])
        got = mentions_of(table_of([mention], MENTIONS), stream, of, CODES)
        fast = [n for _, _, _, a, b in rows_of(got) for n in range(a, b)]
        assert fast == slow


def test_the_table_may_be_cut_into_chunks() -> None:
    rows = [("7", "n1", "diagnosis", "R50", 0, 5, n) for n in range(3)]
    whole = table_of(rows, MENTIONS)
    chunks = pa.concat_tables([whole.slice(n, 1) for n in range(3)])
    of = documents(["7"], [5])
    assert len(mentions_of(chunks, tokenized(NOTES_OF), of, CODES)) == 3
