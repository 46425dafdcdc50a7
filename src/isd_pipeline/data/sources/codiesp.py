"""CodiEsp v4 (CLEF eHealth 2020): 1,000 case reports coded by experts, 2,751 more without codes.

Read from the official zip or from the folder it unpacks to. Reports are in Spanish, or in the
English of the corpus's own machine translation; diagnoses are ICD-10-CM, procedures ICD-10-PCS.
An article is its own patient.
"""

import logging
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa

from isd_pipeline.data.codes import coding_systems, icd
from isd_pipeline.data.io import tables
from isd_pipeline.data.io.archives import file_names, read_texts, refuse_documents_twice, tab_rows
from isd_pipeline.data.projection import COUNTS, project_mentions
from isd_pipeline.data.quality.near_duplicates import without_near_duplicates
from isd_pipeline.data.sources.brat import parts_of

LOG = logging.getLogger(__name__)

Language = Literal["en", "es"]
Marks = Literal["original", "projected"]
_TEXTS = {"es": "text_files", "en": "text_files_en"}
KINDS: dict[str, tuple[icd.System, ...]] = {
    "diagnoses": (icd.DIAGNOSIS,),
    "procedures": (icd.PROCEDURE,),
    "both": (icd.DIAGNOSIS, icd.PROCEDURE),
}
_TABLES = {icd.DIAGNOSIS: "D", icd.PROCEDURE: "P"}
_NAMES = {icd.DIAGNOSIS: coding_systems.ICD10CM, icd.PROCEDURE: coding_systems.ICD10PCS}
_SHAPES = {
    icd.DIAGNOSIS: re.compile(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?"),
    icd.PROCEDURE: re.compile(r"[0-9A-Z]{1,7}"),
}
_MARKED = {"DIAGNOSTICO": icd.DIAGNOSIS, "PROCEDIMIENTO": icd.PROCEDURE}
SPLIT_NAMES = ("train", "dev", "test")


def extract(
    path: Path,
    *,
    language: Language = "en",
    systems: Iterable[icd.System] = (icd.DIAGNOSIS,),
    unlabelled: bool = True,
    near: float = 0.6,
    mentions: Marks = "original",
) -> tables.Extraction:
    """Read the corpus with its official splits; background reports are the split "unlabelled".

    A background report that shares `near` of its five-word runs with a report of dev or test is
    left out altogether, since word vectors would otherwise have read the text they are tested
    on. Those near a train report stay; both are counted. The Spanish originals have mentions, the
    English texts those that are `projected` from them: how words are translated is learned from
    the reports of train and of the background, in about a minute.

    Raises FileNotFoundError or ValueError, in one line, with file, row and column. Reports that
    have a text in one language alone, and codes that ICD-10 lacks, are logged once, with how many.
    """
    if language not in _TEXTS:
        raise ValueError(f"language={language!r} is neither 'en' nor 'es'")
    if mentions == "projected" and language == "es":
        raise ValueError("the Spanish texts are marked themselves: projected is for language: en")
    path, folders = Path(path), {_TEXTS[language]}
    if mentions == "projected":
        folders.add(_TEXTS["es"])
    files, halves = _read_files(path, folders), _tell_of_missing_halves(path)
    texts = {name: _texts(files, path, name, _TEXTS[language]) for name in SPLIT_NAMES}
    background = _texts(files, path, "background", _TEXTS[language]) if unlabelled else {}
    everything = {**texts, "background": background}
    refuse_documents_twice(
        {f"{n}/{_TEXTS[language]}": those for n, those in everything.items()}, path
    )
    labelled = {article: name for name in SPLIT_NAMES for article in texts[name]}
    counts = {f"{name}_documents": len(texts[name]) for name in SPLIT_NAMES}
    counts["background_documents"] = len(background)
    kept, counted = without_near_duplicates(background, texts, near)
    if len(kept) < len(background):
        left_out = len(background) - len(kept)
        LOG.warning("CodiEsp: %d background reports near dev or test: left out", left_out)
    rows = [row for system in systems for row in _codes(files, path, system, labelled)]
    titles, titled = _titles({(row[2], row[3]) for row in rows})
    unlisted = _tell_of_unlisted([(row[2], row[3]) for row in rows])
    splits = sorted([*labelled.items(), *((article, "unlabelled") for article in kept)])
    text_of = {**texts["train"], **texts["dev"], **texts["test"], **kept}
    marked, projected = None, dict[str, int]()
    if mentions == "projected":
        marked, projected = _projected(files, path, set(systems), {**texts, "background": kept})
    elif language == "es":
        marked = _mentions(files, path, set(systems))
    notes = [(article, article, article, text_of[article]) for article, _ in splits]
    return tables.Extraction(
        notes=tables.stream_table(tables.table_of(notes, tables.NOTES), rows=1_024),
        codes=tables.stream_table(tables.table_of(rows, tables.CODES)),
        titles=tables.stream_table(tables.table_of(titles, tables.TITLES.append(tables.LENDER))),
        counts=counts | counted | halves | titled | unlisted | projected | {"code_rows": len(rows)},
        splits=tables.table_of(splits, tables.SPLITS),
        mentions=marked,
    )


def _projected(
    files: dict[str, str], path: Path, systems: set[icd.System], english: dict[str, dict[str, str]]
) -> tuple[pa.Table, dict[str, int]]:
    """The mentions of the Spanish texts in the English ones, which are given by split."""
    spanish = {
        article: text
        for split, texts in english.items()
        if texts  # no background was asked for
        for article, text in _texts(files, path, split, _TEXTS["es"]).items()
        if article in texts
    }
    everything = {article: text for texts in english.values() for article, text in texts.items()}
    alone = everything.keys() - spanish.keys()
    mentions = _mentions(files, path, systems, alone)
    learned = {*english["train"], *english["background"]}
    found, counts = project_mentions(mentions, spanish, everything, learned)
    told = "CodiEsp: marks carried over to English: %d, dropped: %d, of reports of one language: %d"
    LOG.info(told, *(counts[name] for name in COUNTS))
    return found, counts


def _mentions(
    files: dict[str, str], path: Path, systems: set[icd.System], alone: Collection[str] = ()
) -> pa.Table:
    """The words that the experts marked as the reason for a code (CodiEsp-X), of every split.

    The four empty parts of the corpus are left out, and so is what was marked twice for one code.
    Reports that are `alone` may lack the Spanish text, so that no place of theirs is checked.
    """
    found = dict.fromkeys(
        mention for split in SPLIT_NAMES for mention in _marked(files, path, split, alone)
    )
    wanted = [one for one in found if one[0][2] in systems and one[1]]
    rows = ((*of, *part, n) for n, (of, parts) in enumerate(wanted) for part in parts)
    return tables.table_of(rows, tables.MENTIONS)


def _read_files(path: Path, folders: Collection[str]) -> dict[str, str]:
    """Path inside the corpus, such as `train/trainD.tsv`, to content: tables, texts of folders."""

    def name_of(name: str) -> str | None:
        parts = name.split("/")
        if name.endswith(".txt") and len(parts) > 1 and parts[-2] in folders:
            return "/".join(parts[-3:])
        return "/".join(parts[-2:]) if name.endswith(".tsv") else None

    return read_texts(path, name_of)


def _tell_of_missing_halves(path: Path) -> dict[str, int]:
    """Count, by language, the reports that have a text in the other language alone."""
    names = [name.split("/") for name in file_names(path) if name.endswith(".txt")]
    reports = {
        language: {(name[-3], name[-1]) for name in names if name[-2:-1] == [folder]}
        for language, folder in _TEXTS.items()
    }
    missing = {"es": reports["en"] - reports["es"], "en": reports["es"] - reports["en"]}
    for language, those in missing.items():
        if those:
            first = "/".join([min(those)[0], _TEXTS[language], min(those)[1]])
            told = "CodiEsp: %d reports have a text in the other language and no %s"
            LOG.warning(told, len(those), first)
    return {f"reports_without_{language}": len(those) for language, those in missing.items()}


def _tell_of_unlisted(rows: Sequence[tuple[icd.System, str]]) -> dict[str, int]:
    """Count the codes that ICD-10 lacks, and their rows: old ones, and some that were cut short."""
    unlisted = {
        (system, code)
        for system, code in set(rows)
        if not coding_systems.is_listed(code, _NAMES[system])
    }
    held = sum(row in unlisted for row in rows)
    if unlisted:
        told = "CodiEsp: %d codes of %d rows are not in ICD-10-CM or ICD-10-PCS"
        LOG.warning(told, len(unlisted), held)
    return {"unlisted_codes": len(unlisted), "rows_of_unlisted_codes": held}


def _texts(files: dict[str, str], path: Path, split: str, folder: str) -> dict[str, str]:
    start = f"{split}/{folder}/"
    found = {
        name.removeprefix(start).removesuffix(".txt"): text
        for name, text in files.items()
        if name.startswith(start)
    }
    if not found:
        raise FileNotFoundError(f"{path}: holds no {start}*.txt; is it the whole CodiEsp v4?")
    return found


def _codes(
    files: dict[str, str], path: Path, system: icd.System, labelled: dict[str, str]
) -> Iterator[tuple[str, str, icd.System, str]]:
    """Rows of `codes`, split after split, in file order, codes in upper case."""
    for split in SPLIT_NAMES:
        name = f"{split}/{split}{_TABLES[system]}.tsv"
        for where, (article, code) in tab_rows(files, path, name, width=2):
            if labelled.get(article) != split:
                raise ValueError(f"{where}: no {split} text for this article")
            yield article, article, system, _code(code, system, f"{where}, column 2")


def _marked(
    files: dict[str, str], path: Path, split: str, alone: Collection[str]
) -> Iterator[tuple[tuple[str, str, str, str], tuple[tuple[int, int], ...]]]:
    """Document, note, system and code of each mention, and its parts, in file order."""
    texts = _texts(files, path, split, _TEXTS["es"])
    for where, cells in tab_rows(files, path, f"{split}/{split}X.tsv", width=5):
        article, kind, code, _, places = cells
        length = len(texts[article]) if article in texts else sys.maxsize
        if article not in texts and article not in alone:
            raise ValueError(f"{where}: no {split} text for this article")
        if kind not in _MARKED:
            raise ValueError(f"{where}, column 2: neither DIAGNOSTICO nor PROCEDIMIENTO")
        code = _code(code, _MARKED[kind], f"{where}, column 3")
        parts = parts_of(places, length, f"{where}, column 5")
        yield (article, article, _MARKED[kind], code), tuple((b, e) for b, e in parts if b < e)


def _code(cell: str, system: icd.System, where: str) -> str:
    if not _SHAPES[system].fullmatch(cell.upper()):
        raise ValueError(f"{where}: not an ICD-10 {system}")
    return cell.upper()


def _titles(
    used: set[tuple[icd.System, str]],
) -> tuple[list[tuple[str, icd.System, str, str | None]], dict[str, int]]:
    """A title for each code, the nearest ancestor's for one that ICD-10-CM lacks.

    Half of the procedures are cut after four characters: their title is what they stand for.
    """
    titles, counts = coding_systems.titles_of((_NAMES[system], code) for system, code in used)
    del counts["codes_without_title"]
    return titles, {"titles": len(titles), **counts}
