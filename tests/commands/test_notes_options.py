"""Every command that reads notes is told in the same words how they are written."""

from importlib import import_module

import pytest
from click.testing import CliRunner

from isd_pipeline.__main__ import main
from isd_pipeline.commands import COMMANDS
from isd_pipeline.commands.notes_options import parse_columns


@pytest.mark.parametrize("name", ["code", "serve", "watch", "learn"])
def test_a_command_that_reads_notes_takes_their_encoding_separator_and_columns(name):
    command = getattr(import_module(f"isd_pipeline.commands.{COMMANDS[name]}"), name)
    options = {option for one in command.params for option in one.opts}
    assert {"--encoding", "--separator", "--columns"} <= options


def test_columns_are_pairs_given_at_once_or_one_by_one():
    assert parse_columns(("id=VISIT, text=B", "patient=M R N")) == {
        "id": "VISIT",
        "text": "B",
        "patient": "M R N",
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--columns", "VISIT"], "write our name, = and yours, as id=VISIT,text=BODY"),
        (["--encoding", "latin-99"], "--encoding='latin-99' is not known; utf-8, latin-1, cp1252"),
        (["--encoding", "hex"], "--encoding='hex' is not known"),
        (["--separator", "ab"], "--separator='ab' is neither auto, tab nor one character"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_before_a_model_is_read(tmp_path, options, said):
    (tmp_path / "n.csv").write_text("id,text\n")
    done = CliRunner().invoke(main, ["code", "none", str(tmp_path / "n.csv"), *options])
    assert done.exit_code == 2
    assert said in done.output
