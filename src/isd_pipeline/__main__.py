"""`isd`: what a user asks for that is no pipeline stage."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import yaml

from isd_pipeline.config.reading import read_config
from isd_pipeline.messages import one_line
from isd_pipeline.studies import repair as leftovers
from isd_pipeline.studies.graphs import write_study
from isd_pipeline.tracking.compare_page import compare_link
from isd_pipeline.tracking.tracker import Tracker, TrackingSettings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Automatic ICD coding with ISD: check data, look at results, compare runs, code new notes."""


@main.command()
@click.argument("cohort")
@one_line
def summary(cohort: str) -> None:
    """Say where the report of COHORT lies and how to compare its runs."""
    report = Path("data/08_reporting", cohort, "report.html")
    if not report.exists():
        raise FileNotFoundError(
            f"{report}: not there yet. Make it with `kedro run --pipelines=report "
            f"--params cohort={cohort}`, or let `dvc repro` make all that is missing"
        )
    click.echo(Path("results", cohort, "results.md").read_text(encoding="utf-8"))
    click.echo(f"Report page:   {report.resolve()}")
    click.echo(f"Compare runs:  {Path(sys.argv[0])} compare {cohort}")


@main.command()
@click.argument("cohort")
@click.argument("table", required=False)
@click.option("--browser/--no-browser", default=True, help="Open the page, or only print it.")
@one_line
def compare(cohort: str, table: str | None, browser: bool) -> None:
    """Serve MLflow on this machine, opened on the runs of COHORT or of one TABLE of it."""
    settings = _tracking_settings()
    link = compare_link(Tracker(settings), cohort, table)
    server = _serve(settings)
    try:
        _wait_for(settings.ui, server)
        click.echo(f"{link}\nCtrl-C stops the server.")
        if browser:
            webbrowser.open(link)
        server.wait()
    finally:
        server.terminate()


@main.command()
@click.argument("cohorts", nargs=-1)
@one_line
def study(cohorts: tuple[str, ...]) -> None:
    """Write studies/COHORT/dvc.yaml, of these COHORTS or of every study there is."""
    for cohort in cohorts or sorted(
        path.parent.name for path in Path("studies").glob("*/study.yaml")
    ):
        click.echo(write_study(cohort))


@main.command()
@one_line
def mend() -> None:
    """Clear what a killed `dvc repro` left half written, so that the next one goes on.

    `make` does this by itself. What another process is at work on is left alone.
    """
    for line in leftovers.mend():
        click.echo(line, err=True)


