"""Bundles behind an HTTP API on this machine."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isd_pipeline.commands.notes_options import LONG_NOTES, with_notes_form
from isd_pipeline.messages import one_line

if TYPE_CHECKING:
    from fastapi import FastAPI

    from isd_pipeline.coding.coder import Coder
    from isd_pipeline.coding.notes import NotesForm
    from isd_pipeline.coding.view_coder import ViewCoder
    from isd_pipeline.predictors.long_notes import LongNotes
    from isd_pipeline.service.model_queue import Coders

TOKEN = "ISD_TOKEN"
SHORTEST = 16  # characters of a token


@click.command()
@click.argument("bundles", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Any other needs a token.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.option("--name", "names", multiple=True, help="A host name under which it is called.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help=f"Holds the token that clients need; or set {TOKEN}.",
)
@click.option(
    "--notes",
    type=click.Path(path_type=Path),
    help="A file or folder of notes, as `isd code` takes them, for the coder's screen.",
)
@click.option(
    "--decisions",
    type=click.Path(path_type=Path),
    help="Where the coder's screen at / records decisions; without it there is no screen.",
)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Cores.")
@LONG_NOTES
@functools.partial(one_line, failed=2)
@with_notes_form
def serve(
    bundles: tuple[Path, ...],
    host: str,
    port: int,
    names: tuple[str, ...],
    token_file: Path | None,
    notes: Path | None,
    decisions: Path | None,
    device: str,
    jobs: int,
    long_notes: LongNotes,
    form: NotesForm,
) -> None:
    """Serve BUNDLES over HTTP, and the coder's screen.

    A request that names no bundle gets the first. With --decisions a coder reviews suggested
    codes at /, of the notes of --notes or pasted ones.

    POST /v1/code codes notes as `isd code` does. SIGTERM ends it when what is under way is done.

    Exit status: 0 it was ended; 2 it could not begin.
    """
    import torch

    from isd_pipeline.coding.bundle import name_of
    from isd_pipeline.coding.notes import refuse_unreadable
    from isd_pipeline.service import server
    from isd_pipeline.service.app import LOOPBACK, create_app

    if notes and not decisions:
        raise ValueError(f"--notes {notes}: the screen needs a record; name one by --decisions")
    token = read_token(token_file, os.environ.get(TOKEN))
    refuse_open(host, token)
    for folder in bundles:  # what is no bundle, and notes that cannot be read, before any is opened
        name_of(folder)
    if notes:
        refuse_unreadable(notes, form)
    torch.set_num_threads(jobs)
    coders = open_bundles(bundles, device, long_notes)
    named = (*LOOPBACK, f"[{host}]" if ":" in host else host, *names)
    app = create_app(coders, token=token, hosts=named)
    if decisions:
        set_desk(app, notes, decisions, form)
    server.tell_to_stderr()
    server.run(app, host, port, begun=click.echo)


def set_desk(
    app: FastAPI, notes: Path | None, decisions: Path, form: NotesForm | None = None
) -> None:
    """Put the coder's screen at /, with notes on it and a record of decisions."""
    from isd_pipeline.coding.notes import AS_USUAL, read_notes
    from isd_pipeline.desk.decisions import DecisionLog
    from isd_pipeline.desk.pages import Desk, router
    from isd_pipeline.desk.worklist import WorkList

    languages = next(iter(app.state.coders.values())).languages
    given = read_notes(notes, languages, form or AS_USUAL) if notes else ()
    app.state.desk = Desk(WorkList(given), DecisionLog(decisions))
    app.include_router(router)


def read_token(file: Path | None, given: str | None) -> str | None:
    """The token of a file, or of the environment; None where there is neither."""
    place = TOKEN if file is None else str(file)
    token = given if file is None else file.read_text("utf-8", "replace").strip()
    if file is None and not token:
        return None
    if not token or len(token) < SHORTEST or not token.isascii() or " " in token:
        raise ValueError(
            f"{place}: a token of at least {SHORTEST} characters, without spaces, is wanted: "
            "`openssl rand -hex 32` makes one"
        )
    return token


def refuse_open(host: str, token: str | None) -> None:
    """Refuse to be reached from other machines without a token."""
    if token is None and host not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError(
            f"--host {host}: other machines could send notes; give a token with --token-file or "
            f"{TOKEN}, or leave --host out"
        )


def open_bundles(
    folders: tuple[Path, ...], device: str, long_notes: LongNotes = "windows"
) -> Coders:
    """Bundles made ready, by their names."""
    from isd_pipeline.coding.coder import Coder

    coders: dict[str, Coder | ViewCoder] = {}
    for folder in folders:
        coder = Coder.open(folder, device, long_notes)
        if coder.bundle.name in coders:
            raise ValueError(f"{folder}: {coder.bundle.name}, of which a bundle was given already")
        coders[coder.bundle.name] = coder
    return coders
