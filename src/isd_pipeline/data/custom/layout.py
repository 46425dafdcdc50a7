"""How a user's files are laid out: which file is which, and which of its columns is what."""

import codecs
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import Literal

from isd_pipeline.data.io.addresses import refuse_credentials
from isd_pipeline.data.io.delimited import refuse_data
from isd_pipeline.data.io.folders import files_of

FORMATS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".jsonl", ".jsonl.gz", ".parquet")

KNOWN_ENCODINGS = "utf-8, latin-1, cp1252, utf-16"

Asked = Mapping[str, str | list[str] | None]


@dataclass(frozen=True, kw_only=True)
class FileForm:
    """How a user's files are written. `option` is how a message names one of these settings."""

    separator: str = "auto"  # of CSV cells; auto: of , ; tab | the one that cuts the header most
    encoding: str = "utf-8"
    option: str = "custom.{}"

    def __post_init__(self) -> None:
        sign = self.separator
        if sign not in ("auto", "tab") and (
            len(sign) != 1 or not sign.isascii() or sign in '"\r\n'
        ):
            raise ValueError(
                f"{self.name('separator')}={sign!r} is neither auto, tab nor one character of ASCII"
            )
        try:
            is_text = codecs.lookup(self.encoding)._is_text_encoding
        except LookupError:
            is_text = False
        if not is_text:
            raise ValueError(
                f"{self.name('encoding')}={self.encoding!r} is not known; {KNOWN_ENCODINGS} are"
            )

    def name(self, setting: str) -> str:
        """A setting as the user knows it: `custom.encoding`, or `--encoding` of a command."""
        return self.option.format(setting)

    @property
    def other_encoding(self) -> str:
        """What to do with bytes that are not of the encoding."""
        return (
            f"name the file's own by {self.name('encoding')} (cp1252 of Windows, latin-1, utf-16)"
        )


@dataclass(frozen=True, kw_only=True)
class CustomLayout:
    """How a user's files lie (docs/custom_data.md). A file without a name has its usual one.

    `columns`, `code_columns` and `mention_columns` map our names to theirs; null says that a column
    is not to be read.
    """

    # The file of notes, a folder of many, or an address; else what is called notes.csv, … or notes.
    notes: str = ""
    codes: str = ""  # the file of code rows; else codes.*; else a column of the notes
    mentions: str = (
        ""  # the file of marked stretches of notes; else mentions.*; else there are none
    )
    table: str = ""  # the file of the user's own coding system: code, title, parent
    columns: dict[str, str | list[str] | None] = field(default_factory=dict)
    code_columns: dict[str, str | list[str] | None] = field(default_factory=dict)
    mention_columns: dict[str, str | list[str] | None] = field(default_factory=dict)
    system: str = "icd10cm"  # of all codes, or of those whose row says none
    # What a word in the column `system` is called here.
    systems: dict[str, str] = field(default_factory=dict)
    separator: str = "auto"  # of CSV cells; auto: of , ; tab | the one that cuts the header most
    code_separator: str = ";"  # of codes in one cell
    encoding: str = "utf-8"
    date_format: str = ""  # as of strptime; else ISO 8601
    types: tuple[str, ...] = ()  # keep notes of these types; else all
    bad_codes: Literal["refuse", "drop"] = "refuse"  # what is no code of its system
    expected: dict[str, int] = field(default_factory=dict)  # counts that must come out

    def __post_init__(self) -> None:
        for name in (self.notes, self.codes, self.mentions, self.table):
            path = PurePath(name)
            if path.is_absolute() or ".." in path.parts or "\0" in name:
                raise ValueError(f"{name!r} leads out of the folder `raw`; name a file in it")
        refuse_credentials(self.notes)
        if not self.code_separator:
            raise ValueError("code_separator is empty; it parts the codes of one cell")
        _ = self.form

    @property
    def form(self) -> FileForm:
        """How the files are written; ValueError for a separator or encoding that is none."""
        return FileForm(separator=self.separator, encoding=self.encoding)


def find_table(folder: Path, name: str, given: str, key: str) -> Path | None:
    """The file called `given`, or else `name` with an ending that is read; None without one."""
    folder = Path(folder)
    if given:
        if not (folder / given).is_file():
            near = get_close_matches(given, [path.name for path in folder.iterdir()], n=1)
            hint = f"; is it {near[0]}?" if near else f"; correct custom.{key}"
            raise FileNotFoundError(f"{folder / given}: no such file{hint}")
        return folder / given
    known = {name + ending for ending in FORMATS}
    found = [path for path in files_of(folder)[0] if path.name.lower() in known]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise ValueError(f"{folder}: holds {names}; name one: custom.{key}")
    return found[0] if found else None


def match_columns(
    path: Path,
    header: Sequence[str],
    asked: Asked,
    known: Mapping[str, bool],
    key: str,
    example: str = "{{{}: NAME}}",
) -> dict[str, tuple[str, ...]]:
    """Our names -> the file's. `known`: our names, and whether the file must have such a column.

    `key` is the setting that maps our names to the file's, `example` how it is written.
    """
    for ours in asked:
        if ours not in known:
            raise ValueError(f"{key} has no '{ours}'{near(ours, known, 'known are: ')}")
    by_name: dict[str, str] = {}
    for name in header:
        by_name.setdefault(name.strip().lower(), name)
    found = {}
    for ours, needed in known.items():
        theirs = asked.get(ours, ours)
        if theirs is None and not needed:
            continue
        names = [theirs] if isinstance(theirs, str) else list(theirs or [ours])
        if len(names) > 1 and ours != "codes":
            raise ValueError(f"{key}: {ours} is one column; codes alone may be a list")
        missing = [name for name in names if name.strip().lower() not in by_name]
        if missing and (needed or ours in asked):
            refuse_data(path, header)
            hint = near(missing[0], by_name.values(), "the file has: ")
            if example:
                hint += f"; {key} maps our names to the file's: {example.format(ours)}"
            what = f"no column {missing[0]}, which should be the {ours}{hint}"
            raise ValueError(f"{path}, row 1: {what}")
        if not missing:
            found[ours] = tuple(by_name[name.strip().lower()] for name in names)
    return found


def near(name: str, known: Iterable[str], else_known: str) -> str:
    """The nearest known name as a hint, or all of them where none is near."""
    spelled = {one.lower(): one for one in known}
    found = get_close_matches(name.lower(), list(spelled), n=1)
    if found:
        return f"; did you mean '{spelled[found[0]]}'?"
    return f"; {else_known}{', '.join(spelled.values())}"
