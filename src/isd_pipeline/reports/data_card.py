"""What a cohort's data are, in numbers and codes alone: a card to put beside every result.

Made of what preprocessing left: the documents a model reads, the codes in their order, and all
that was counted on the way. No text is on it, no title and no path.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from isd_pipeline.data.codes import icd
from isd_pipeline.data.codes.coding_systems import OFFICIAL
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.evaluation import strata
from isd_pipeline.reports.cells import NONE, Table, number
from isd_pipeline.reports.markdown import markdown
from isd_pipeline.reports.results import CohortStatistics, SplitStatistics

MOST_FREQUENT, MOST_CHAPTERS = 20, 60
# In the order that they are shown in: the card comes back from JSON with its keys sorted.
SPLIT_NAMES = ("train", "dev", "test")
QUANTILES = ("mean", "median", "p95", "min", "max")
BANDS: Mapping[str, tuple[strata.Bounds, str, str]] = {  # bounds, caption, columns
    "documents_per_code": (
        strata.FREQUENCIES, "How often codes occur, all splits", "documents of it, codes"
    ),
    "codes_per_document": (
        strata.CODES_OF_DOCUMENT, "How many codes documents have", "codes of it, documents"
    ),
    "words_per_document": (strata.LENGTHS, "How long documents are", "words of it, documents"),
}  # fmt: skip
OF_CODES = (
    *("distinct", "diagnoses", "procedures", "never_in_train"),
    *("share_of_the_most_frequent_tenth", "share_with_fewer_than_two_documents"),
)
LEFT_OUT = {  # what was counted: what it is, and why it is not there
    "notes_of_other_types": ("notes of other types", "the section asks for some types only"),
    "repeated_notes": ("repeated notes", "the same words twice in one document are read once"),
    "empty_notes": ("empty notes", "there is nothing to read; kept, without a word"),
    "documents_without_code_rows": ("documents without a row of codes", "nothing to learn from"),
    "documents_with_empty_codes": (
        "documents whose codes are all empty",
        "their words count for the vocabulary; no model is trained on them",
    ),
    "documents_without_a_word": ("documents without a word", "there is nothing to read"),
    "documents_in_no_list": ("documents in no list of ids", "the published split leaves them out"),
    "documents_in_no_split": ("documents in no split", "the column `split` is empty for them"),
    "documents_of_the_other_dev_set": ("documents of the other development set", "`dev` says so"),
    "background_of_labelled_ids": ("background reports of labelled ids", "they are in a split"),
    "background_near_dev": ("background reports near dev", "word vectors would know the test"),
    "background_near_test": ("background reports near test", "word vectors would know the test"),
    "codes_of_no_note": ("code rows of no note", "there is nothing to read for them"),
    "codes_dropped": ("code rows that hold no code", "bad_codes: drop"),
    "mention_rows_left_out": (
        "rows of mentions",
        "no such note, no such code of the id, only white space, or twice",
    ),
    "code_rows_without_code": ("empty code rows", "there is no code in them"),
    "empty_or_repeated_code_rows": ("empty or repeated code rows", "a code counts once a document"),
}
# What must be known of the codes themselves: of a source's diagnoses.
OF_THE_GOLD = {
    "codiesp": (
        "CodiEsp's coders coded findings that a report denies, too: all 41 reports in which every "
        "mention of fever is denied have a code of fever (docs/data.md). A model learns that; "
        "no rule for denials can be judged here."
    )
}


def data_card(
    statistics: CohortStatistics,
    codes: CodeIndex,
    counts: Mapping[str, float],
    *,
    cohort: str,
    source: Mapping[str, Any],
    fingerprints: Mapping[str, str],
    raw: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The card as JSON.

    `counts` is all that extraction and preprocessing counted, `source` what the cohort's section
    says of its data, `fingerprints` those of codes, words and documents, `raw` size and SHA-256 of
    each raw file, empty where the files are not on this machine.
    """
    without_word = sum(
        int(counts.get(f"{name}_documents_with_code", len(split.lengths))) - len(split.lengths)
        for name, split in statistics.splits.items()
    )
    known = {**counts, "documents_without_a_word": without_word}
    return {
        "cohort": cohort,
        "source": dict(source),
        "splits": {name: _split(split) for name, split in statistics.splits.items()},
        "codes": _codes(statistics, codes),
        "chapters": _chapters(statistics, codes) if codes.custom or _is_icd(source) else [],
        "distributions": {
            "documents_per_code": _banded(statistics.per_code, "documents_per_code"),
            "codes_per_document": _banded(statistics.codes_per_document, "codes_per_document"),
            "words_per_document": _banded(statistics.lengths, "words_per_document"),
        },
        "left_out": {name: known[name] for name in LEFT_OUT if known.get(name)},
        "counts": dict(counts),
        "fingerprints": dict(fingerprints),
        "raw_files": {name: dict(file) for name, file in raw.items()},
    }


def card_tables(card: Mapping[str, Any]) -> list[Table]:
    """The tables of a card that the page does not have already."""
    codes, made = card["codes"], card["fingerprints"].items()
    lengths = "split, mean, median, 95th percentile, least, most"
    told = ", ".join(f"{name.replace('_', ' ')}: {_shown(codes[name])}" for name in OF_CODES)
    frequent = "The most frequent codes, documents of all splits"
    notes = (f"{told}.", *_of_the_gold(card))
    raw = [(name, file["bytes"], file["sha256"]) for name, file in card["raw_files"].items()]
    found = [
        _table("Lengths and codes of the documents", lengths, _lengths(card)),
        _table(frequent, "code, documents", codes["most_frequent"], notes=notes),
        *_distributions(card["distributions"]),
        _chapter_table(card["chapters"]),
        _table(
            "What was left out, and why", "what, how many, why", _left_out(card), {"what", "why"}
        ),
        _table("Fingerprints of what was made", "of, fingerprint", made, {"of", "fingerprint"}),
        _table("Raw files", "file, bytes, SHA-256", raw, {"file", "SHA-256"}) if raw else None,
    ]
    return [table for table in found if table]


