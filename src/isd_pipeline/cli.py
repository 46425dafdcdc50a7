"""`kedro run`, with an error told in one line instead of a page of traceback."""

import warnings
from pathlib import Path
from typing import Any

import click
import yaml
from kedro import KedroDeprecationWarning
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import LOGGING

from isd_pipeline.commands.project import enter_project
from isd_pipeline.config.reading import refuse_unknown
from isd_pipeline.messages import one_line


def run_known(**options: Any) -> Any:
    """Kedro's `run`, in the project's folder; Kedro would meet a misspelt pipeline with a trace."""
    if enter_project() != Path():  # Kedro has looked for it in the former folder
        LOGGING.configure(yaml.safe_load(Path("conf/logging.yml").read_text(encoding="utf-8")))
    folders = [path.parent.name for path in Path(__file__).parent.glob("pipelines/*/pipeline.py")]
    for name in [options["pipeline"], *(options["pipelines"] or [])]:
        if name and name != "__default__":
            refuse_unknown(name, sorted(folders), "--pipelines")
    assert kedro_run.callback is not None  # of a command that Kedro made of a function
    return kedro_run.callback(**options)


@click.group(name="isd_pipeline")
def cli() -> None:
    """Commands of this project; `run` is Kedro's own."""


# The short form is what people type, and it works; the warning helps nobody here.
warnings.filterwarnings("ignore", message="Option '--pipeline' is deprecated")
warnings.filterwarnings("ignore", category=KedroDeprecationWarning)
cli.add_command(
    click.Command(
        "run",
        callback=one_line(run_known),
        params=kedro_run.params,
        help=kedro_run.help,
        short_help="Run a pipeline, e.g. --pipelines=train --params cohort=synthetic,seed=2",
    )
)
