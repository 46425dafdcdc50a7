"""The DVC graphs of the cohorts: written, and repaired."""

from __future__ import annotations

from pathlib import Path

import click

from isd_pipeline.messages import one_line


@click.command()
@click.argument("cohorts", nargs=-1)
@one_line
def study(cohorts: tuple[str, ...]) -> None:
    """Write studies/COHORT/dvc.yaml, of these COHORTS or of every study there is."""
    from isd_pipeline.studies.graphs import write_study

    for cohort in cohorts or sorted(
        path.parent.name for path in Path("studies").glob("*/study.yaml")
    ):
        click.echo(write_study(cohort))


@click.command()
@one_line
def repair() -> None:
    """Clear what a killed `dvc repro` left half written, so that the next one goes on.

    `make` does this by itself. What another process is at work on is left alone.
    """
    from isd_pipeline.studies.repair import mend

    for line in mend():
        click.echo(line, err=True)
