"""Notes to be coded, one at a time, from whatever file a user has them in.

A fault of the file stops the reading with one line that names file and row; a fault of one note is
told in that note's answer. Neither holds a word of a text, nor an id.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from isd_pipeline.coding.coder import Note
from isd_pipeline.data.custom.files import column_names, lines_in_utf8, read_rows
from isd_pipeline.data.custom.layout import FileForm, match_columns
from isd_pipeline.data.io.content import is_parquet, refuse_no_file, refuse_no_text
from isd_pipeline.data.io.folders import files_of, told, written_name
from isd_pipeline.data.io.missing import is_missing
from isd_pipeline.data.quality.findings import Findings

LOG = logging.getLogger(__name__)

LARGEST = 16 << 20  # bytes of one note
KINDS = "a .csv, .tsv, .jsonl, .parquet or .txt file, or a folder of .txt files"
TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
NOT_UTF8 = (
    "the note is not UTF-8; name its encoding by --encoding (cp1252 of Windows, latin-1, utf-16), "
    "or convert it first"
)
OURS = ("id", "text", "language", "patient")
WORKBOOKS = (".xlsx", ".xls", ".ods", ".docx", ".doc", ".odt", ".rtf", ".pdf")


@dataclass(frozen=True, kw_only=True)
class NotesForm(FileForm):
    """How files of notes are written, as a command's options say. `columns`: ours > the file's."""

    columns: Mapping[str, str] = field(default_factory=dict)
    option: str = "--{}"


AS_USUAL = NotesForm()


def read_notes(
    path: Path, languages: Sequence[str] = (), form: NotesForm = AS_USUAL
) -> Iterator[Note]:
    """The notes of a file or a folder, in its order; memory holds one block of the file.

    A table has the columns `id` and `text`, or what `form.columns` calls them, a line of JSONL the
    same keys; others are passed over. A .txt file is a note, its name without the ending the id.

    Where `languages` are given, a row may have one as its `language`, and rows that follow each
    other with one id and different languages are one note.

    Raises:
        FileNotFoundError: there is no such file, or the folder has no .txt file.
        ValueError: it is none of these kinds, damaged, lacks a column, gives an id twice or a
            language that is none of `languages`.
    """
    yield from distinct(_numbered(Path(path), languages, form))


def distinct(numbered: Iterable[tuple[str, Note]]) -> Iterator[Note]:
    """Texts, each with its place, as notes: those of one report joined, each note with its own id.

    Raises:
        ValueError: a text has no id that can be written, or one that an earlier note has.
    """
    seen: set[str] = set()
    for place, note in _joined(numbered):
        # Half a surrogate pair: JSON can escape it, and no file can hold it.
        if is_missing(note.id) or any("\ud800" <= letter <= "\udfff" for letter in note.id):
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


def _numbered(path: Path, languages: Sequence[str], form: NotesForm) -> Iterator[tuple[str, Note]]:
    """Each text with its place, for a message."""
    if path.is_dir():
        return _of_folder(path, form)
    refuse_absent(path)
    refuse_no_file(path)
    name = path.name.lower()
    if name.endswith(TABLES):
        return _of_table(path, languages, form)
    if name.endswith((".jsonl", ".jsonl.gz", ".ndjson")):
        return _of_jsonl(path, languages, form)
    if path.suffix.lower() == ".txt":
        return iter([(str(path), _of_text(path, form))])
    what = "is not read; save it as CSV (UTF-8) or as text" if name.endswith(WORKBOOKS) else ""
    raise ValueError(f"{path}: {what or 'the ending says no kind of notes'}; give {KINDS}")


def refuse_absent(path: Path) -> None:
    """Raise where there is no such file or folder."""
    if str(path) == "-":
        raise ValueError("-: standard input is not read; write it to a file, `cat > notes.csv`")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder; give {KINDS}")


def refuse_unreadable(path: Path, form: NotesForm = AS_USUAL) -> None:
    """Raise what `read_notes` raises of a file's kind, its header and its first note."""
    refuse_absent(path)
    if not path.is_dir():
        next(read_notes(path, form=form), None)
    elif not notes_beside_others(path)[0]:
        raise FileNotFoundError(f"{path}: has no .txt file; give {KINDS}")


def notes_beside_others(folder: Path) -> tuple[list[Path], Counter[str]]:
    """The notes of a folder, and how many of each kind it holds beside them.

    What is hidden, or left by a system, is counted as that: it is none of the user's files.
    """
    files, passed = files_of(folder)
    paths = [path for path in files if path.suffix.lower() == ".txt"]
    others = (path for path in files if path.suffix.lower() != ".txt")
    kinds = Counter(written_name(path.suffix.lower()) or "file without ending" for path in others)
    return paths, kinds + passed


