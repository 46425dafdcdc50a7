"""Notes to be coded, one at a time, from whatever file a user has them in.

A fault of the file stops the reading with one line that names file and row; a fault of one note is
told in that note's answer. Neither holds a word of a text, nor an id.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from isd_pipeline.coding.coder import Note
from isd_pipeline.data.io.delimited import read_csv, read_header

LARGEST = 16 << 20  # bytes of one note
KINDS = "a .csv, .csv.gz, .jsonl or .txt file, or a folder of .txt files"
NOT_UTF8 = "the note is not UTF-8; convert it first, e.g. `iconv -f latin1 -t utf8`"


def read_notes(path: Path, languages: Sequence[str] = ()) -> Iterator[Note]:
    """The notes of a file or a folder, in its order; memory holds one block of the file.

    A CSV has the columns `id` and `text`, a line of JSONL the same keys; others are passed over.
    A .txt file is a note, its name without the ending the id.

    Where `languages` are given, a row may have one as its `language`, and rows that follow each
    other with one id and different languages are one note.

    Raises:
        FileNotFoundError: there is no such file, or the folder has no .txt file.
        ValueError: it is none of these kinds, damaged, lacks a column, gives an id twice or a
            language that is none of `languages`.
    """
    yield from distinct(_numbered(Path(path), languages))


def distinct(numbered: Iterable[tuple[str, Note]]) -> Iterator[Note]:
    """Texts, each with its place, as notes: those of one report joined, each note with its own id.

    Raises:
        ValueError: a text has no id that can be written, or one that an earlier note has.
    """
    seen: set[str] = set()
    for place, note in _joined(numbered):
        # Half a surrogate pair: JSON can escape it, and no file can hold it.
        if not note.id or any("\ud800" <= letter <= "\udfff" for letter in note.id):
            raise ValueError(f"{place}: no id that can be written; each note needs one of its own")
        if note.id in seen:
            raise ValueError(f"{place}: an id that an earlier note has; each needs one of its own")
        seen.add(note.id)
        yield note


def _joined(numbered: Iterable[tuple[str, Note]]) -> Iterator[tuple[str, Note]]:
    """Rows that follow each other with one id, each in a language of its own, as one note."""
    held: tuple[str, Note] | None = None
    for place, note in numbered:
        if held is not None and _is_other(note, held[1]):
            held = held[0], replace(held[1], others=(*held[1].others, note))
            continue
        if held is not None:
            yield held
        held = place, note
    if held is not None:
        yield held


def _is_other(note: Note, first: Note) -> bool:
    languages = {note.language, *(one.language for one in (first, *first.others))}
    return note.id == first.id and None not in languages and len(languages) == 2 + len(first.others)


def _numbered(path: Path, languages: Sequence[str]) -> Iterator[tuple[str, Note]]:
    """Each text with its place, for a message."""
    if path.is_dir():
        return _of_folder(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder; give {KINDS}")
    if path.name.lower().endswith((".csv", ".csv.gz")):
        return _of_csv(path, languages)
    if path.suffix.lower() == ".jsonl":
        return _of_jsonl(path, languages)
    if path.suffix.lower() == ".txt":
        return iter([(str(path), _of_text(path))])
    raise ValueError(f"{path}: the ending says no kind of notes; give {KINDS}")


def _of_folder(folder: Path) -> Iterator[tuple[str, Note]]:
    texts = (path for path in folder.iterdir() if path.suffix.lower() == ".txt")
    paths = sorted(path for path in texts if path.is_file())
    if not paths:
        raise FileNotFoundError(f"{folder}: has no .txt file; give {KINDS}")
    return ((f"{folder}, file {n}", _of_text(path)) for n, path in enumerate(paths, start=1))


def _of_text(path: Path) -> Note:
    """Line ends and a byte order mark stay: offsets count them."""
    if path.stat().st_size > LARGEST:
        return Note(path.stem, "", f"the note is larger than {LARGEST >> 20} MiB")
    try:
        return Note(path.stem, path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError:
        return Note(path.stem, "", NOT_UTF8)


def _of_csv(path: Path, languages: Sequence[str]) -> Iterator[tuple[str, Note]]:
    columns = ["id", "text"]
    if languages and "language" in map(str.lower, read_header(path)):
        columns.append("language")
    for batch in read_csv(path, columns):
        for row in batch.to_pylist():
            place = f"{path}, row {row['row']}, column"
            language = _language(row.get("language"), languages, f"{place} language")
            yield f"{place} id", Note(row["id"] or "", row["text"] or "", language=language)


def _language(value: str | None, languages: Sequence[str], place: str) -> str | None:
    if value and value not in languages:
        raise ValueError(
            f"{place}: a language that the bundle does not read; it reads {' and '.join(languages)}"
        )
    return value or None


def _of_jsonl(path: Path, languages: Sequence[str]) -> Iterator[tuple[str, Note]]:
    with path.open("rb") as file:
        for number, line in enumerate(iter(partial(file.readline, LARGEST + 1), b""), start=1):
            place = f"{path}, line {number}"
            if len(line) > LARGEST:
                raise ValueError(f"{place}: longer than {LARGEST >> 20} MiB; is it JSON Lines?")
            if line.strip():
                yield place, _of_line(line.removeprefix(b"\xef\xbb\xbf"), languages, place)


def _of_line(line: bytes, languages: Sequence[str], place: str) -> Note:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"{place}: bytes that are not UTF-8; convert the file first") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{place}: not a JSON object, or cut off") from None
    if not isinstance(row, dict):
        raise ValueError(f"{place}: not a JSON object")
    return note_of(row, languages, place)


def note_of(row: Mapping[str, Any], languages: Sequence[str], place: str) -> Note:
    """A text from a JSON object with `id`, `text` and perhaps `language`."""
    said = _text_of(row, "language", place) if languages and "language" in row else None
    language = _language(said, languages, f"{place}, key `language`")
    return Note(_text_of(row, "id", place), _text_of(row, "text", place), language=language)


def _text_of(row: Mapping[str, Any], key: str, place: str) -> str:
    """A value as text; a whole number will do for an id, null for nothing."""
    if key not in row:
        raise ValueError(f"{place}: no key `{key}`; each line has `id` and `text`")
    value = row[key]
    if key == "id" and type(value) is int:
        return str(value)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{place}: `{key}` is not text")
    return value or ""
