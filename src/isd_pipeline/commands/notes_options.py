"""How a user's notes are written: the options of every command that reads some."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

OPTIONS = (
    click.option(
        "--encoding",
        default="utf-8",
        show_default=True,
        help="Of the notes: cp1252 (Excel on Windows), latin-1, utf-16.",
    ),
    click.option(
        "--separator",
        default="auto",
        show_default=True,
        help="Between the cells of a CSV: auto finds , ; | and tab.",
    ),
    click.option(
        "--columns",
        multiple=True,
        metavar="OURS=YOURS",
        help="What id, text, language, patient are called in the notes: id=VISIT,text=BODY.",
    ),
)

LONG_NOTES = click.option(
    "--long-notes",
    type=click.Choice(["windows", "cut"]),
    default="windows",
    show_default=True,
    help="Of more words than a network reads at once: to the end, or not.",
)


def with_notes_form(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options, which it gets as one: `form`."""

    @functools.wraps(command)
    def packed(
        *given: Any, encoding: str, separator: str, columns: tuple[str, ...], **rest: Any
    ) -> Any:
        from isd_pipeline.coding.notes import NotesForm

        names = parse_columns(columns)
        form = NotesForm(encoding=encoding, separator=separator, columns=names)
        return command(*given, form=form, **rest)

    for option in reversed(OPTIONS):
        packed = option(packed)
    return packed


def parse_columns(given: tuple[str, ...]) -> dict[str, str]:
    """`id=VISIT,text=BODY` as a dict; several such are one."""
    pairs = [pair.partition("=") for one in given for pair in one.split(",") if pair.strip()]
    for ours, _, theirs in pairs:
        if not ours.strip() or not theirs.strip():
            raise ValueError("--columns: write our name, = and yours, as id=VISIT,text=BODY")
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}
