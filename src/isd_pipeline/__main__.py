"""`isd`: what a user asks for that is no pipeline stage."""

import builtins
import os
import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from isd_pipeline import __version__
from isd_pipeline.commands import COMMANDS, RENAMED
from isd_pipeline.messages import any_letter, refusal

# Threads that wait busily hold the core that others need: read when torch is loaded, so set here.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
WIDEST = 300  # letters of a command's line in the list of all


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
            near = get_close_matches(cmd_name, COMMANDS, n=1)
            if near and not ctx.resilient_parsing:
                raise refusal(f"isd has no '{cmd_name}'; did you mean `isd {near[0]}`?", 2)
            return None
        functions = vars(import_module(f"isd_pipeline.commands.{COMMANDS[cmd_name]}"))
        name = cmd_name.replace("-", "_")
        command: click.Command = functions[f"{name}_" if name in vars(builtins) else name]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each with its whole first sentence, over several lines where it takes them."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        rows = [(name, one.get_short_help_str(WIDEST)) for name, one in commands.items() if one]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog='Completion in bash: eval "$(_ISD_COMPLETE=bash_source isd)"; zsh_source and '
    "fish_source are those of other shells.",
)
@click.version_option(__version__, prog_name="isd", message="%(prog)s %(version)s")
def main() -> None:
    """Automatic ICD coding with ISD: check data, look at results, compare runs, code new notes."""


if __name__ == "__main__":
    main()
