"""`isd`: what a user asks for that is no pipeline stage."""

import os
import sys
from importlib import import_module
from typing import Any

import click

from isd_pipeline.commands import COMMANDS, RENAMED
from isd_pipeline.messages import any_letter, refusal

# Threads that wait busily hold the core that others need: read when torch is loaded, so set here.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


class Commands(click.Group):
    """Commands whose modules are imported when they are asked for."""

    def main(self, *words: Any, **options: Any) -> Any:
        """Run one, on any terminal."""
        any_letter(sys.stdout, sys.stderr)
        return super().main(*words, **options)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order of the alphabet."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The function of that name, or one line where it has another name now."""
        if cmd_name in RENAMED:
            raise refusal(f"`isd {cmd_name}` is called `isd {RENAMED[cmd_name]}` now", 2)
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"isd_pipeline.commands.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Automatic ICD coding with ISD: check data, look at results, compare runs, code new notes."""


if __name__ == "__main__":
    main()
