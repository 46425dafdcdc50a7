"""A file against the sums that were published with it, where a list of sums lies beside it."""

import hashlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from isd_pipeline.data.io.content import refuse_no_file, unpacked

LOG = logging.getLogger(__name__)

_LISTS = re.compile(r"(sha(1|256|512)|md5)sums?(\.txt)?|checksums?[\w-]*(\.txt)?", re.IGNORECASE)
_LINE = re.compile(r"([0-9a-fA-F]{32,128})[ \t]+[*]?(.+)|\w+ ?\((.+)\) ?= ?([0-9a-fA-F]{32,128})")
_KINDS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_NAMES = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512"}


def check_sum(path: Path) -> None:
    """Compare a file with every list beside it, or above its folder, that names it.

    A list may name the file as it is, or what it unpacks to: `checksum_md5_unzipped.txt` does.
    Where the lists only have the packed file of a plain one, that is logged: it was not checked.

    Raises ValueError where a sum is another.
    """
    path = Path(path)
    refuse_no_file(path)
    told = {name: found for where in _places(path) for name, found in where.items()}
    name = path.name.lower()
    bare = name.removesuffix(".gz")
    if name in told:
        _compare(path, *told[name], is_packed=False)
    elif bare in told:
        _compare(path, *told[bare], is_packed=True)
    elif f"{name}.gz" in told:
        what = "%s: not checked, for %s has the sum of %s.gz alone; keep that file instead"
        LOG.warning(what, path, told[f"{name}.gz"][0], path.name)


def _places(path: Path) -> Iterator[dict[str, tuple[str, str]]]:
    """Of the folder above, then of the file's own: file name > list and sum."""
    folder = path.absolute().parent
    for place, start in ((folder.parent, f"{folder.name.lower()}/"), (folder, "")):
        for listing in _listings(place):
            yield {
                name.removeprefix(start): (listing.name, digest)
                for name, digest in _sums(listing)
                if name.startswith(start)
            }


def _listings(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if _LISTS.fullmatch(p.name) and p.is_file())
    except PermissionError:  # a folder above that is not the user's
        return []


def _sums(listing: Path) -> list[tuple[str, str]]:
    lines = listing.read_text("utf-8", "replace").splitlines()
    rows = (_LINE.fullmatch(line.strip()) for line in lines)
    found = ((row[2] or row[3], row[1] or row[4]) for row in rows if row)
    return [
        (name.strip().removeprefix("./").lower(), digest.lower())
        for name, digest in found
        if len(digest) in _KINDS
    ]


def _compare(path: Path, listing: str, expected: str, *, is_packed: bool) -> None:
    kind = _KINDS[len(expected)]
    digest = hashlib.new(kind, usedforsecurity=False)
    if is_packed:
        for data in unpacked(path):
            digest.update(data)
    else:
        with path.open("rb") as file:
            while data := file.read(1 << 20):
                digest.update(data)
    if digest.hexdigest() != expected:
        raise ValueError(
            f"{path}: its {_NAMES[kind]} begins {digest.hexdigest()[:8]}, {listing} says "
            f"{expected[:8]}: the file is cut off or changed; download it again"
        )