def card_markdown(card: Mapping[str, Any], stamp: str = "") -> str:
    """The card as a page of Markdown, counts at its end."""
    source = ", ".join(f"{name}: {value}" for name, value in card["source"].items())
    counts = _table("All that was counted", "count, value", sorted(card["counts"].items()))
    parts = [f"# Data card: {card['cohort']}\n", f"{source}.\n"]
    parts += [f"**{stamp}**\n"] if stamp else []
    return "\n".join([*parts, *(markdown(table) for table in (*card_tables(card), counts))])


def _of_the_gold(card: Mapping[str, Any]) -> list[str]:
    told = OF_THE_GOLD.get(card["source"].get("source", ""))
    return [told] if told and card["codes"]["diagnoses"] else []


def _split(split: SplitStatistics) -> dict[str, Any]:
    has = bool(len(split.lengths))
    return {
        "documents": len(split.lengths),
        "words": int(split.lengths.sum()),
        "words_per_document": _quantiles(split.lengths) if has else None,
        "codes_per_document": _quantiles(split.codes_per_document) if has else None,
        "codes": int((split.documents_per_code > 0).sum()),
    }


def _quantiles(values: np.ndarray) -> dict[str, float]:
    """Mean, median, 95th percentile, least and most."""
    median, high = np.percentile(values, [50, 95])
    return {
        "mean": round(float(values.mean()), 2),
        "median": float(median),
        "p95": float(high),
        "min": int(values.min()),
        "max": int(values.max()),
    }


def _codes(statistics: CohortStatistics, codes: CodeIndex) -> dict[str, Any]:
    per_code = statistics.per_code
    first = np.argsort(-per_code, kind="stable")[:MOST_FREQUENT]
    train = (
        statistics.splits["train"].documents_per_code if "train" in statistics.splits else per_code
    )
    return {
        "distinct": len(codes),
        "diagnoses": codes.systems.count(icd.DIAGNOSIS),
        "procedures": codes.systems.count(icd.PROCEDURE),
        "never_in_train": int((train == 0).sum()),
        "share_of_the_most_frequent_tenth": round(statistics.top_tenth_share, 4),
        "share_with_fewer_than_two_documents": round(statistics.under_two_share, 4),
        "most_frequent": [[codes.codes[n], int(per_code[n])] for n in first],
    }


def _chapters(statistics: CohortStatistics, codes: CodeIndex) -> list[dict[str, Any]]:
    """Codes and their occurrences by chapter: of diagnoses, then of procedures."""
    per_code = statistics.per_code
    return [
        {"chapter": chapter, "codes": len(members), "occurrences": int(per_code[members].sum())}
        for chapter, members in strata.chapters_of(codes.codes, codes.systems, codes.custom).items()
    ]


def _chapter_table(chapters: Sequence[Mapping[str, Any]]) -> Table | None:
    """Chapters in their order; of very many, as a user's own tree may have, the largest."""
    if not chapters:
        return None
    largest = sorted(chapters, key=lambda row: -row["occurrences"])[:MOST_CHAPTERS]
    of = ("chapter", "codes", "occurrences")
    rows = [[row[name] for name in of] for row in chapters if row in largest]
    told = f"The {len(rows)} of {len(chapters):,} chapters with most occurrences."
    notes = (told,) * (len(rows) < len(chapters))
    return _table("Codes by chapter", ", ".join(of), rows, notes=notes)


def _is_icd(source: Mapping[str, Any]) -> bool:
    """Whether the codes are of ICD; what is above those of a user's own system, its tree tells."""
    return source.get("system", OFFICIAL[0]) in OFFICIAL


def _banded(values: np.ndarray, of: str) -> dict[str, int]:
    return {
        name: int(within.sum()) for name, within in strata.bounded(values, BANDS[of][0]).items()
    }


def _table(
    caption: str,
    columns: str,
    rows: Iterable[Sequence[Any]],
    words: Collection[str] = (),
    notes: tuple[str, ...] = (),
) -> Table:
    """Cells as they are shown; the first column is read, not compared, or those of `words`."""
    names = tuple(columns.split(", "))
    shown = tuple(
        tuple(cell if isinstance(cell, str) else _shown(cell) for cell in row) for row in rows
    )
    return Table(caption, names, shown, words or {names[0]}, notes=notes)


def _lengths(card: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (f"{name}, {what.replace('_', ' ')}", *((found[what] or {}).get(q) for q in QUANTILES))
        for name in SPLIT_NAMES
        if (found := card["splits"].get(name))
        for what in ("words_per_document", "codes_per_document")
    ]


def _distributions(counted: Mapping[str, Mapping[str, int]]) -> Iterator[Table]:
    for name, (bands, caption, columns) in BANDS.items():
        yield _table(caption, columns, ((band, counted[name][band]) for band, _, _ in bands))


def _left_out(card: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    left, why = card["left_out"], LEFT_OUT.items()
    found = [(what, left[name], reason) for name, (what, reason) in why if name in left]
    return found or [(NONE, 0, "nothing was left out")]


def _shown(value: float | None) -> str:
    return number(value, 0 if value is None or float(value).is_integer() else 2)
