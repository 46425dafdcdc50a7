"""What a file holds, judged by its bytes and never by its name; its bytes, unpacked.

A plain table may be called .csv.gz and a packed one .csv. What is no table at all (a zip, a
workbook, a web page that asks for a password) is refused by what it is, with what to do.
"""

import gzip
import re
import stat
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

PIECE = 1 << 18
_FIRST = 1 << 16
_GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
_UNPACK = "unpack it first"
_BEGINNINGS = {  # how other files begin, what they are, what to do
    b"PK": ("a zip archive", _UNPACK),
    b"BZh": ("packed with bzip2", "unpack it first: bunzip2"),
    b"\xfd7zXZ": ("packed with xz", "unpack it first: unxz"),
    b"\x28\xb5\x2f\xfd": ("packed with zstd", "unpack it first: unzstd"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", _UNPACK),
    b"Rar!": ("a rar archive", _UNPACK),
    PARQUET: ("a Parquet file", "name it .parquet, or save it as CSV"),
    b"ARROW1": ("an Arrow or Feather file", "save it as CSV"),
    b"\xd0\xcf\x11\xe0": ("an old Office file", "save it as CSV (UTF-8), the codes as text"),
    b"%PDF": ("a PDF", "export the table as CSV"),
    b"SQLite format 3": ("an SQLite database", "export the table as CSV"),
    b"version https://git-lfs": ("a pointer that git lfs left", "fetch the file itself"),
}
_WEB = re.compile(rb"\s*<", re.IGNORECASE)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def open_unpacked(path: Path) -> gzip.GzipFile | BufferedReader:
    """The bytes of a file, or what they unpack to where they are those of gzip.

    Raises FileNotFoundError, or ValueError for what is no file, as a pipe or a folder.
    """
    refuse_no_file(path)
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return gzip.open(path) if packed else path.open("rb")


def refuse_no_file(path: Path) -> None:
    """Raise where there is nothing, or what cannot be read twice: a pipe, a device, a folder."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(f"{path}: no such file") from None
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from None
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path}: no file but a folder, pipe or device; copy it into a file")


def unpacked(path: Path) -> Iterator[bytes]:
    """The bytes in pieces; what is packed and cut off, or damaged, is told in one line."""
    try:
        with open_unpacked(path) as file:
            while data := file.read(PIECE):
                yield data
    except EOFError:
        raise ValueError(f"{path}: the compressed file is cut off; download it again") from None
    except (gzip.BadGzipFile, zlib.error):
        what = "the compressed data are damaged; download the file again"
        raise ValueError(f"{path}: {what}") from None
    except PermissionError:
        raise PermissionError(f"{path}: may not be read; correct its rights") from None


def beginning(path: Path) -> bytes:
    """The first 64 KiB of a file, unpacked."""
    found = b""
    for data in unpacked(path):
        found += data
        if len(found) >= _FIRST:
            break
    return found[:_FIRST]


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet does, whatever its name."""
    refuse_no_file(path)
    with path.open("rb") as file:
        return file.read(4) == PARQUET


def refuse_no_text(path: Path, encoding: str | None = None, remedy: str = "") -> bytes:
    """The beginning of a text file; ValueError for what is none, or of another encoding.

    `remedy` says how to name the file's encoding.
    """
    first = beginning(path)
    if first.startswith(_GZIP):
        raise ValueError(f"{path}: packed with gzip twice; unpack it once: gunzip")
    if b"[Content_Types].xml" in first[:4096] and first.startswith(b"PK"):
        raise ValueError(f"{path}: an Excel workbook; save it as CSV (UTF-8), the codes as text")
    for begin, (what, remedy_of) in _BEGINNINGS.items():
        if first.startswith(begin):
            raise ValueError(f"{path}: {what}, by its content; {remedy_of}")
    if _WEB.match(first.removeprefix(b"\xef\xbb\xbf")):
        what = "a web page or XML and no table; was it downloaded without signing in?"
        raise ValueError(f"{path}: {what} Download it again")
    is_wide = encoding is not None and any(size in encoding for size in ("16", "32"))
    if not is_wide and (first.startswith(_UTF16) or b"\0" in _line(first)):
        told = remedy or "convert it: `iconv -f utf-16 -t utf-8`"
        raise ValueError(f"{path}, row 1: looks like UTF-16; {told}")
    return first


def _line(first: bytes) -> bytes:
    return first.split(b"\n", 1)[0]
