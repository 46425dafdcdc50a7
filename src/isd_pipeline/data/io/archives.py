"""The text files of a corpus that comes as a zip, out of it or of the folder it unpacks to."""

import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError)


def file_names(path: Path) -> list[str]:
    """The paths of all files of a zip, or below a folder, sorted.

    Raises FileNotFoundError where there is neither, ValueError for what is not a whole zip.
    """
    if path.is_dir():
        files = (file for file in path.rglob("*") if file.is_file())
        return sorted(file.relative_to(path).as_posix() for file in files)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    try:
        with zipfile.ZipFile(path) as archive:
            return sorted(name for name in archive.namelist() if not name.endswith("/"))
    except _DAMAGED:
        raise _not_whole(path) from None


def read_texts(path: Path, name_of: Callable[[str], str | None]) -> dict[str, str]:
    """The files of a zip or a folder that `name_of` gives a name to, by it; nothing is unpacked.

    Raises ValueError, in a line that names the file, for what is not a whole zip, for bytes that
    are not UTF-8, and where two files have one name.
    """
    found = {name: name_of(name) for name in file_names(path)}
    wanted = {name: short for name, short in found.items() if short is not None}
    _refuse_twice(wanted.values(), path)
    if path.is_dir():
        return _decoded(wanted, path, lambda name: (path / name).read_bytes())
    try:
        with zipfile.ZipFile(path) as archive:
            return _decoded(wanted, path, archive.read)
    except _DAMAGED:
        raise _not_whole(path) from None


def tab_rows(
    texts: Mapping[str, str], path: Path, name: str, width: int
) -> Iterator[tuple[str, list[str]]]:
    """The rows of a tab-separated file of what `read_texts` read, each with where it stands.

    `path` is what was read from. Raises FileNotFoundError where there is no such file, ValueError
    for a row of other than `width` cells.
    """
    if name not in texts:
        raise FileNotFoundError(f"{path}: holds no {name}; is it the whole corpus?")
    lines = texts[name].removesuffix("\n").split("\n") if texts[name] else []
    for number, line in enumerate(lines, start=1):
        where = f"{path}, {name}, row {number}"
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != width:
            raise ValueError(f"{where}: {len(cells)} cells instead of {width}")
        yield where, cells


def refuse_documents_twice(folders: Mapping[str, Iterable[str]], path: Path) -> None:
    """ValueError, with both places, where a document's text is in two of a corpus's folders."""
    met: dict[str, str] = {}
    for folder, documents in folders.items():
        for document in documents:
            if document in met:
                where = f"{path}, {folder}/{document}.txt"
                raise ValueError(f"{where}: the document is in {met[document]} as well")
            met[document] = folder


def _refuse_twice(names: Iterable[str], path: Path) -> None:
    met: set[str] = set()
    for name in names:
        if name in met:
            raise ValueError(f"{path}: holds {name} twice; which is the corpus?")
        met.add(name)


def _decoded(wanted: Mapping[str, str], path: Path, read: Callable[[str], bytes]) -> dict[str, str]:
    found = {}
    for name, short in wanted.items():
        try:
            found[short] = read(name).decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"{path}, {name}: not UTF-8; download the corpus again") from None
    return found


def _not_whole(path: Path) -> ValueError:
    return ValueError(f"{path}: not a whole zip file; download it again")
