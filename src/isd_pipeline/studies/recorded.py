"""What DVC's lock files say of the files here: of every output its bytes, and where they are kept.

An output is a file or a folder. Of a folder the lock has the hash of a list of its files; the list
itself lies in DVC's cache.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

CACHE = Path(".dvc/cache/files/md5")
BLOCK = 1 << 20  # bytes read at a time


@dataclass(frozen=True)
class Output:
    """What a stage left: its path from the project's root, the hash that its lock has of it."""

    root: Path
    lock: Path
    stage: str
    path: Path
    md5: str

    @property
    def is_folder(self) -> bool:
        """Whether it was a folder."""
        return self.md5.endswith(".dir")

    @property
    def is_cached(self) -> bool:
        """Whether DVC keeps it."""
        return cached(self.root, self.md5).is_file()

    @cached_property
    def files(self) -> dict[Path, str] | None:
        """The MD5 of each of its files, from the project's root; None where no list is whole."""
        if not self.is_folder:
            return {self.path: self.md5}
        path = cached(self.root, self.md5)
        if not path.is_file() or f"{md5(path)}.dir" != self.md5:
            return None
        listed = json.loads(path.read_text(encoding="utf-8"))
        return {self.path / one["relpath"]: str(one["md5"]) for one in listed}


def outputs(root: Path, lock: Path) -> Iterator[Output]:
    """Every output that a lock file names.

    Raises:
        ValueError: it is no lock file.
    """
    try:
        text = (root / lock).read_text(encoding="utf-8")
        stages = yaml.load(text, Loader=yaml.CSafeLoader)["stages"]
        for name, stage in stages.items():
            for out in stage.get("outs", []):
                yield Output(root, lock, name, Path(out["path"]), str(out["md5"]))
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{lock}: half written or no lock file; `isd repair` mends it") from None


def cached(root: Path, digest: str) -> Path:
    """Where DVC's cache has the bytes of this MD5."""
    return root / CACHE / digest[:2] / digest[2:]


def md5(path: Path) -> str:
    """The MD5 of a file's bytes, read in blocks."""
    found = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def folder_md5(files: dict[str, str]) -> str:
    """The hash that DVC gives a folder, of the MD5 of its files by their names in it."""
    listed = [{"md5": files[name], "relpath": name} for name in sorted(files, key=_parts)]
    return f"{hashlib.md5(json.dumps(listed).encode(), usedforsecurity=False).hexdigest()}.dir"


def _parts(name: str) -> tuple[str, ...]:
    return tuple(name.split("/"))
