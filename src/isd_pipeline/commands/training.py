"""One command from a folder of notes and codes to a bundle."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import click

from isd_pipeline.commands.notes_options import parse_columns
from isd_pipeline.commands.project import enter_project
from isd_pipeline.messages import one_line


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--system", default="icd10cm", show_default=True, help="Of the codes: icd9cm, ….")
@click.option("--minutes", default=10.0, show_default=True, help="How long it may take, about.")
@click.option("--to", type=click.Path(path_type=Path), help="A new folder, else data/trained/NAME.")
@click.option("--keep", default="", metavar="NAME", help="Write section and study, for Kedro, DVC.")
@click.option("--notes", default="", metavar="NAME", help="The file in FOLDER, if not notes.*")
@click.option("--codes", default="", metavar="NAME", help="The same of codes.*")
@click.option("--mentions", default="", metavar="NAME", help="Of mentions.*: marked stretches.")
@click.option(
    "--columns", multiple=True, metavar="OURS=YOURS", help="Of notes: id=VISIT,text=BODY."
)
@click.option("--code-columns", multiple=True, metavar="OURS=YOURS", help="Of codes: code=ICD.")
@click.option("--mention-columns", multiple=True, metavar="OURS=YOURS", help="Of marks.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of the files: cp1252, ….")
@click.option("--separator", default="auto", show_default=True, help="Between cells of a CSV.")
@click.option("--table", default="", help="A file in FOLDER: code, title, parent of your system.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Cores.")
@click.option("--dry-run", is_flag=True, help="Check and say what would be done.")
@click.option("--force", is_flag=True, help="Replace the result that stands there.")
@one_line
def train(
    folder: Path,
    system: str,
    minutes: float,
    to: Path | None,
    keep: str,
    device: str,
    jobs: int,
    dry_run: bool,
    force: bool,
    **files: Any,
) -> None:
    """Train on FOLDER: notes.* and codes.* into a page and a bundle.

    Checks the files, chooses what to train by their size and --minutes (docs/training.md), trains,
    evaluates on held-out notes, and prints the next command. Stopped half-way, the same command
    goes on. Nothing but --keep is written into the project outside data/.
    """
    import kedro  # noqa: F401  -- tells in one line that the extra `pipeline` is missing

    from isd_pipeline.trained import Request, shown
    from isd_pipeline.trained import train as train_folder
    from isd_pipeline.training import ranks

    if (count := ranks.here().count) > 1:
        raise ValueError(
            f"torchrun started {count} processes, and `isd train` is one: leave torchrun out, or "
            "run `kedro run --pipelines=train` with it (docs/scale.md)"
        )
    here = enter_project()
    request = Request(
        folder=here / folder,
        custom=custom_section(system=system, **files),
        minutes=minutes,
        to=to and here / to,
        keep=keep,
        device=device,
        jobs=jobs,
        force=force,
        only_plan=dry_run,
    )
    root = Path() if here == Path() else Path().absolute()  # paths are printed as from `here`
    found = train_folder(request, root, click.echo, functools.partial(click.echo, err=True))
    if found is None:
        return
    for line in shown(found):
        click.echo(line)
    click.echo(f"page: {found.folder / 'report.html'}")
    click.echo(f"next: isd code {found.bundle} NOTES --to NOTES.html")


def custom_section(*, system: str, **files: Any) -> dict[str, Any]:
    """The section `custom` of these options: what is left out is not in it."""
    section: dict[str, Any] = {"system": system}
    names = dict.fromkeys(("notes", "codes", "mentions", "table"), "")
    usual = {"encoding": "utf-8", "separator": "auto", **names}
    section |= {name: files[name] for name, value in usual.items() if files[name] != value}
    columns = {name: files[name] for name in ("columns", "code_columns", "mention_columns")}
    section |= {name: parse_columns(given) for name, given in columns.items() if given}
    return section
