"""The Markdown pages of the repository, their headings, fences and tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.checkout import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^(<!-- runnable -->\n)?```(\w*)\n(.*?)^```", re.M | re.S)
COMMENT = re.compile(r"<!--.*?-->", re.S)


@dataclass(frozen=True)
class Fence:
    """A block of code: where it starts, its language, whether its commands are to be run."""

    page: Path
    line: int
    language: str
    text: str
    runnable: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def fences() -> list[Fence]:
    """Every block of code of every page."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Fence(page, line, match[2], match[3], bool(match[1])))
    return found


def prose(page: Path) -> str:
    """A page without its blocks of code and its comments; lines keep their numbers."""

    def blank(match: re.Match[str]) -> str:
        return "\n" * match[0].count("\n")

    return COMMENT.sub(blank, FENCE.sub(blank, page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.M):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        name = re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", plain))
        found.add(name if name not in found else f"{name}-1")
    return found