@main.command()
@click.argument("cohort")
@click.argument("experiment")
@click.argument("seed", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def reproduce(cohort: str, experiment: str, seed: int, as_json: bool) -> None:
    """Make a recorded run again with the code as it is, and say whether it is the same.

    Nothing under data/ is touched. Exit code 0: the same to the bit, or within the seeds' spread;
    1: different, or it could not be made.
    """
    sys.exit(_reproduce(cohort, experiment, seed, as_json))


@one_line
def _reproduce(cohort: str, experiment: str, seed: int, as_json: bool) -> int:
    from isd_pipeline.studies.reproduce import reproduce

    found = reproduce(cohort, experiment, seed, Path())
    click.echo(json.dumps(asdict(found), indent=1) if as_json else "\n".join(found.lines()))
    return int(found.verdict == "different")


@main.command()
@click.argument("cohort")
@click.argument("experiment")
@click.option("--seed", default=1, show_default=True, help="Which training of it.")
@click.option("--to", type=click.Path(path_type=Path), help="The folder to be written.")
@click.option("--force", is_flag=True, help="Replace a bundle that stands there.")
@one_line
def bundle(cohort: str, experiment: str, seed: int, to: Path | None, force: bool) -> None:
    """Make a bundle of a finished run: EXPERIMENT on COHORT. `isd code` needs nothing else.

    Without --to it stands under bundles/, which git passes over.
    """
    from isd_pipeline.catalog.bundling import bundle_of_run
    from isd_pipeline.coding.bundle import refuse_folder, write_bundle

    folder = to or Path("bundles", f"{cohort}-{experiment}-{seed}")
    refuse_folder(folder, force=force)
    made = bundle_of_run(cohort, experiment, seed, Path())
    click.echo(f"{folder}: {made.name}, sha256 {write_bundle(made, folder)}")
    click.echo(f"Use of it: {made.data_use}.", err=True)


@main.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("notes", type=click.Path(path_type=Path))
@click.option(
    "--to", type=click.Path(path_type=Path), help="A .jsonl, .csv or .html file to be written."
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
@click.option("--evidence/--no-evidence", default=True, help="Which words speak for a code.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Cores.")
@functools.partial(one_line, failed=2)
def code(
    bundle: Path, notes: Path, to: Path | None, force: bool, device: str, jobs: int, **asked: Any
) -> None:
    """Code NOTES with a BUNDLE: a .csv or .jsonl (id, text), a .txt, or a folder of these.

    Exit status: 0 every note has codes; 1 some have a problem instead; 2 nothing was written.
    """
    import torch

    from isd_pipeline.coding import batch
    from isd_pipeline.coding.coder import Coder

    to = to or notes.parent / f"{notes.resolve().name}.codes.jsonl"
    asked["threshold"] = batch.parse_threshold(asked["threshold"])
    batch.refuse_target(to, notes, force=force)
    torch.set_num_threads(jobs)
    coder = Coder.open(bundle, device)
    if asked["evidence"] and not coder.has_evidence:
        click.echo(f"{coder.bundle.settings['system']}: has no evidence to show", err=True)
    counts = batch.code_notes(coder, notes, to, **asked)
    told = "notes {notes}, with a problem {problems}, not read whole {truncated}"
    click.echo(told.format(**counts))
    click.echo(to)
    sys.exit(counts["problems"] > 0)


@main.command("init-data")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--format", "form", default="csv", help="csv, jsonl or parquet.")
@one_line
def init_data(folder: Path, form: str) -> None:
    """Write an example of own data into FOLDER: made-up notes and their codes, to be replaced."""
    from isd_pipeline.data.custom.example import write_example

    write_example(folder, form)
    click.echo(f"{folder}: notes.{form} and codes.{form}, made up. docs/own_data.md goes on.")


@main.command()
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def check(target: str, as_json: bool) -> None:
    """List all that is wrong or unusual in the raw files of a cohort, or of a folder.

    TARGET is a cohort, or a folder of files. Exit code 0: fine; 1: warnings; 2: errors, which
    would stop the pipeline.
    """
    sys.exit(_check(target, as_json))


@one_line
def _check(target: str, as_json: bool) -> int:
    from isd_pipeline.pipelines.extract import checking

    findings, counts = checking.check(target, checking.read_cohorts())
    code = checking.exit_code(findings)
    if as_json:
        listed = [asdict(one) for one in findings]
        told = {"target": target, "exit_code": code, "counts": counts, "findings": listed}
        click.echo(json.dumps(told, indent=1))
        return code
    for one in findings:
        click.echo(f"{one.level + ':':9}{one.line()}")
    levels = Counter(one.level for one in findings)
    click.echo(f"{levels['error']} errors, {levels['warning']} warnings, {levels['note']} notes")
    return code


def _tracking_settings() -> TrackingSettings:
    path = Path("conf/base/tracking.yml")
    if not path.exists():
        raise FileNotFoundError(f"{path}: not here; run this in the project's folder")
    return read_config(TrackingSettings, yaml.safe_load(path.read_text()), str(path))


def _serve(settings: TrackingSettings) -> subprocess.Popen[bytes]:
    """MLflow's server, for this machine alone."""
    port = settings.ui.rpartition(":")[2]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port]
    command += ["--workers", "1", "--backend-store-uri", settings.uri]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)


def _wait_for(address: str, server: subprocess.Popen[bytes], seconds: int = 60) -> None:
    for _ in range(seconds):
        if server.poll() is not None:
            raise OSError(f"MLflow's server did not start; is another one at {address}?")
        try:
            urllib.request.urlopen(f"{address}/health", timeout=1).close()
        except (urllib.error.URLError, OSError):
            time.sleep(1)
        else:
            return
    raise TimeoutError(f"MLflow's server at {address} gave no answer in {seconds} seconds")


if __name__ == "__main__":
    main()
