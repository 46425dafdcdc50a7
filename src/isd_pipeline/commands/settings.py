"""The settings of a run, merged, each with the file and the key that it came from."""

import json
from pathlib import Path
from typing import Any

import click

from isd_pipeline.messages import one_line


@click.command()
@click.argument("cohort")
@click.argument("experiment")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@one_line
def show(cohort: str, experiment: str, as_json: bool) -> None:
    """Print the merged settings of EXPERIMENT on COHORT.

    Beside each stand the file and key that it came from, or `default`.
    """
    from isd_pipeline.config.shown import shown_settings

    shown = shown_settings(cohort, experiment, Path("conf"))
    if as_json:
        click.echo(json.dumps({name: one._asdict() for name, one in shown.items()}, indent=1))
        return
    width = max(len(name) for name in shown)
    for name, one in shown.items():
        click.echo(f"{name:{width}}  {_as_yaml(one.value):<24}  {one.origin}")


def _as_yaml(value: Any) -> str:
    """As one would write it in conf/."""
    import yaml

    plain = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump(plain, default_flow_style=True, width=999).removesuffix("\n...\n").strip()
