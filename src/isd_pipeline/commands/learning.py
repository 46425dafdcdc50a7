"""What coders decided, into a new bundle beside the one that they reviewed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from isd_pipeline.commands.notes_options import with_notes_form
from isd_pipeline.commands.project import in_project
from isd_pipeline.messages import one_line

if TYPE_CHECKING:
    from isd_pipeline.coding.notes import NotesForm


@click.command()
@click.argument("decisions", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("notes", type=click.Path(path_type=Path))
@click.option(
    "--bundle", required=True, type=click.Path(path_type=Path), help="The bundle to train anew."
)
@click.option("--to", required=True, type=click.Path(path_type=Path), help="A new folder.")
@click.option(
    "--with-training-data",
    "with_former",
    is_flag=True,
    help="Train on the bundle's own training notes too; they must be in this project.",
)
@one_line
@with_notes_form
@in_project
def learn(
    decisions: Path, notes: Path, bundle: Path, to: Path, with_former: bool, form: NotesForm
) -> None:
    """Train a bundle anew on coders' DECISIONS about NOTES.

    Both bundles are compared on decisions that were held out. The new one is written beside, into
    --to, with a report, and takes no bundle's place. Run this in the project's folder. The folder
    --to holds the notes.
    """
    from isd_pipeline.coding.notes import read_notes
    from isd_pipeline.coding.view_bundle import ViewBundle
    from isd_pipeline.config.loading import read_parameters
    from isd_pipeline.desk.incoming import entries_of, open_bundle
    from isd_pipeline.desk.learning import learned, patients_of
    from isd_pipeline.studies.cost import told_of_run
    from isd_pipeline.studies.offer import offer, refuse_folder

    refuse_folder(to)
    opened = open_bundle(bundle)
    if isinstance(opened, ViewBundle):
        views = " and ".join(str(bundle / name) for name in opened.views)
        raise ValueError(f"{bundle}: of two views; train {views} anew, each on its own texts")
    found = learned(entries_of(decisions), read_notes(notes, form=form), patients_of(notes, form))
    parameters = read_parameters(Path("conf"))
    is_long = with_former and opened.cohort in parameters["cohorts"]
    if is_long and (told := told_of_run(parameters, opened.cohort, opened.experiment)):
        click.echo(f"It trains again, on the former notes too. {told}", err=True)
    report = offer(opened, bundle, found, to, Path(), with_former=with_former)
    click.echo(report.read_text(encoding="utf-8"))
    click.echo(report)
