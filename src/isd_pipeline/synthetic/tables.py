"""The hospital's files, each whole or absent and a function of its rows, byte by byte."""

import gzip
import io
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from isd_pipeline.data.io.files import replacing


@contextmanager
def writing(path: Path, header: str = "", encoding: str = "utf-8") -> Iterator[TextIO]:
    """A text file, its header written; it appears when the block has ended. `.gz` is packed."""
    with ExitStack() as stack:
        raw: BinaryIO = stack.enter_context(stack.enter_context(replacing(path)).open("wb"))
        if path.suffix == ".gz":  # no name and no time inside
            raw = cast(BinaryIO, stack.enter_context(gzip.GzipFile("", "wb", 6, raw, mtime=0)))
        text = stack.enter_context(io.TextIOWrapper(raw, encoding=encoding, newline="\n"))
        text.write(header)
        yield text


def quoted(value: str) -> str:
    """A cell of a CSV file."""
    return '"' + value.replace('"', '""') + '"'


def heading(columns: str, separator: str = ",") -> str:
    """The first line of a table: the names of its columns, each in quotation marks."""
    return separator.join(map(quoted, columns.split())) + "\n"


@contextmanager
def writing_all(headers: Mapping[Path, str]) -> Iterator[dict[str, TextIO]]:
    """Several files by their names without endings; they appear together at the end."""
    with ExitStack() as stack:
        yield {
            path.name.split(".")[0]: stack.enter_context(writing(path, header))
            for path, header in headers.items()
        }
