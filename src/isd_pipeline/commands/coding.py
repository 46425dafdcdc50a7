"""A finished run into a bundle, and notes into codes by a bundle."""

from __future__ import annotations

import functools
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click

from isd_pipeline.commands.notes_options import LONG_NOTES, with_notes_form
from isd_pipeline.commands.project import in_project
from isd_pipeline.messages import counted, one_line, show_progress

if TYPE_CHECKING:
    from isd_pipeline.coding.coder import Coder
    from isd_pipeline.coding.view_coder import ViewCoder
    from isd_pipeline.data.io.parts import Engine
    from isd_pipeline.predictors.long_notes import LongNotes

PRINTED = Path("-")
DIVIDED = "a .parquet file, a folder of .parquet, .csv or .jsonl files, or an address"


@click.command()
@click.argument("cohort")
@click.argument("experiment")
@click.option("--seed", default=1, show_default=True, help="Which training of it.")
@click.option("--to", type=click.Path(path_type=Path), help="The folder to be written.")
@click.option("--force", is_flag=True, help="Replace a bundle that stands there.")
@one_line
@in_project
def bundle(cohort: str, experiment: str, seed: int, to: Path | None, force: bool) -> None:
    """Make a bundle of a finished run: EXPERIMENT on COHORT. `isd code` needs nothing else.

    Without --to it stands under bundles/, which git ignores.
    """
    from isd_pipeline.catalog.bundling import bundle_of_run
    from isd_pipeline.coding.bundle import CARD, refuse_folder, write_bundle
    from isd_pipeline.coding.caution import missing
    from isd_pipeline.coding.view_bundle import ViewBundle, write_view_bundle
    from isd_pipeline.config.names import refuse_name

    for name, what in ((cohort, "COHORT"), (experiment, "EXPERIMENT")):
        refuse_name(name, what)
    folder = to or Path("bundles", f"{cohort}-{experiment}-{seed}")
    refuse_folder(folder, force=force)
    made = bundle_of_run(cohort, experiment, seed, Path())
    if isinstance(made, ViewBundle):
        sha256 = write_view_bundle(made, folder)
    else:
        sha256 = write_bundle(made, folder)
    click.echo(f"{folder}: {made.name}, sha256 {sha256}")
    click.echo(f"For people: {folder / CARD}", err=True)
    click.echo(f"Use of it: {made.data_use}.", err=True)
    if lacks := missing(made.usual):
        click.echo(f"Cautions: {lacks}", err=True)


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("notes")
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="A .jsonl, .csv or .html file to be written; - prints JSON Lines.",
)
@click.option("--force", is_flag=True, help="Replace the file that stands there.")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=15,
    show_default=True,
    help="The likeliest codes of a note; all others above the threshold come with them.",
)
@click.option("--threshold", default="tuned", show_default=True, help="tuned, or a score: 0.5.")
@click.option("--evidence/--no-evidence", default=True, help="Which words are evidence for a code.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Cores.")
@LONG_NOTES
@click.option(
    "--skip-others",
    is_flag=True,
    help="Other files than notes in a folder are no reason for exit status 1.",
)
@click.option("--engine", type=click.Choice(["loop", "dask"]), default="loop", show_default=True)
@click.option("--cluster", default="local", show_default=True, help="Or a scheduler's address.")
@click.option("--workers", type=click.IntRange(min=1), default=2, help="Of a local cluster.")
@functools.partial(one_line, failed=2)
@with_notes_form
def code(
    bundle: Path,
    notes: str,
    to: Path | None,
    force: bool,
    device: str,
    jobs: int,
    long_notes: LongNotes,
    skip_others: bool,
    engine: Literal["loop", "dask"],
    cluster: str,
    workers: int,
    **asked: Any,
) -> None:
    """Code NOTES with a BUNDLE.

    NOTES is a .csv, .tsv, .jsonl or .parquet (id, text), a .txt, or a folder of .txt files.
    For a bundle of two views `language` may stand beside the text: rows with one id are the views
    of one note.

    A folder of .parquet, .csv, .csv.gz or .jsonl files, or an address such as s3://bucket/notes,
    is coded in parts, which --engine dask gives to workers (docs/scale.md), as it does with the
    parts of one .parquet file. Then --to may be a folder, for a file a part; the same command goes
    on where it ended.

    Without --to the answers stand beside the notes, as NOTES.codes.jsonl. The codes of the first
    notes are printed, by the number of the note.

    Exit status: 0 every note has codes; 1 some have a problem instead, or the folder holds files
    that are no notes; 2 nothing was written.
    """
    import torch

    from isd_pipeline.coding import batch
    from isd_pipeline.coding.answers import write_jsonl
    from isd_pipeline.coding.bundle import name_of
    from isd_pipeline.coding.coder import Answer, Coder
    from isd_pipeline.coding.glance import glance
    from isd_pipeline.coding.note_parts import is_many
    from isd_pipeline.coding.notes import AS_USUAL, notes_beside_others, refuse_unreadable
    from isd_pipeline.data.io.addresses import refuse_address
    from isd_pipeline.data.io.folders import HIDDEN
    from isd_pipeline.data.io.parts import Engine

    if to:
        refuse_address(to)
    asked["threshold"] = batch.parse_threshold(asked["threshold"])
    by = Engine(name=engine, cluster=cluster, workers=workers)
    name_of(bundle)  # refuses a folder that is none, before anything else is said
    if is_many(notes, by):
        if asked.pop("form") != AS_USUAL:
            raise ValueError(f"{notes}: --encoding, --separator and --columns are for one file")
        _code_many(bundle, notes, to, force, device, jobs, long_notes, by, asked, skip_others)
    if by.name != "loop":
        raise ValueError(f"{notes}: is not divided; --engine dask takes {DIVIDED}")
    path = Path(notes)
    refuse_unreadable(path, asked["form"])
    to = to or path.parent / f"{path.resolve().name}.codes.jsonl"
    if to != PRINTED:
        batch.refuse_target(to, path, force=force)
    others = notes_beside_others(path)[1].keys() - {HIDDEN} if path.is_dir() else ()
    torch.set_num_threads(jobs)
    coder = Coder.open(bundle, device, long_notes)
    _tell_lacks(coder, asked["evidence"])
    if to == PRINTED:
        file: Any = click.open_file("-", "w", encoding="utf-8")  # whatever the terminal's letters
        counts = batch.answer_notes(coder, path, write_jsonl, file, **asked)
        file.flush()
    else:
        first: list[Answer] = []
        counts = batch.code_notes(coder, path, to, first=first, **asked)
        click.echo("\n".join(glance(first, counts["notes"])))
    _end(counts, to, whole=skip_others or not others)


