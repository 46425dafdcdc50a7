"""What `isd serve` wants before it listens."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from isd_pipeline.__main__ import main
from isd_pipeline.coding.bundle import write_bundle
from isd_pipeline.coding.coder import Coder
from isd_pipeline.commands.serving import open_bundles, read_token, refuse_open
from tests.coding.tiny import bundle_of

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_needs_no_token(host: str) -> None:
    refuse_open(host, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "ward.example", "127.0.0.1.example"])
def test_any_other_address_needs_a_token(host: str) -> None:
    refuse_open(host, TOKEN)
    with pytest.raises(ValueError, match="give a token with --token-file or ISD_TOKEN"):
        refuse_open(host, None)


def test_a_token_is_that_of_the_file_else_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert read_token(tmp_path / "token", "of the environment") == TOKEN
    assert read_token(None, TOKEN) == TOKEN
    assert read_token(None, None) is None
    assert read_token(None, "") is None


@pytest.mark.parametrize("token", ["short", "", "with a space in it, long", "ärger" * 9])
def test_a_token_that_is_none_is_refused_and_not_repeated(token: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(token)
    with pytest.raises(ValueError, match="of at least 16 characters") as refused:
        read_token(tmp_path / "token", None)
    assert not token or token not in str(refused.value)


def test_no_option_takes_a_token_where_others_can_see_it() -> None:
    told = CliRunner().invoke(main, ["serve", "--help"]).output
    assert "--token-file" in told
    assert "--token " not in told


def test_two_bundles_of_one_run_cannot_be_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_bundle(bundle_of(), tmp_path / name)
    assert list(open_bundles((tmp_path / "a",), "cpu")) == ["tiny-isd-3"]
    with pytest.raises(ValueError, match="of which a bundle was given already"):
        open_bundles((tmp_path / "a", tmp_path / "b"), "cpu")


def test_a_bundle_that_is_not_there_is_one_line_and_status_2(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["serve", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert done.output.startswith(f"Error: {tmp_path / 'none'}: no such folder")


def test_what_cannot_be_read_is_told_before_a_bundle_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object) -> None:
        raise AssertionError("a bundle was opened")

    monkeypatch.setattr(Coder, "open", opened)
    monkeypatch.chdir(tmp_path)
    write_bundle(bundle_of(), tmp_path / "bundle")
    (tmp_path / "notes.csv").write_text("visit,body\n1,fever\n")
    for words, told in (
        (("bundle", "none"), "Error: none: no such folder; `isd bundle` makes a bundle"),
        (("bundle", "--notes", "notes.csv"), "Error: notes.csv, row 1: no column id"),
    ):
        refused = CliRunner().invoke(main, ["serve", *words, "--decisions", "log.jsonl"])
        assert refused.exit_code == 2
        assert refused.output.startswith(told)
