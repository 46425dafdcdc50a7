"""A bundle: all that coding a new note needs, in one folder with one SHA-256 for a name.

    weights.safetensors   the trained weights
    book-SYSTEM.arrow     the code book of a coding system, where it has one
    bundle.json           everything else: settings, codes, vocabulary, thresholds, the test metrics
    MODEL_CARD.md         for people: what it was trained on, how well it did, what it is not for

The JSON holds the SHA-256 of weights and books and its own, which therefore stands for the whole
and is the bundle's name in every answer; the card is made of the JSON and never read. The sum tells
damage, not forgery: who can change a file can change its sum. Nothing of a note is in a bundle but
words: the vocabulary's, a regression's word pairs and the phrases of a mention dictionary.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from torch import Tensor

from isd_pipeline import __version__
from isd_pipeline.coding.model_card import card_markdown
from isd_pipeline.coding.trained_on import TrainedOn, trained_on_from
from isd_pipeline.coding.usual import Usual, usual_from
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.files import refuse_unwritable, replacing, write_json, write_text
from isd_pipeline.data.io.tensor_files import pack, read_sealed, refuse_changed, sealed, unpack
from isd_pipeline.text.runs import Tokeniser
from isd_pipeline.text.vocabulary import Vocabulary

FORMAT = 2
VIEWS_FORMAT = 3  # of a folder that holds two bundles (view_bundle.py)
RECORD, WEIGHTS, SEAL = "bundle.json", "weights.safetensors", "sha256"
CARD = "MODEL_CARD.md"
BOOK = "book-{}.arrow"
TOKENISERS: dict[Tokeniser, str] = {  # what a bundle says of the rule by which its notes were cut
    "caml": "words of letters, digits and underscores; numerals dropped; lower case",
    "numerals": "words of letters, digits and underscores; lower case",
    "edin": "lower case; words of a-z and 0-9; digits dropped but at the ends of a document",
}
REMEDY = "copy it again, or make it again with `isd bundle`"
DATA_USE = (
    "as the terms of the training data allow: the weights were made from them, and the words of "
    "the vocabulary stood in them"
)


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A trained run that can be carried away.

    `settings` are the checkpoint's: system, model, objective, training, seed; of an ensemble its
    own and, by their names, those of its `base_models`, whose weights' names start with the base
    model's; one read in the mean over several seeds has its trainings as base models in turn.
    `revision` says which ICD the codes are of. `training_counts` [L] is how many training
    documents have each code.
    Thresholds are log-odds, before `temperature` divides them. `metrics` are the test split's, as
    they were recorded. `books` are code books as `data/codes/book.py` packs them, by their coding
    systems. `usual` is what the dev notes were like and `trained_on` what its data were, None of a
    bundle that was made before they were kept. `sha256` names what was read from a folder; it is
    empty before that.
    """

    cohort: str
    experiment: str
    seed: int
    revision: str
    settings: Mapping[str, Any]
    codes: CodeIndex
    training_counts: tuple[int, ...]
    vocabulary: Vocabulary
    vocabulary_settings: Mapping[str, Any]
    threshold_tuned: float
    temperature: float
    fingerprints: Mapping[str, str]
    metrics: Mapping[str, float]
    weights: Mapping[str, Tensor] = field(repr=False)
    books: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    usual: Usual | None = None
    trained_on: TrainedOn | None = None
    data_use: str = DATA_USE
    version: str = __version__
    sha256: str = ""

    @property
    def name(self) -> str:
        """The run that it was made from, such as `synthetic-isd-1`."""
        return f"{self.cohort}-{self.experiment}-{self.seed}"

    @property
    def system(self) -> str:
        """What was trained."""
        return str(self.settings["system"])

    @property
    def max_tokens(self) -> int | None:
        """How many words of a note the network reads, of several the least; None: all."""
        return min(_limits(self.settings), default=None)


def _limits(settings: Mapping[str, Any]) -> list[int]:
    """How many words each network reads, one by one."""
    own = [int(settings["training"]["max_tokens"])] if "training" in settings else []
    of_base = [_limits(one) for one in settings.get("base_models", {}).values()]
    return sum(of_base, own)


def write_bundle(bundle: Bundle, folder: Path) -> str:
    """Write a bundle, whole or not at all, in place of one that stood there; give its SHA-256.

    The same run gives the same bytes: no clock and no path is in them.
    """
    content, digest = pack(bundle.weights)
    books = {system: hashlib.sha256(book).hexdigest() for system, book in bundle.books.items()}
    record = sealed(_record(bundle) | {"weights_sha256": digest, "books": books}, SEAL)
    size = len(content) + sum(map(len, bundle.books.values()))
    with replacing(Path(folder), size) as temporary:
        temporary.mkdir()
        (temporary / WEIGHTS).write_bytes(content)
        for system, book in bundle.books.items():
            (temporary / BOOK.format(system)).write_bytes(book)
        write_json(temporary / RECORD, record)
        write_text(temporary / CARD, card_markdown(bundle))
    return str(record[SEAL])


