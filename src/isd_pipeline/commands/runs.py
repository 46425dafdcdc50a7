"""What runs are told, with the file and the key of each setting, and what they came to."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isd_pipeline.commands.project import in_project
from isd_pipeline.messages import one_line

if TYPE_CHECKING:
    from isd_pipeline.reports.summary import Scored

SECONDS = 60  # to wait for MLflow


@click.command()
@click.argument("cohort")
@click.argument("experiment")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@one_line
@in_project
def show(cohort: str, experiment: str, as_json: bool) -> None:
    """Print the merged settings of EXPERIMENT on COHORT.

    Beside each stand the file and key that it came from, or `default`.
    """
    import yaml

    from isd_pipeline.config.loading import read_sized
    from isd_pipeline.config.shown import shown_settings

    sized = read_sized(Path("conf"))
    shown = shown_settings(cohort, experiment, Path("conf"), sized.parameters)
    if cohort in sized.told:
        click.echo(sized.told[cohort], err=True)
    if as_json:
        click.echo(json.dumps({name: one._asdict() for name, one in shown.items()}, indent=1))
        return
    width = max(len(name) for name in shown)
    for name, one in shown.items():
        plain = list(one.value) if isinstance(one.value, tuple) else one.value
        told = yaml.safe_dump(plain, default_flow_style=True, width=999).removesuffix("\n...\n")
        click.echo(f"{name:{width}}  {told.strip():<24}  {one.origin}")


@click.command()
@click.argument("cohort")
@click.option("--all", "every", is_flag=True, help="Every experiment, not the twelve best.")
@click.option("--json", "as_json", is_flag=True, help="Print the test metrics as a JSON object.")
@one_line
@in_project
def summary(cohort: str, every: bool, as_json: bool) -> None:
    """Print what the experiments of COHORT scored, the best first, and where its report lies."""
    from isd_pipeline.catalog.own_record import against_git, record_of
    from isd_pipeline.config.experiments import titles_of
    from isd_pipeline.config.loading import read_parameters
    from isd_pipeline.config.names import refuse_name
    from isd_pipeline.config.reports import stamp_of
    from isd_pipeline.reports.summary import MOST, summary_lines

    refuse_name(cohort, "COHORT")
    folder, page = record_of(cohort), Path("data/08_reporting", cohort, "report.html")
    runs = _scored(folder, cohort)
    if as_json:
        from isd_pipeline.studies.listing import summary_of

        places = {"results": f"{folder}/results.md", "report": str(page) if page.exists() else None}
        told = {"cohort": cohort, **places, "experiments": summary_of(folder)}
        click.echo(json.dumps(told, indent=1))
        return
    parameters = read_parameters(Path("conf"))
    titles = titles_of(parameters)
    known = cohort in parameters["cohorts"]
    stamp = stamp_of(parameters["cohorts"], cohort) if known else ""
    click.echo(f"{cohort}, test split, at the threshold tuned on the dev split, the best first")
    if stamp:
        click.echo(stamp)
    click.echo()
    click.echo("\n".join(summary_lines(runs, titles, most=None if every else MOST)))
    if same := against_git(cohort):
        click.echo(f"\n{same}")
    making = f"not made here yet: `kedro run --pipelines=compare,report --params cohort={cohort}`"
    click.echo(f"\nReport page:   {page.resolve() if page.exists() else making}")
    click.echo(f"All figures:   {folder / 'results.md'}")
    click.echo(f"Compare runs:  isd compare {cohort}")


def _scored(folder: Path, cohort: str) -> "list[Scored]":
    """The recorded runs of a cohort, of which there is at least one."""
    from isd_pipeline.catalog.results import read_results
    from isd_pipeline.reports.summary import Scored

    runs = [
        Scored(run.experiment, run.metrics["test"], run.training.get("minutes"))
        for run in read_results(folder)
    ]
    if not runs:
        _refuse_unrecorded(cohort, folder)
    return runs


def _refuse_unrecorded(cohort: str, folder: Path) -> None:
    """Raise, with the near match where no cohort has that name."""
    from isd_pipeline.config.loading import file_of_cohort

    file_of_cohort(cohort, Path("conf"))
    raise FileNotFoundError(
        f"{folder}: no run of this cohort is recorded. `kedro run --params cohort={cohort}` makes "
        f"one, `make table3 COHORT={cohort}` a table, with DRY=1 the hours that it takes"
    )


@click.command()
@click.argument("cohort", required=False)
@click.argument("table", required=False)
@click.option("--only", metavar="NAMES", default="", help="These experiments, as in isd,laat.")
@click.option("--browser/--no-browser", default=True, help="Open the page, or only print it.")
@one_line
@in_project
def compare(cohort: str | None, table: str | None, only: str, browser: bool) -> None:
    """Serve MLflow on this machine, opened on the runs of COHORT.

    Of these, or of those of one TABLE, the best six experiments are shown side by side. Without
    COHORT the page lists every run.
    """
    from isd_pipeline.config.loading import file_of_cohort, read_tracking, sections_of
    from isd_pipeline.config.reading import read_config, refuse_unknown
    from isd_pipeline.config.reports import TABLES
    from isd_pipeline.tracking.compare_page import Compared, compare_link, start_link
    from isd_pipeline.tracking.tracker import Tracker, TrackingSettings, needed

    if cohort is not None:
        file_of_cohort(cohort, Path("conf"))
    if table is not None:
        refuse_unknown(table, list(sections_of("tables", Path("conf"))), TABLES)
    settings = read_config(TrackingSettings, read_tracking(Path("conf")), "conf/base/tracking.yml")
    tracker = Tracker(settings)
    with needed(tracker):
        found = Compared(start_link(tracker), [], [])
        if cohort is not None:
            found = compare_link(tracker, cohort, table, [*filter(None, only.split(","))])
    server = _serve(settings.ui, tracker.uri)
    try:
        _wait_for(settings.ui, server)
        if found.left_out:
            named = f"`--only` shows others: {', '.join(found.left_out)}"
            click.echo(f"The best {len(found.shown)} experiments by micro-F1, tuned; {named}")
        click.echo(f"{found.link}\nCtrl-C stops the server, which sends nothing to anybody.")
        if browser:
            webbrowser.open(found.link)
        server.wait()
    finally:
        server.terminate()


def _serve(address: str, store: str) -> subprocess.Popen[bytes]:
    """MLflow's server, for this machine alone."""
    port = address.rpartition(":")[2]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port]
    command += ["--workers", "1", "--backend-store-uri", store]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment["MLFLOW_DISABLE_TELEMETRY"] = "true"
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(SECONDS):
        if server.poll() is not None:
            raise OSError(f"MLflow's server did not start; is another one at {address}?")
        try:
            urllib.request.urlopen(f"{address}/health", timeout=1).close()
        except (urllib.error.URLError, OSError):
            time.sleep(1)
        else:
            return
    raise TimeoutError(f"MLflow's server at {address} gave no answer in {SECONDS} seconds")
