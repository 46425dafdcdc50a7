"""Raw files of a cohort: an example to begin with, and what is wrong in them."""

import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from isd_pipeline.commands.project import enter_project
from isd_pipeline.messages import counted, one_line


@click.command("init-data")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--format", "form", default="csv", help="csv, jsonl or parquet.")
@one_line
def init_data(folder: Path, form: str) -> None:
    """Write an example of a custom data set into FOLDER."""
    from isd_pipeline.data.custom.example import write_example

    write_example(folder, form)
    files = f"notes.{form}, codes.{form} and mentions.{form}"
    click.echo(f"{folder}: {files}, made up. docs/custom_data.md goes on.")


@click.command()
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@one_line
def check(target: str, as_json: bool) -> None:
    """List what is wrong or unusual in a cohort's raw files.

    TARGET is a cohort, or a folder of files. Exit code 0: fine; 1: warnings; 2: errors.
    """
    from isd_pipeline.config.engine import read_engine
    from isd_pipeline.config.loading import read_parameters
    from isd_pipeline.pipelines.extract import checking

    here = enter_project(required=False)
    parameters = read_parameters(Path("conf")) if Path("conf").is_dir() else {}
    cohorts = parameters.get("cohorts", {})
    named = target if target in cohorts else str(here / target)
    engine = read_engine(parameters.get("engine"))
    findings, counts = checking.check(named, cohorts, parameters, engine)
    code = checking.exit_code(findings)
    if as_json:
        listed = [asdict(one) for one in findings]
        told = {"target": target, "exit_code": code, "counts": counts, "findings": listed}
        click.echo(json.dumps(told, indent=1))
    else:
        for one in findings:
            click.echo(f"{one.level + ':':9}{one.line()}")
        n = Counter(one.level for one in findings)
        click.echo(", ".join(counted(n[level], level) for level in ("error", "warning", "note")))
    sys.exit(code)
