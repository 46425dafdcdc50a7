"""The text files of a corpus that comes as a zip, out of it or of the folder it unpacks to.

What systems leave in either, as macOS `__MACOSX/._a.txt`, is no file of the corpus.
"""

import logging
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from isd_pipeline.data.io.folders import HIDDEN, files_of, is_hidden, told, written_name

LOG = logging.getLogger(__name__)

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError)


def file_names(path: Path) -> list[str]:
    """The paths of all files of a zip, or below a folder, sorted, but of those that are hidden.

    Raises FileNotFoundError where there is neither, ValueError for what is not a whole zip.
    """
    return _names(path)[0]


def _names(path: Path) -> tuple[list[str], Counter[str]]:
    """The same, and what was passed over, by its kind."""
    if path.is_dir():
        files, passed = files_of(path, below=True)
        return sorted(file.relative_to(path).as_posix() for file in files), passed
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if not name.endswith("/"))
    except _DAMAGED:
        raise _not_whole(path) from None
    kept = [name for name in names if not is_hidden(name)]
    return kept, Counter({HIDDEN: len(names) - len(kept)})


def read_texts(path: Path, name_of: Callable[[str], str | None]) -> dict[str, str]:
    """The files of a zip or a folder that `name_of` gives a name to, by it; nothing is unpacked.

    Raises ValueError, in a line that names the file, for what is not a whole zip, for bytes that
    are not UTF-8, as the name of a file that is read may be, and where two files have one name.
    What was passed over is logged.
    """
    names, passed = _names(path)
    if left := told(passed):
        LOG.warning("%s: passed over: %s", path, left)
    found = {name: name_of(name) for name in names}
    wanted = {name: short for name, short in found.items() if short is not None}
    for name in wanted:
        if written_name(name) != name:
            raise ValueError(
                f"{path}, {written_name(name)}: a file name that is not UTF-8; rename it"
            )
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
        except PermissionError:
            what = "may not be read; correct its rights"
            raise PermissionError(f"{path}, {name}: {what}") from None
        except UnicodeDecodeError:
            raise ValueError(f"{path}, {name}: not UTF-8; download the corpus again") from None
    return found


def _not_whole(path: Path) -> ValueError:
    return ValueError(f"{path}: not a whole zip file; download it again")
