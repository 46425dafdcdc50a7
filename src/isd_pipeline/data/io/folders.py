"""The files of a folder that people put there; what systems leave there is passed over, and told.

macOS writes `._visit1.txt` beside `visit1.txt`, Office `~$visit1.docx`, Windows `Thumbs.db`. Read
as a note or a report each would be one more.
"""

import os
import stat
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

_BY_SYSTEMS = ("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "icon\r")
_FOLDERS = ("__macosx", "@eadir", "system volume information")
HIDDEN, LINKS, DEVICES = (
    "hidden or made by a system",
    "links that lead nowhere or round",
    "pipes, sockets or devices",
)
FOLDER_LINKS, FOLDERS = "links to folders", "folders"


def is_hidden(name: str) -> bool:
    """Whether a part of a path is hidden, a system's own, or what an editor left.

    >>> [is_hidden(name) for name in ("a/._b.txt", "__MACOSX/a.txt", "~$a.docx", "a.b/c.txt")]
    [True, True, True, False]
    """
    *folders, last = PurePosixPath(name).parts
    if any(part.lower() in _FOLDERS for part in (*folders, last)):
        return True
    begins = (".", "~$")
    return (
        any(part.startswith(".") for part in folders if part != "..")
        or last.startswith(begins)
        or last.lower() in _BY_SYSTEMS
        or last.endswith("~")
    )


def files_of(folder: Path, *, below: bool = False) -> tuple[list[Path], Counter[str]]:
    """The files of a folder, or of all below it, sorted; and what was passed over, by its kind.

    Links to folders are not followed. Raises PermissionError for a folder that may not be read.
    """
    found, passed = list[Path](), Counter[str]()

    def fail(error: OSError) -> None:
        raise PermissionError(f"{error.filename}: may not be read; correct its rights") from None

    for place, folders, names in os.walk(folder, onerror=fail):
        inside = Path(place)
        for name in folders:
            path = inside / name
            shown = is_hidden(path.relative_to(folder).as_posix())
            kind = HIDDEN if shown else FOLDER_LINKS if path.is_symlink() else FOLDERS
            passed[kind] += shown or path.is_symlink() or not below
        for name in names:
            path = inside / name
            kind = HIDDEN if is_hidden(path.relative_to(folder).as_posix()) else _strange(path)
            passed[kind] += bool(kind)
            if not kind:
                found.append(path)
        if not below:
            break
        folders[:] = [name for name in folders if not is_hidden(f"{name}/x")]
    return sorted(found), +passed


def told(passed: Mapping[str, int]) -> str:
    """What was passed over, in words, or nothing."""
    return ", ".join(f"{count} {kind}" for kind, count in passed.items() if count)


def written_name(name: str) -> str:
    r"""A name that any file can hold: bytes that are not UTF-8 become `\xfc`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _strange(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except OSError:
        return LINKS
    return "" if stat.S_ISREG(mode) else DEVICES
