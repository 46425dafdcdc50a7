"""What there is in a project."""

import json
from pathlib import Path

import click

from isd_pipeline.commands.project import in_project
from isd_pipeline.messages import one_line

KINDS = ("cohorts", "experiments", "tables", "bundles")


@click.command("list")
@click.argument("kind", required=False, type=click.Choice(KINDS))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
@one_line
@in_project
def list_(kind: str | None, as_json: bool) -> None:
    """List the cohorts, experiments, tables or bundles of this project.

    Of cohorts it says whether their raw files lie here and how many runs are recorded, of tables
    for which cohorts they are recorded.
    """
    from isd_pipeline.studies import listing

    kinds = [kind] if kind else [*listing.KINDS]
    if as_json:
        found = {name: listing.KINDS[name](Path()) for name in kinds}
        click.echo(json.dumps(found[kind] if kind else found, indent=1))
    else:
        rows = listing.as_lines(listing.KINDS[kind](Path())) if kind else listing.overview(Path())
        click.echo("\n".join(rows))
