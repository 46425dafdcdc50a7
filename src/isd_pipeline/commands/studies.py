"""The DVC graphs of the cohorts, what keeps them true, and recorded runs made again."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from isd_pipeline.commands.project import in_project
from isd_pipeline.messages import one_line


@click.command()
@click.argument("cohorts", nargs=-1)
@click.option(
    "--dry-run", "table", metavar="TABLE", help="Say what TABLE would train; run nothing."
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="How many train at once.")
@click.option("--json", "as_json", is_flag=True, help="What --dry-run says as JSON.")
@one_line
@in_project
def study(cohorts: tuple[str, ...], table: str | None, jobs: int, as_json: bool) -> None:
    """Write the DVC graphs studies/COHORT/dvc.yaml.

    Without COHORTS, of every study. What a stage watches is computed from code and settings.

    With --dry-run nothing is written: the trainings of a table are listed, with how long they
    took where results/ has them, and otherwise an estimate. `demo` is the
    demonstration, `evidence` all stages of that name.
    """
    from isd_pipeline.config.loading import read_parameters
    from isd_pipeline.studies.graphs import write_demo, write_study

    parameters = read_parameters(Path("conf"))  # refuses what DVC would not see, too
    if table is not None:
        _tell_cost(parameters, cohorts, table, jobs, as_json)
        return
    studies = sorted(path.parent.name for path in Path("studies").glob("*/dvc.yaml"))
    for cohort in cohorts or studies:
        click.echo(write_study(cohort))
    click.echo(write_demo())


def _tell_cost(
    parameters: dict[str, Any], cohorts: tuple[str, ...], table: str, jobs: int, as_json: bool
) -> None:
    from isd_pipeline.studies.cost import cost_of

    if not cohorts:
        raise ValueError(
            f"--dry-run {table}: name the cohort, `isd study COHORT --dry-run {table}`"
        )
    costs = [cost_of(parameters, cohort, table) for cohort in cohorts]
    if as_json:
        click.echo(json.dumps([one.as_json() for one in costs], indent=1))
        return
    for one in costs:
        click.echo("\n".join(one.lines(jobs)))


@click.command()
@one_line
@in_project
def repair() -> None:
    """Clear what a killed `dvc repro` left half written.

    `make` does this by itself. What another process is at work on is left alone.
    """
    from isd_pipeline.studies.repair import mend

    for line in mend():
        click.echo(line, err=True)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@one_line
@in_project
def locks(as_json: bool) -> None:
    """Find locks that name code that their runs did not record.

    Such a lock was committed anew (`dvc commit`). Exit code 0: there is none; 1: each is named.
    """
    from isd_pipeline.studies.locks import untrue_stages

    lines = untrue_stages()
    if as_json:
        click.echo(json.dumps({"untrue": lines}, indent=1))
        sys.exit(bool(lines))
    for line in lines:
        click.echo(line, err=True)
    if not lines:
        click.echo("no lock names code that its run did not record")
    sys.exit(bool(lines))


@click.command()
@click.argument("cohorts", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@one_line
@in_project
def verify(cohorts: tuple[str, ...], as_json: bool) -> None:
    """Hash every output, checkpoint and bundle, and hold it against what was recorded.

    Of all studies, or of some COHORTS. Files in DVC's cache are looked at, too. Exit code 0: all
    is whole; 1: each file that differs, is missing or is one too many is named.
    """
    from isd_pipeline.studies.verify import verify

    found = verify(Path(), cohorts)
    if as_json:
        listed = [asdict(one) for one in found.problems]
        told = {"checked": found.checked, "not_made_here": found.not_here, "problems": listed}
        click.echo(json.dumps(told, indent=1))
    else:
        for one in found.problems:
            click.echo(one.line(), err=True)
        click.echo(found.line())
    sys.exit(bool(found.problems))


@click.command()
@click.argument("cohort")
@click.argument("experiment")
@click.argument("seed", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@one_line
@in_project
def reproduce(cohort: str, experiment: str, seed: int, as_json: bool) -> None:
    """Make a recorded run again, and say whether it is the same.

    It is made with the code as it is. Nothing under data/ is touched. Exit code 0: the same to the
    bit, or within the seeds' spread; 1: different, or it could not be made.
    """
    from isd_pipeline.config.loading import file_of_cohort, read_parameters
    from isd_pipeline.config.rows import own_row
    from isd_pipeline.studies.cost import told_of_run
    from isd_pipeline.studies.reproduce import DIFFERENT, reproduce

    parameters = read_parameters(Path("conf"))
    file_of_cohort(cohort, Path("conf"))
    own_row(parameters, experiment)  # tells a former name
    if told := told_of_run(parameters, cohort, experiment):
        click.echo(told, err=True)
    found = reproduce(cohort, experiment, seed, Path())
    click.echo(json.dumps(asdict(found), indent=1) if as_json else "\n".join(found.lines()))
    sys.exit(found.verdict == DIFFERENT)
