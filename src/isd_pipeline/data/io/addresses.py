"""Files at a path, or at an address such as s3://bucket/notes that fsspec serves here.

An address is said in a command or a configuration file, so it holds no credentials: they are where
the storage's own library looks for them. Needs the extra `cluster`, but for paths.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

CHAINED = "::"  # as in zip://notes::s3://bucket/year.zip: what is within what


def is_remote(address: str) -> bool:
    """Whether it is no path of this machine."""
    return "://" in address


def refuse_credentials(address: str) -> None:
    """Raise, without saying them, where an address holds a user, a password or a key."""
    for link in address.split(CHAINED) if is_remote(address) else ():
        parts = urlsplit(link)
        if "@" in parts.netloc or parts.query:
            raise ValueError(
                f"{parts.scheme}://…: the address holds a user, a password or a key; leave it out, "
                "and give it where the storage's own library looks for it"
            )


def refuse_address(to: Path) -> None:
    """Raise where something is to be written to an address, which as a path is a folder `s3:`."""
    first = to.parts[0] if len(to.parts) > 1 else ""
    if first.endswith(":") and len(first) > 2:
        raise ValueError(
            f"{first}//…: an address, and what is written is written on this machine; name a file "
            "or a folder, and copy it there afterwards"
        )


def list_files(address: str) -> tuple[list[str], int]:
    """A file alone, or the files of a folder by name; and how many folders in it are not looked at.

    Raises:
        FileNotFoundError: there is neither.
        ValueError: credentials in the address, or a kind of address that nothing here serves.
    """
    refuse_credentials(address)
    if not is_remote(address):
        return _list_local(Path(address))
    files, root = _served(address)
    if not files.exists(root):
        raise FileNotFoundError(f"{address}: no such file or folder")
    if not files.isdir(root):
        return [address], 0
    found = files.ls(root, detail=True)
    names = [files.unstrip_protocol(one["name"]) for one in found if one["type"] == "file"]
    return sorted(_chained(name, address) for name in names), len(found) - len(names)


def _list_local(path: Path) -> tuple[list[str], int]:
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    found = list(path.iterdir()) if path.is_dir() else [path]
    names = [str(one) for one in found if one.is_file()]
    return sorted(names), len(found) - len(names)


def name_of(address: str) -> str:
    """The last part of a path or an address; of `zip://a.csv::file:///b.zip` it is a.csv."""
    links = address.split(CHAINED) if is_remote(address) else [address]
    return links[_place(links)].rstrip("/").rpartition("/")[2]


def _chained(name: str, address: str) -> str:
    """A name within the folder of an address, as an address of its own."""
    links = address.split(CHAINED)
    links[_place(links)] = name
    return CHAINED.join(links)


def _place(links: list[str]) -> int:
    """Which link of a chain has the path: those before it, as `simplecache`, have none."""
    return next((n for n, link in enumerate(links) if "://" in link), 0)


@contextmanager
def opened(address: str) -> Iterator[IO[bytes]]:
    """A file's bytes, of which any may be asked for."""
    if not is_remote(address):
        with Path(address).open("rb") as file:
            yield file
        return
    files, root = _served(address)
    with files.open(root, "rb") as file:
        yield file


@contextmanager
def at_path(address: str) -> Iterator[Path]:
    """A file as one of this machine; of a remote one a copy that ends with the block.

    What the block raises of the copy is raised again by the address.
    """
    if not is_remote(address):
        yield Path(address)
        return
    with tempfile.TemporaryDirectory() as folder, opened(address) as file:
        path = Path(folder, name_of(address))
        with path.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        try:
            yield path
        except (ValueError, OSError) as error:
            raise ValueError(str(error).replace(str(path), address)) from None


def _served(address: str) -> tuple[Any, str]:
    """The file system of an address, and what the address is called there."""
    from fsspec.core import url_to_fs

    try:
        files, root = url_to_fs(address)
    except ImportError as error:
        raise ValueError(f"{address}: a package is missing ({error})") from None
    except ValueError:
        raise ValueError(f"{address}: fsspec knows no such kind of address") from None
    return files, str(root)
