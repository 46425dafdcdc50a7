"""Writes docs/licences.md: what every package of the environment says of its licence.

make environment && python docs/licences.py
"""

import re
from importlib.metadata import files, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements-torch.lock", "requirements.lock")
PAGE = ROOT / "docs/licences.md"
PINNED = re.compile(r"^([\w.-]+)==([^\s;\\]+)", re.MULTILINE)
HEAD = """# Licences

What the packages of `requirements.lock` and `requirements-torch.lock` say of their licences
themselves, each in the release that is pinned. None of them is in this repository: pip brings them.
Written by `python docs/licences.py`; a test holds that the list is that of the locks.

| package | release | licence |
|---|---|---|
"""


def pinned() -> dict[str, str]:
    """Release by package, of all locks."""
    found = {}
    for name in LOCKS:
        found |= dict(PINNED.findall((ROOT / name).read_text(encoding="utf-8")))
    return dict(sorted(found.items()))


def licence(package: str) -> str:
    """The SPDX expression, else the classifiers, the field, or how its licence file begins."""
    told = metadata(package)
    classified = [
        line.rpartition(" :: ")[2]
        for line in told.get_all("Classifier") or []
        if line.startswith("License ::") and line != "License :: OSI Approved"
    ]
    field = (told["License"] or "").strip().split("\n")[0][:80]
    return told["License-Expression"] or "; ".join(classified) or field or begins(package)


def begins(package: str) -> str:
    """The first line of the licence that lies beside the package, if any does."""
    for file in files(package) or []:
        if re.match("(LICEN[CS]E|COPYING)", file.name, re.IGNORECASE):
            return f"its file begins: {file.read_text(encoding='utf-8').strip().splitlines()[0]}"
    return "not said"


if __name__ == "__main__":
    rows = (f"| {name} | {release} | {licence(name)} |" for name, release in pinned().items())
    PAGE.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
