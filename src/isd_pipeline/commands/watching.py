"""What came in, held against what a bundle knows."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isd_pipeline.commands.notes_options import with_notes_form
from isd_pipeline.messages import one_line

if TYPE_CHECKING:
    from isd_pipeline.coding.notes import NotesForm


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("answers", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--notes", type=click.Path(path_type=Path), help="The notes that the answers are of.")
@click.option(
    "--decisions",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The record of coders' decisions.",
)
@click.option(
    "--to", type=click.Path(path_type=Path), help="An .html to be written; its .json beside it."
)
@click.option("--force", is_flag=True, help="Replace the files that stand there.")
@functools.partial(one_line, failed=2)
@with_notes_form
def watch(
    bundle: Path,
    answers: Path,
    notes: Path | None,
    decisions: Path | None,
    to: Path | None,
    force: bool,
    form: NotesForm,
) -> None:
    """Say whether ANSWERS are as usual for a BUNDLE.

    ANSWERS is the .jsonl that `isd code` wrote. With --notes also their words and lengths, with
    --decisions also what coders accepted. Without --to the page stands beside ANSWERS.

    Exit status: 0 as usual; 1 something differs beyond its bound; 2 nothing could be read.
    """
    from isd_pipeline.coding.notes import read_notes
    from isd_pipeline.coding.view_bundle import ViewBundle
    from isd_pipeline.data.io.files import refuse_unwritable, write_json, write_text
    from isd_pipeline.desk.incoming import entries_of, incoming, open_bundle
    from isd_pipeline.desk.watch_page import page
    from isd_pipeline.desk.watching import counted, look

    to = to or answers.with_name(f"{answers.name}.watch.html")
    if to.suffix.lower() != ".html":
        raise ValueError(f"{to}: name a file that ends in .html")
    for path in (to, to.with_suffix(".json")):
        if path.exists() and not force:
            raise FileExistsError(f"{path}: is there already; --force replaces it")
    refuse_unwritable(to)
    opened = open_bundle(bundle)
    languages = tuple(opened.views) if isinstance(opened, ViewBundle) else ()
    texts = read_notes(notes, languages, form) if notes else None
    entries = entries_of(decisions) if decisions else []
    came = incoming(opened, answers, texts, entries)
    found, counts = look(came), counted(came)
    of_bundle = {"name": opened.name, "sha256": opened.sha256}
    write_json(to.with_suffix(".json"), found.numbers() | {"bundle": of_bundle, "counts": counts})
    write_text(to, page(found, opened, counts))
    for line in found.told:
        click.echo(line, err=True)
    for one in found.unusual:
        where = f" ({one.part})" if one.part else ""
        click.echo(f"differs: {one.name}{where}, usual {one.usual:.3f}, found {one.found:.3f}")
    click.echo(f"{len(found.measures)} measures, {len(found.unusual)} differ")
    click.echo(to)
    sys.exit(bool(found.unusual))
