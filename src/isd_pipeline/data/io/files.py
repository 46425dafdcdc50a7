"""Files are whole or absent: written beside their place, synced, then renamed into it."""

import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def replacing(path: Path, needed: int = 0) -> Iterator[Path]:
    """Give a temporary name in `path`'s folder; on success it takes the place of `path`.

    The temporary name may become a file or a folder. If the block raises, it is removed and
    whatever stood at `path` before is untouched. `needed` is how many bytes will be written, where
    that is known.

    Raises:
        OSError: the disk is full, or has fewer than `needed` bytes; it names `path`.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with naming_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        refuse_full_disk(path, needed)
        _remove(temporary)
        try:
            yield temporary
            _sync(temporary)
            _move(temporary, path)
            _sync_one(path.parent)
        finally:
            _remove(temporary)


@contextmanager
def naming_full_disk(path: Path, what: str = "") -> Iterator[None]:
    """Of a disk that fills up say which file it was, how much is free, and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL or isinstance(error, DiskFullError):
            raise
        raise DiskFullError(path, 0, what) from None


def refuse_full_disk(path: Path, needed: int, what: str = "") -> None:
    """Raise an OSError where the disk of `path` has fewer bytes free than will be written."""
    if needed > free_bytes(path):
        raise DiskFullError(path, needed, what)


class DiskFullError(OSError):
    """No room for a file. `needed` is how many bytes it takes, 0 where that is not known."""

    def __init__(self, path: Path, needed: int, what: str = "") -> None:
        size = f"needs {megabytes(needed)}" if needed else "needs more"
        super().__init__(
            f"{path}: the disk is full: {megabytes(free_bytes(path))} are free there, and "
            f"{what or 'this file'} {size}. Make room and run the same command again; no part of "
            "it was left"
        )
        self.errno = errno.ENOSPC


def free_bytes(path: Path) -> int:
    """How many bytes the disk has free on which a path is or would be, if the disk says so."""
    path = Path(path).absolute()
    there = next(one for one in (path, *path.parents) if one.exists())
    usage = shutil.disk_usage(there)
    return usage.free if usage.total else sys.maxsize


def megabytes(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1e6:,.1f} MB"


def refuse_unwritable(path: Path) -> None:
    """Raise an OSError that names `path`, before work is done for it, where it cannot be written.

    Folders that are missing will be made; the nearest that is there must take a file.
    """
    folder = next(one for one in path.absolute().parents if one.exists())
    if not folder.is_dir():
        raise NotADirectoryError(f"{path}: {folder} is no folder; name another place")
    probe = folder / f".{path.name}.{os.getpid()}.tmp"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        told = f"{path}: cannot be written ({error.strerror}); name another place by --to"
        raise OSError(told) from None


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text so that a reader sees the old file or the new one, never a part."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys, one line per key: small changes make small diffs."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint_files(path: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of a file, or of a folder's files by their names in it; {} for neither."""
    path = Path(path)
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    within = path.parent if path.is_file() else path
    return {
        file.relative_to(within).as_posix(): {"bytes": file.stat().st_size, "sha256": sha256(file)}
        for file in files
    }


def _move(temporary: Path, path: Path) -> None:
    """Rename over `path`. A folder cannot replace a full one, so the old one steps aside."""
    if not path.is_dir():
        os.replace(temporary, path)
        return
    aside = path.with_name(f".{path.name}.{os.getpid()}.old")
    os.replace(path, aside)
    os.replace(temporary, path)
    _remove(aside)


def _sync(path: Path) -> None:
    for found in [*path.rglob("*"), path] if path.is_dir() else [path]:
        _sync_one(found)


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
