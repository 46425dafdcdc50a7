"""A browser for the tests of the screen: the system's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from isd_pipeline.coding.coder import Note

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; the test is skipped where there is none.

    For one module: Playwright's event loop runs as long as it does, and others have their own.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="the screen needs playwright")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"the screen needs a browser, and none of {', '.join(NAMES)} is here")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path)
        yield started
        started.close()


Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any) -> Iterator[Open]:
    """A page in a browser of its own, as another person would have it; its errors fail the test."""
    errors: list[str] = []
    with ExitStack() as stack:

        def opened(address: str, **settings: Any) -> Any:
            settings = {"viewport": {"width": 1280, "height": 800}} | settings
            context = browser.new_context(**settings)
            stack.callback(context.close)
            context.set_default_timeout(5_000)
            page = context.new_page()
            watch(page, errors)
            page.goto(address)
            return page

        yield opened
    assert errors == []


def watch(page: Any, errors: list[str]) -> None:
    """Keep what goes wrong on a page; that the service refuses something is no error of it."""
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda line: (
            errors.append(line.text)
            if line.type == "error" and "the server responded" not in line.text
            else None
        ),
    )
    page.on("dialog", lambda dialog: (errors.append("a dialog"), dialog.dismiss()))


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start a service with some notes on its list."""
    from tests.desk.served import app_of, serving

    with ExitStack() as stack:

        def started(*notes: Note, log: Path | None = None, **settings: Any) -> str:
            app = app_of(log or tmp_path / "log.sqlite", *notes, **settings)
            return stack.enter_context(serving(app))

        yield started
