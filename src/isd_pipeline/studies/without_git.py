"""Where DVC has to work without Git: there is none, or data/ leads out of what Git knows.

With Git, DVC refuses every command in a ZIP of the project, and refuses an output behind a
symbolic link that leads out of the checkout; that only after the stage has run.
"""

import os
from collections.abc import Mapping
from configparser import ConfigParser
from pathlib import Path

from isd_pipeline.data.io.files import replacing

RAW = "01_raw"  # is read; DVC minds only links to what is written


def do_without_git(root: Path) -> list[str]:
    """Tell DVC to work without Git where it must; say so in one line."""
    reason = _reason(root)
    if not (root / ".dvc").is_dir() or not reason or _works_without(root):
        return []
    path = root / ".dvc/config.local"
    local = ConfigParser(interpolation=None)
    local.read(path, encoding="utf-8")
    local.read_dict({"core": {"no_scm": "true"}})
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        local.write(file)
    return [f"{reason}: DVC works without Git from now on ({path}: no_scm)"]


def refuse_links(environment: Mapping[str, str] = os.environ) -> None:
    """Raise, before a stage of `dvc repro` begins, where DVC would refuse what it makes."""
    root = Path(environment.get("DVC_ROOT", ""))
    if "DVC_ROOT" not in environment or _works_without(root) or not _has_git(root):
        return
    if link := link_out(root):
        raise OSError(
            f"{link}: a link out of the checkout, behind which DVC refuses outputs as long as it "
            "works with Git; `isd repair` changes that, then run the same command again"
        )


def link_out(root: Path) -> Path | None:
    """The first of data/, its folders and theirs, one for each cohort, that leads out of here."""
    inside = root.resolve()
    data = root / "data"
    below = [path for path in sorted(data.glob("*/*")) if path.parent.name != RAW]
    for path in (data, *sorted(data.glob("*")), *below):
        if path.is_symlink() and path.is_dir() and not path.resolve().is_relative_to(inside):
            return path.relative_to(root)
    return None


def _reason(root: Path) -> str:
    if not _has_git(root):
        return "no Git here, so runs name no commit"
    link = link_out(root)
    return f"{link} leads out of the checkout" if link else ""


def _has_git(root: Path) -> bool:
    above = (root.resolve(), *root.resolve().parents)
    return any((one / ".git").exists() for one in above)


def _works_without(root: Path) -> bool:
    known = ConfigParser(interpolation=None)
    known.read([root / ".dvc/config", root / ".dvc/config.local"], encoding="utf-8")
    return known.getboolean("core", "no_scm", fallback=False)
