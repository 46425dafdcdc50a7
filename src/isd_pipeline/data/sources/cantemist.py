"""CANTEMIST (IberLEF 2020): 1,301 Spanish oncology cases, tumour morphology marked and coded.

Read from the official zip or from the folder it unpacks to: of each set the folders cantemist-norm
(a text, and its marks in brat's format, a code each) and cantemist-coding (the codes of documents).
Codes are ICD-O-3 morphologies. A case is its own patient.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from isd_pipeline.data.codes import icd, icdo3
from isd_pipeline.data.io import tables
from isd_pipeline.data.io.archives import read_texts, refuse_documents_twice, tab_rows
from isd_pipeline.data.quality.near_duplicates import without_near_duplicates
from isd_pipeline.data.sources.brat import read_marks

LOG = logging.getLogger(__name__)

DevSets = Literal["both", "dev1", "dev2"]
SETS = {"train": "train-set", "dev1": "dev-set1", "dev2": "dev-set2", "test": "test-set"}
NORM, CODING, BACKGROUND = "cantemist-norm", "cantemist-coding", "background-set"
_KIND = "MORFOLOGIA_NEOPLASIA"
_SPLIT = {"train": "train", "test": "test"}  # the other two sets are both dev


@dataclass(frozen=True)
class Mention:
    """Words that were marked as naming a code; `parts` are [begin, end) in code points."""

    document: str
    code: str
    parts: tuple[tuple[int, int], ...]
    words: str


@dataclass(frozen=True)
class LabelledSet:
    """One of the four sets: texts by document, marks, and (document, code) in file order."""

    texts: dict[str, str]
    mentions: list[Mention]
    codes: list[tuple[str, str]]


def extract(
    path: Path, *, unlabelled: bool = True, dev: DevSets = "both", near: float = 0.6
) -> tables.Extraction:
    """Read the corpus with its official splits; background texts are the split "unlabelled".

    `dev` says which development set is the split dev; documents of the other are left out. A
    background text that has the id of a labelled one, or shares `near` of its five-word runs with
    a text of test or of either development set, is left out as well. The title of a code is its
    most frequent mention in train; a code without one has none.

    Raises FileNotFoundError or ValueError, in one line, with file, row and column. What is merely
    odd is logged once, with how often.
    """
    path = Path(path)
    files = read_texts(path, _name_in_corpus)
    sets = {name: _read_set(files, path, name) for name in SETS}
    refuse_documents_twice({f"{SETS[name]}/{NORM}": one.texts for name, one in sets.items()}, path)
    _tell_of_odd(sets)
    background = _texts(files, path, BACKGROUND) if unlabelled else {}
    kept, counted = _without_labelled(background, sets, near)
    chosen = {name: one for name, one in sets.items() if dev in ("both", name) or name in _SPLIT}
    titles, titled = _titles(chosen.values(), sets["train"])
    mentions = [mention for one in chosen.values() for mention in one.mentions]
    codes = [(of, of, icd.DIAGNOSIS, code) for one in chosen.values() for of, code in one.codes]
    return tables.Extraction(
        notes=tables.stream_table(_notes(chosen, kept), rows=1_024),
        codes=tables.stream_table(tables.table_of(codes, tables.CODES)),
        titles=tables.stream_table(tables.table_of(titles, tables.OWN_TITLES)),
        counts=_sizes(sets, chosen) | counted | titled,
        splits=_splits(chosen, kept),
        mentions=_mention_table(mentions),
    )


def _notes(chosen: Mapping[str, LabelledSet], background: Mapping[str, str]) -> pa.Table:
    texts = {**background}
    for one in chosen.values():
        texts |= one.texts
    return tables.table_of(((of, of, of, texts[of]) for of in sorted(texts)), tables.NOTES)


def _splits(chosen: Mapping[str, LabelledSet], background: Iterable[str]) -> pa.Table:
    rows = [(of, _SPLIT.get(name, "dev")) for name, one in chosen.items() for of in one.texts]
    rows += [(of, "unlabelled") for of in background]
    return tables.table_of(sorted(rows), tables.SPLITS)


def _sizes(sets: Mapping[str, LabelledSet], chosen: Mapping[str, LabelledSet]) -> dict[str, int]:
    counts = {f"{name}_documents": len(one.texts) for name, one in sets.items()}
    counts |= {f"{name}_code_rows": len(one.codes) for name, one in sets.items()}
    marked = [(m.document, m.code, m.parts) for one in chosen.values() for m in one.mentions]
    counts |= {"mentions": len(marked), "repeated_mentions": len(marked) - len(set(marked))}
    left_out = sum(len(one.texts) for name, one in sets.items() if name not in chosen)
    return counts | {"documents_of_the_other_dev_set": left_out}


def _mention_table(mentions: Iterable[Mention]) -> pa.Table:
    """A row a part. What was marked twice for one code is one mention."""
    once = dict.fromkeys((one.document, one.code, one.parts) for one in mentions)
    rows = (
        (document, document, icd.DIAGNOSIS, code, *part, n)
        for n, (document, code, parts) in enumerate(once)
        for part in parts
    )
    return tables.table_of(rows, tables.MENTIONS)


def _titles(
    sets: Iterable[LabelledSet], train: LabelledSet
) -> tuple[list[tuple[str, icd.System, str | None, str]], dict[str, int]]:
    """A row for each code, and for what stands above it; of two as frequent the first by letters.

    Words of dev and test become no title, for a model may read titles.
    """
    used = sorted({code for one in sets for _, code in one.codes})
    said: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for mention in train.mentions:
        said[mention.code][" ".join(mention.words.split()).lower()] += 1
    title = {code: min(words, key=lambda one: (-words[one], one)) for code, words in said.items()}
    rows = {code: (code, icd.DIAGNOSIS, title.get(code), icdo3.above(code)[0]) for code in used}
    for code in used:
        for node, parent, name in icdo3.rows_over(code):
            rows[node] = (node, icd.DIAGNOSIS, name or None, parent)
    missing = sum(code not in title for code in used)
    return [rows[code] for code in sorted(rows)], {"codes_without_mention_in_train": missing}


def _without_labelled(
    background: Mapping[str, str], sets: Mapping[str, LabelledSet], near: float
) -> tuple[dict[str, str], dict[str, int]]:
    """The background texts that are not labelled ones, nor near one of dev or test."""
    labelled = {document for one in sets.values() for document in one.texts}
    other = {name: text for name, text in background.items() if name not in labelled}
    dev = sets["dev1"].texts | sets["dev2"].texts
    texts = {"train": sets["train"].texts, "dev": dev, "test": sets["test"].texts}
    kept, counts = without_near_duplicates(other, texts, near)
    by_id = len(background) - len(other)
    if by_id or len(kept) < len(other):
        told = "%d background texts have a labelled id, %d are near dev or test: left out"
        LOG.warning(f"CANTEMIST: {told}", by_id, len(other) - len(kept))
    documents = {"background_documents": len(background), "background_of_labelled_ids": by_id}
    return kept, documents | counts


def _tell_of_odd(sets: Mapping[str, LabelledSet]) -> None:
    """Marked words that are not those of the text, and documents whose marks and codes differ."""
    moved, differ = 0, 0
    for one in sets.values():
        moved += sum(_is_moved(mention, one.texts[mention.document]) for mention in one.mentions)
        marked = {(mention.document, mention.code) for mention in one.mentions}
        differ += len({document for document, _ in marked ^ set(one.codes)})
    if moved:
        LOG.warning("CANTEMIST: %d mentions have other words than the text at their place", moved)
    if differ:
        LOG.warning("CANTEMIST: %d documents have other codes listed than were marked", differ)


def _is_moved(mention: Mention, text: str) -> bool:
    there = " ".join(text[begin:end] for begin, end in mention.parts)
    return there.split() != mention.words.split()


def _name_in_corpus(name: str) -> str | None:
    """`train-set/cantemist-norm/x.ann`, `background-set/x.txt`; None for what is not read.

    The folders cantemist-ner, and cantemist-coding/txt, repeat what cantemist-norm has.
    """
    *folders, file = name.split("/")
    if folders[-1:] == [BACKGROUND] and file.endswith(".txt"):
        return f"{BACKGROUND}/{file}"
    kinds = {NORM: (".txt", ".ann"), CODING: (".tsv",)}.get(folders[-1] if folders else "", ())
    is_read = folders[-2:-1] != [] and folders[-2] in SETS.values() and file.endswith(kinds)
    return "/".join([*folders[-2:], file]) if is_read else None


def _read_set(files: Mapping[str, str], path: Path, name: str) -> LabelledSet:
    folder = f"{SETS[name]}/{NORM}"
    texts = _texts(files, path, folder)
    marks = {file.removesuffix(".ann") for file in _below(files, folder, ".ann")}
    for document in sorted(marks ^ texts.keys()):
        has, lacks = (".txt", ".ann") if document in texts else (".ann", ".txt")
        raise ValueError(f"{path}, {folder}/{document}{has}: without its {lacks}; is it whole?")
    mentions = [
        mention
        for document, text in texts.items()
        for mention in _mentions(files, path, f"{folder}/{document}.ann", document, text)
    ]
    codes = list(_codes(files, path, f"{SETS[name]}/{CODING}/{name}-coding.tsv", texts))
    return LabelledSet(texts, mentions, codes)


def _texts(files: Mapping[str, str], path: Path, folder: str) -> dict[str, str]:
    found = _below(files, folder, ".txt")
    if not found:
        raise FileNotFoundError(f"{path}: holds no {folder}/*.txt; is it the whole CANTEMIST?")
    return {name.removesuffix(".txt"): files[f"{folder}/{name}"] for name in found}


def _below(files: Mapping[str, str], folder: str, ending: str) -> list[str]:
    start = f"{folder}/"
    names = (name.removeprefix(start) for name in files if name.startswith(start))
    return [name for name in names if name.endswith(ending)]


def _codes(
    files: Mapping[str, str], path: Path, name: str, texts: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Document and code of each row below the header."""
    rows = tab_rows(files, path, name, width=2)
    if next(rows, ("", []))[1] != ["file", "code"]:
        raise ValueError(f"{path}, {name}, row 1: not the header of the corpus, file and code")
    for where, (document, code) in rows:
        if document not in texts:
            raise ValueError(f"{where}, column 1: no text of this document in the set")
        yield document, _code(code, f"{where}, column 2")


def _mentions(
    files: Mapping[str, str], path: Path, name: str, document: str, text: str
) -> Iterator[Mention]:
    for mark in read_marks(tab_rows(files, path, name, width=3), len(text), _KIND):
        code = _code(mark.note, f"{mark.where_note}, column 3")
        yield Mention(document, code, mark.parts, mark.words)


def _code(cell: str, where: str) -> str:
    if not icdo3.is_morphology(cell):
        raise ValueError(f"{where}: not a morphology of ICD-O-3, such as 8140/3")
    return cell
