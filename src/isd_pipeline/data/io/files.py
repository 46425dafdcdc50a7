"""Files are whole or absent: written beside their place, synced, then renamed into it."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name in `path`'s folder; on success it takes the place of `path`.

    The temporary name may become a file or a folder. If the block raises, it is removed and
    whatever stood at `path` before is untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    _remove(temporary)
    try:
        yield temporary
        _sync(temporary)
        _move(temporary, path)
        _sync_one(path.parent)
    finally:
        _remove(temporary)


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