def _code_many(
    bundle: Path,
    notes: str,
    to: Path | None,
    force: bool,
    device: str,
    jobs: int,
    long_notes: LongNotes,
    engine: Engine,
    asked: dict[str, Any],
    skip_others: bool,
) -> None:
    """Code notes part by part, and end."""
    from isd_pipeline.coding import many
    from isd_pipeline.coding.bundle import name_of
    from isd_pipeline.coding.note_parts import note_parts
    from isd_pipeline.data.io.addresses import is_remote, refuse_credentials

    if to == PRINTED:
        raise ValueError("--to -: many files are coded part by part; name a file or a folder")
    refuse_credentials(notes)
    if to is None and is_remote(notes):
        raise ValueError("--to is missing: name a folder or file of this machine for the answers")
    to = to or Path(notes).with_name(f"{Path(notes).resolve().name}.codes.jsonl")
    parts, others = note_parts(notes, engine)
    if not is_remote(notes):
        next(parts[0].read(), None)  # what is wrong with it is said before a model is opened
    many.refuse_target(to, force=force)
    if others:
        click.echo(f"{others} other files or folders there are not read", err=True)
    task = many.Task(
        bundle=str(bundle.absolute()),
        sha256=name_of(bundle),
        form=to.suffix.lower() or many.FORMS[0],
        device=device,
        jobs=jobs,
        long_notes=long_notes,
        asked=asked,
    )
    _tell_lacks(many.coder_of(task), asked["evidence"])
    show_progress()
    folder = many.folder_of(to)
    counts, kept = many.code_parts(parts, task, folder, engine)
    if kept:
        click.echo(f"{kept} of {len(parts)} parts were there already", err=True)
    if to.suffix:
        many.join(folder, len(parts), task, to)
    _end(counts, to, whole=skip_others or not others)


