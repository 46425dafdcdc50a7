"""What a folder of notes holds beside them."""

from collections import Counter
from pathlib import Path

NOTES = ".txt"


def passed_over(folder: Path) -> str:
    """How many of each kind are no notes, as in "3 .docx, 1 folder"; empty if there are none.

    What is hidden, or left by a system, is none of the user's files and not counted.
    """
    if not folder.is_dir():
        return ""
    kinds = Counter(_kind(path) for path in folder.iterdir() if not _is_hidden(path.name))
    del kinds[NOTES]
    return ", ".join(f"{count} {_plural(kind, count)}" for kind, count in sorted(kinds.items()))


def _kind(path: Path) -> str:
    if path.is_dir():
        return "folder"
    return (path.suffix.lower() or "file without an ending") if path.is_file() else "no file"


def _plural(kind: str, count: int) -> str:
    return "folders" if kind == "folder" and count > 1 else kind


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "~$")) or name.lower() in ("thumbs.db", "desktop.ini", "__macosx")
