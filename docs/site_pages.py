"""MkDocs hook: pages that are made when the site is built, and links that leave docs/.

The pages of docs/ are written to be read in the repository as well, so their links to files above
docs/ are turned to pages of the site here. Headings have the anchors that they have there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import reference_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
ABOVE = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
ABOVE |= {"SECURITY.md": "security.md", "README.md": "index.md"}
OTHERS, OURS = "https://unpkg.com/iframe-worker/shim", "javascript/worker.js"
LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")


def anchor(heading: str, separator: str = "-") -> str:
    """The anchor of a heading, as GitHub makes it."""
    kept = re.sub(r"[^\w\s-]", "", heading.strip().lower())
    return re.sub(r"\s", separator, kept)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Anchors as in the repository."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = anchor
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is made: the reference, the files above docs/, the tables of each cohort."""
    made = {
        "reference/cli.md": reference_pages.commands(),
        "reference/configuration.md": reference_pages.configuration(),
    }
    for package in reference_pages.PACKAGES:
        made[f"reference/{package}.md"] = reference_pages.library(package)
    for name, page in ABOVE.items():
        if name != "README.md":
            made[page] = inside((ROOT / name).read_text(encoding="utf-8"))
    for path in sorted((ROOT / "results").glob("*/results.md")):
        made[f"recorded/{path.parent.name}.md"] = path.read_text(encoding="utf-8")
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links to files above docs/ to their pages."""
    depth = page.file.src_uri.count("/")

    def turned(match: re.Match[str]) -> str:
        target, place = match[1], match[2] or ""
        above = target.removeprefix("../" * (depth + 1))
        if above == target:
            return match[0]
        recorded = re.fullmatch(r"results/(\w+)/results\.md", above)
        name = f"recorded/{recorded[1]}.md" if recorded else ABOVE.get(above, above)
        return f"]({'../' * depth}{name}{place})"

    return LINK.sub(turned, markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Take the theme's one script of another host out of the page, and ours in."""
    return output.replace(OTHERS, "../" * page.file.src_uri.count("/") + OURS)


def on_post_template(output: str, **_: Any) -> str:
    """Likewise of the page for addresses that are not there."""
    return output.replace(OTHERS, OURS)


def inside(text: str) -> str:
    """A file of the root as a page of docs/."""

    def turned(match: re.Match[str]) -> str:
        target = ABOVE.get(match[1], match[1].removeprefix("docs/"))
        return f"]({target}{match[2] or ''})"

    return LINK.sub(turned, text)