def read_bundle(folder: Path | str) -> Bundle:
    """Read a bundle whose files are those that were written.

    Raises:
        FileNotFoundError: there is no bundle, or one of its files is missing.
        ValueError: it is damaged, of a newer format, or does not fit this version.
    """
    folder = Path(folder)
    record = read_record(folder, FORMAT)
    weights = unpack(_file(folder, WEIGHTS), record.get("weights_sha256", ""), REMEDY)
    sums = record.get("books", {})  # which bundles had not at first
    books = {system: _read_book(folder, system, digest) for system, digest in sums.items()}
    try:
        return _bundle(record | {"books": books}, weights)
    except (TypeError, ValueError, KeyError) as error:
        raise unreadable(folder, record, error) from None


def _read_book(folder: Path, system: str, digest: str) -> bytes:
    path = _file(folder, BOOK.format(system))
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"{path}: cut off or changed since it was written; {REMEDY}")
    return content


def format_of(folder: Path | str) -> int:
    """The format of a bundle, whatever its kind; raises what `read_bundle` raises."""
    record = read_sealed(_file(Path(folder), RECORD), "bundle", REMEDY, SEAL, "format")
    return int(record["format"])


def name_of(folder: Path | str) -> str:
    """The SHA-256 that a bundle of either kind says it has; raises what `read_bundle` raises."""
    return str(read_sealed(_file(Path(folder), RECORD), "bundle", REMEDY, SEAL, "format")[SEAL])


def read_record(folder: Path, expected: int) -> dict[str, Any]:
    """What the JSON of a bundle says, refused where it is damaged or of another format."""
    path = _file(folder, RECORD)
    record = read_sealed(path, "bundle", REMEDY, SEAL, "format")
    if record["format"] != expected:
        raise ValueError(
            f"{path}: a bundle of format {record['format']}, this isd_pipeline reads format "
            f"{expected}; install the one that made it, or make it again with `isd bundle`"
        )
    refuse_changed(path, record, SEAL, REMEDY)
    return record


def unreadable(folder: Path, record: Mapping[str, Any], error: Exception) -> ValueError:
    """What is raised of a whole bundle that another version made."""
    return ValueError(
        f"{folder}: made by isd_pipeline {record.get('version')}, which this one, "
        f"{__version__}, cannot read ({' '.join(str(error).split())})"
    )


def refuse_folder(folder: Path, *, force: bool) -> None:
    """Raise, before a run is read, where a bundle may not be written."""
    refuse_unwritable(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / RECORD).is_file():
        raise FileExistsError(f"{folder}: is there already and is no bundle; name another folder")
    if not force:
        raise FileExistsError(f"{folder}: is there already; --force replaces it")


def _record(bundle: Bundle) -> dict[str, Any]:
    """All but the weights and the name, as JSON can have them."""
    codes = bundle.codes
    of_files = ("weights", "books", SEAL)
    kept = {name: value for name, value in vars(bundle).items() if name not in of_files}
    return kept | {
        "format": FORMAT,
        "codes": [*zip(codes.codes, codes.systems, codes.titles, strict=True)],
        **({"title_of": dict(codes.title_of)} if codes.title_of else {}),
        "vocabulary": bundle.vocabulary.words,
        "tokeniser": TOKENISERS[bundle.vocabulary.rule],
        "usual": bundle.usual and asdict(bundle.usual),
        "trained_on": bundle.trained_on and asdict(bundle.trained_on),
    }


def _bundle(record: dict[str, Any], weights: dict[str, Tensor]) -> Bundle:
    """The opposite of `_record`."""
    rules = {said: rule for rule, said in TOKENISERS.items()}
    if record["tokeniser"] not in rules:
        raise ValueError(f"its tokeniser is another: {record['tokeniser']}")
    if len(record["training_counts"]) != len(record["codes"]):
        raise ValueError("it has not one training count for each code")
    codes, systems, titles = (tuple(column) for column in zip(*record["codes"], strict=True))
    known = {f.name for f in fields(Bundle)}
    return Bundle(
        **{name: value for name, value in record.items() if name in known}
        | {
            "codes": CodeIndex(codes, systems, titles, title_of=record.get("title_of", {})),
            "training_counts": tuple(record["training_counts"]),
            "vocabulary": Vocabulary(tuple(record["vocabulary"]), rules[record["tokeniser"]]),
            "weights": weights,
            "usual": usual_from(record.get("usual")),
            "trained_on": trained_on_from(record.get("trained_on")),
        }
    )


def within(folder: Path, name: str) -> Path:
    """The path of what a bundle names in its own folder; ValueError for a name that leads out."""
    if Path(name).name != name or name == ".." or "\\" in name or "\0" in name:
        raise ValueError(f"{folder}: names a file outside of itself, so it is no bundle of ours")
    return folder / name


def _file(folder: Path, name: str) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; `isd bundle` makes a bundle of a run")
    if not within(folder, name).is_file():
        raise FileNotFoundError(f"{folder / name}: missing, so the bundle is incomplete; {REMEDY}")
    return folder / name