def _of_folder(folder: Path, form: NotesForm) -> Iterator[tuple[str, Note]]:
    paths, others = notes_beside_others(folder)
    odd = sum(written_name(path.stem) != path.stem for path in paths)
    if others:
        what = "%s: not read: %s; its .txt files alone are notes"
        LOG.warning(what, folder, told(others))
    if odd:
        LOG.warning(r"%s: %d file names are not UTF-8; their ids have \xfc and such", folder, odd)
    if not paths:
        raise FileNotFoundError(f"{folder}: has no .txt file; give {KINDS}")
    return ((f"{folder}, file {n}", _of_text(path, form)) for n, path in enumerate(paths, start=1))


def _of_text(path: Path, form: NotesForm) -> Note:
    """Line ends and a byte order mark stay: offsets count them."""
    name = written_name(path.stem)
    if path.stat().st_size > LARGEST:
        return Note(name, "", f"the note is larger than {LARGEST >> 20} MiB")
    try:
        content = path.read_bytes()
        text = content.decode(form.encoding)
    except PermissionError:
        return Note(name, "", "the file may not be read; correct its rights")
    except UnicodeDecodeError:
        return Note(name, "", NOT_UTF8)
    if text.count("\0") > len(text) // 4:  # UTF-16 without a mark
        return Note(name, "", NOT_UTF8)
    return Note(name, "" if is_missing(text) else text)


def _of_table(path: Path, languages: Sequence[str], form: NotesForm) -> Iterator[tuple[str, Note]]:
    known = {"id": True, "text": True, **({"language": False} if languages else {})}
    for batch in rows_of(path, known, form):
        for row in batch.to_pylist():
            place = f"{path}, row {row['row']}, column"
            language = _language(row.get("language"), languages, f"{place} language")
            yield f"{place} id", Note(row["id"] or "", row["text"] or "", language=language)


def rows_of(path: Path, known: Mapping[str, bool], form: NotesForm) -> Iterator[pa.RecordBatch]:
    """Batches of a table's columns by our names; `known` says which the file must have."""
    header = column_names(path, form)
    every = {**dict.fromkeys(OURS, False), **known}
    found = match_columns(path, header, form.columns, every, "--columns", "--columns {}=NAME")
    names = {ours: theirs for ours, theirs in found.items() if ours in known}
    return read_rows(path, names, form, Findings())


def _language(value: str | None, languages: Sequence[str], place: str) -> str | None:
    if value and value not in languages:
        raise ValueError(
            f"{place}: a language that the bundle does not read; it reads {' and '.join(languages)}"
        )
    return value or None


def _of_jsonl(path: Path, languages: Sequence[str], form: NotesForm) -> Iterator[tuple[str, Note]]:
    for place, row in objects_of(path, form):
        yield place, note_of(row, languages, place)


def objects_of(path: Path, form: NotesForm) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a file of JSON Lines by our names of their keys, each with its place."""
    if is_parquet(path):
        raise ValueError(f"{path}: a Parquet file, by its content; name it .parquet")
    refuse_no_text(path, form.encoding, "set --encoding utf-16")
    ours = {theirs: ours for ours, theirs in form.columns.items()}
    lines = lines_in_utf8(path, form.encoding, LARGEST)
    for number, line in enumerate(lines, start=1):
        place = f"{path}, line {number}"
        if len(line) > LARGEST:
            raise ValueError(f"{place}: longer than {LARGEST >> 20} MiB; is it JSON Lines?")
        if line.strip():
            row = _object(line.removeprefix(b"\xef\xbb\xbf"), place, form)
            yield (
                place,
                {
                    ours.get(key, key): value
                    for key, value in row.items()
                    if key in ours or key not in form.columns
                },
            )


def _object(line: bytes, place: str, form: NotesForm) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"{place}: bytes that are not UTF-8; {form.other_encoding}") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{place}: not a JSON object, or cut off") from None
    if not isinstance(row, dict):
        raise ValueError(f"{place}: not a JSON object")
    return row


def note_of(row: Mapping[str, Any], languages: Sequence[str], place: str) -> Note:
    """A text from a JSON object with `id`, `text` and perhaps `language`."""
    said = _text_of(row, "language", place) if languages and "language" in row else None
    language = _language(said, languages, f"{place}, key `language`")
    text = _text_of(row, "text", place)
    return Note(_text_of(row, "id", place), "" if is_missing(text) else text, language=language)


def _text_of(row: Mapping[str, Any], key: str, place: str) -> str:
    """A value as text; a whole number will do for an id, null for nothing."""
    if key not in row:
        raise ValueError(f"{place}: no key `{key}`; each line has `id` and `text`, or --columns")
    value = row[key]
    if key == "id" and type(value) is int:
        return str(value)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{place}: `{key}` is not text")
    return value or ""