def _tell_lacks(coder: Coder | ViewCoder, evidence: bool) -> None:
    if evidence and not coder.has_evidence:
        click.echo(f"{coder.bundle.system}: has no evidence to show", err=True)
    if lacks := coder.cautions_missing:
        click.echo(f"{coder.bundle.name}: {lacks}", err=True)


def _end(counts: Counter[str], to: Path, *, whole: bool) -> NoReturn:
    """Say what was counted; the exit status says whether every note of the `whole` has codes."""
    told = "notes {notes}, with a problem {problems}, not read whole {truncated}"
    told += ", with a caution {cautions}" if "cautions" in counts else ""
    told += ", with a remark {remarks}" if "remarks" in counts else ""
    told += ", words {words}, unknown to the model {unknown_words}"
    click.echo(told.format(**counts), err=to == PRINTED)
    if counts["foreign"]:
        click.echo(
            f"{counts['foreign']} of the notes are mostly of words that the model does not know: "
            "is it their language, and are they text?",
            err=True,
        )
    if to != PRINTED:
        click.echo(to)
    sys.exit(counts["problems"] > 0 or not whole)


@click.command()
@click.argument("codes", nargs=-1, required=True)
@click.option("--principal", help="The principal diagnosis; the first of CODES if left out.")
@click.option("--age", type=click.IntRange(0, 124), help="In years, at discharge.")
@click.option("--sex", type=click.Choice(["F", "M"]))
@click.option(
    "--year", type=int, help="The fiscal year of MS-DRG and edits; the newest if left out."
)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@one_line
def billing(as_json: bool, **asked: Any) -> None:
    """Group accepted CODES: MS-DRG, Medicare's edits, HCC.

    For orientation: no claim is to be made of it.

    CODES are of ICD-10-CM, with their dots, or of ICD-10-PCS. Needs the extra `billing`.
    """
    import json
    from dataclasses import asdict

    from isd_pipeline.coding.billing import billing, told

    found = billing(**asked)
    click.echo(json.dumps(asdict(found), indent=1) if as_json else told(found))


@click.command()
@click.argument("record", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="A .json, .csv or .fhir.json file to be written.",
)
@click.option("--force", is_flag=True, help="Replace the file that stands there.")
@click.option("--known", help="A hash from an earlier export: the record must still hold it.")
@functools.partial(one_line, failed=2)
def decisions(record: Path, to: Path | None, force: bool, known: str | None) -> None:
    """Check a RECORD of coders' decisions, and export it.

    Exit status: 0 every row holds; 1 one does not, and its number is said; 2 another fault.
    """
    from isd_pipeline.data.io.files import refuse_unwritable, write_text
    from isd_pipeline.desk.decisions import DecisionLog
    from isd_pipeline.desk.export import form_of

    form = form_of(to) if to else None
    if to and to.exists() and not force:
        raise FileExistsError(f"{to}: is there already; --force replaces it")
    if to:
        refuse_unwritable(to)
    log = DecisionLog(record)
    fault, entries = log.verify(known), log.entries()
    if to and form:
        write_text(to, form(entries))
        click.echo(to)
    whole = f"{counted(len(entries), 'row')}, none changed; the last is {log.head()}"
    click.echo(f"{record}: {fault or whole}")
    sys.exit(fault is not None)
