"""A user's notes in one file, or in the many of a folder, as parts that a worker can read.

A part is a file, or groups of rows of a Parquet file. The rows of many files are counted on from
one to the next, in the order of the files' names, so that they are those of one long file. A
message names the file, and the row in it.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path

import pyarrow as pa

from isd_pipeline.data.custom.files import column_names, group_sizes, read_groups, read_rows
from isd_pipeline.data.custom.layout import (
    FORMATS,
    CustomLayout,
    FileForm,
    find_table,
    match_columns,
)
from isd_pipeline.data.io.addresses import at_path, is_remote, list_files, name_of, opened
from isd_pipeline.data.io.check_sums import check_sum
from isd_pipeline.data.io.folders import is_hidden
from isd_pipeline.data.io.parts import Engine, map_parts
from isd_pipeline.data.quality.findings import Finding, Findings, FindingsOfFile

LOG = logging.getLogger(__name__)
Columns = Mapping[str, tuple[str, ...]]  # ours, and what the file calls them
USUAL = "notes"
NOTE_COLUMNS = {  # ours, and whether the file must have it
    **{"id": True, "text": True},
    **dict.fromkeys(("note", "patient", "date", "type", "split", "codes"), False),
}


@dataclass(frozen=True)
class NoteFile:
    """A file at a path or an address, its columns, and how it is written.

    Of a Parquet file perhaps some groups of rows alone: those from `begin` to `end`.
    """

    address: str
    columns: Columns
    form: FileForm
    begin: int = 0
    end: int | None = None

    def __str__(self) -> str:
        some = f", rows {self.begin + 1} to {self.end}"
        return self.address if self.end is None else f"{self.address}{some}"

    def halves(self) -> list["NoteFile"]:
        """What is read as a whole, and its reader names the row."""
        return []

    def parts(self, rows: int) -> list["NoteFile"]:
        """Of Parquet groups of rows, about so many rows together; any other file is one part."""
        with opened(self.address) as file:
            ends = list(accumulate(group_sizes(file)))
        begins = [0]
        for end in ends:
            if end > begins[-1] and (end - begins[-1] >= rows or end == ends[-1]):
                begins.append(end)
        if len(begins) <= 2:
            return [self]
        if not is_remote(self.address):
            check_sum(Path(self.address))
        return [replace(self, begin=a, end=b) for a, b in pairwise(begins)]

    def read(self, findings: Findings, only: tuple[str, ...] = ()) -> Iterator[pa.RecordBatch]:
        """As `read_rows`, of all columns or of some; what is told names the address."""
        names = {name: self.columns[name] for name in only} or self.columns
        if self.end is not None:
            with opened(self.address) as file:
                yield from read_groups(file, self.address, names, self.begin, self.end)
            return
        with at_path(self.address) as path:
            mine = Findings() if is_remote(self.address) else findings
            yield from read_rows(path, names, self.form, mine)
            if mine is not findings:
                for one in mine:
                    findings.add(replace(one, file=self.address))


@dataclass(frozen=True)
class NoteFiles:
    """The files of notes, in their order; `place` is the file, or the folder of many."""

    place: Path | str
    files: tuple[NoteFile, ...]

    @property
    def names(self) -> Columns:
        """Our names of the columns that there are, and what the first file calls them."""
        return self.files[0].columns

    def read(
        self, findings: Findings, engine: Engine, only: tuple[str, ...] = ()
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Batches, each with the number of its file.

        In a loop memory holds a batch; of an engine's workers the rows of the few parts that are
        under way.
        """
        parts = list(enumerate(self.files))
        if engine.name != "loop":
            parts = [(n, part) for n, file in parts for part in file.parts(engine.rows)]
        if engine.name == "loop" or len(parts) == 1:
            for number, file in parts:
                for batch in file.read(findings, only):
                    yield number, batch
            return
        numbers, some = zip(*parts, strict=True)
        found = map_parts(_read, some, engine, common=[only], what="parts of notes")
        for number, (batches, told) in zip(numbers, found, strict=True):
            for one in told:
                findings.add(one)
            for batch in batches:
                yield number, batch

    def found(self, findings: Findings, sizes: list[int]) -> FindingsOfFile:
        """What takes the findings of rows that are counted on; `sizes` of each file's rows."""
        begins = tuple(accumulate(sizes[:-1], initial=0))
        files = tuple(file.address for file in self.files)
        within = tuple(zip(begins, files, strict=True)) if len(files) > 1 else ()
        return FindingsOfFile(findings, self.place, self.names, within)


def _read(part: NoteFile, only: tuple[str, ...]) -> tuple[list[pa.RecordBatch], list[Finding]]:
    findings = Findings()
    return list(part.read(findings, only)), list(findings)


def find_notes(folder: Path, layout: CustomLayout) -> NoteFiles:
    """The file or folder of notes that a layout names, else what is called `notes`.

    Raises ValueError or FileNotFoundError in one line where there is none, or one too many.
    """
    many = _listed(folder, layout)
    if many is None:
        path = find_table(folder, USUAL, layout.notes, "notes")
        if path is None:
            raise FileNotFoundError(
                f"{folder}: no file of notes (notes.csv, notes.jsonl, notes.parquet); "
                "name yours in custom.notes"
            )
        return NoteFiles(path, (_note_file(str(path), layout),))
    place, addresses = many
    files = tuple(_note_file(address, layout) for address in addresses)
    for file in files[1:]:
        if file.columns.keys() != files[0].columns.keys():
            other = ", ".join(sorted(file.columns.keys() ^ files[0].columns.keys()))
            raise ValueError(
                f"{file}: other columns than {name_of(files[0].address)} ({other}); give all files "
                "of notes the same"
            )
    return NoteFiles(place, files)


def _listed(folder: Path, layout: CustomLayout) -> tuple[Path | str, list[str]] | None:
    """A folder of files of notes and what is in it; None where notes are no folder."""
    remote = is_remote(layout.notes)
    place = layout.notes if remote else folder / (layout.notes or USUAL)
    if not remote and not Path(place).is_dir():
        return None
    found = [f for f in list_files(str(place))[0] if not is_hidden(name_of(f))]
    files = [file for file in found if name_of(file).lower().endswith(FORMATS)]
    if not layout.notes:
        beside = find_table(folder, USUAL, "", "notes")
        if not files or beside is None:
            return (place, files) if files else None
        raise ValueError(
            f"{folder}: holds {beside.name} and a folder {USUAL}; name one: custom.notes"
        )
    if not files:
        raise FileNotFoundError(
            f"{place}: no file of notes there that ends in {', '.join(FORMATS)}"
        )
    if len(files) < len(found):
        LOG.warning("%s: %d files of another kind are not read", place, len(found) - len(files))
    return place, files


def _note_file(address: str, layout: CustomLayout) -> NoteFile:
    with at_path(address) as path:
        header = column_names(path, layout.form)
        names = match_columns(path, header, layout.columns, NOTE_COLUMNS, "custom.columns")
    return NoteFile(address, names, layout.form)
