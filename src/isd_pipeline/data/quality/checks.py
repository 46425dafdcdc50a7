"""What is wrong or unusual in the notes, codes and splits of any source, read as a stream.

The readers refuse what cannot be read; here is what they let pass. Memory holds numbers: of each
document its split and a signature of 64 of them, of each code row its name.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import groupby, islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.codes import icd
from isd_pipeline.data.io.parts import LOOP, Engine, divided, map_parts
from isd_pipeline.data.io.tables import ROWS, SPLITS, Extraction, RecordStream
from isd_pipeline.data.quality import minhash
from isd_pipeline.data.quality.findings import Finding, Findings, Level
from isd_pipeline.data.quality.published_counts import Expected
from isd_pipeline.data.quality.scripts import MOSTLY, REMEDY, share_without_blanks
from isd_pipeline.data.splits import names_of

MONSTROUS, UNBROKEN = 1_000_000, 10_000  # characters
UNLEARNT = 0.5  # share of the codes of test that train lacks, beyond which test says little
SAME = 0.8  # share of five-word runs
CUT_AT, MANY = 200, 0.01  # the fewest characters of a limit; the share of notes that end at it
_WORD = re.compile(r"[^\W\d_]")
OF_A_NOTE = (  # what a text may have in it, how to find it, remedy
    ("NUL characters", "\0", "remove them in the export"),
    ("control characters", "[\x01-\x08\x0e-\x1f\x7f]", "remove them in the export"),
    (
        "characters that Windows-1252 has and Latin-1 has not",
        "[\x80-\x84\x86-\x9f]",
        "the encoding is cp1252",
    ),
    (
        "characters that were lost when the text was decoded (U+FFFD)",
        "\ufffd",
        "export it again in UTF-8",
    ),
    ("UTF-8 that was read as Latin-1", "[ÃÂ][\u0080-\u00bf]|â\u0080", "name the true encoding"),
    (
        f"more than {MONSTROUS:,} characters",
        rf"(?s)\A.{{{MONSTROUS + 1}}}",
        "is it one note? only its beginning is read",
    ),
    (
        f"{UNBROKEN:,} characters without a blank",
        rf"\S{{{UNBROKEN}}}",
        "is something else than text in it?",
    ),
    ("Rich Text Format (RTF) in place of text", r"\A\s*\{\\rtf", "save it as plain text"),
    ("an HL7 message in place of text", r"\A\s*MSH\|", "give the text of its OBX segments"),
    (
        "a PDF or an Office file in place of text",
        r"\A\s*(?:%PDF-|JVBERi0|UEsDB|0M8R4K)",  # its first bytes, and the same in Base64
        "give the text that is in it",
    ),
)


@dataclass
class Seen:
    """What a pass over the notes leaves: sizes, and the documents that can be compared."""

    documents: int = 0
    characters: int = 0
    without_blanks: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)
    signatures: list[np.ndarray] = field(default_factory=list)

    def join(self, other: "Seen") -> None:
        """What was seen of the documents that follow."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


Document = tuple[str, list[tuple[str, str]]]  # its id, and its notes' ids and texts


@dataclass(frozen=True)
class SomeDocuments:
    """Documents with their texts, to be looked at; `begin` of all come before them."""

    documents: list[Document]
    begin: int

    def __str__(self) -> str:
        end = self.begin + len(self.documents)
        return f"the notes of the documents {self.begin + 1} to {end}, as they are read"

    def halves(self) -> list["SomeDocuments"]:
        """The first documents and the last."""
        ranges = divided(0, len(self.documents))
        return [SomeDocuments(self.documents[a:b], self.begin + a) for a, b in ranges]


def check_notes(notes: RecordStream, file: str, findings: Findings, engine: Engine = LOOP) -> Seen:
    """Every text once: what is unusual in it, and the signature of its document.

    Texts may wait in this process alone, sorted, so it hands them to the workers of an engine.
    """
    seen = Seen()
    parts = _in_parts(notes, min(engine.rows, ROWS))
    for some, told in map_parts(_look_at, parts, engine, common=[file], what="notes checked"):
        seen.join(some)
        for one in told:
            findings.add(one)
    if seen.without_blanks:
        what = f"{seen.without_blanks:,} documents are in a script without blanks between words"
        findings.tell("warning", file, f"{what}, where a clause is taken for a word", REMEDY)
    _tell_of_a_limit(seen.lengths, file, findings)
    return seen


def _tell_of_a_limit(lengths: Counter[int], file: str, findings: Findings) -> None:
    """Many notes of the greatest length: a column of the export held no more (4,000, 32,767)."""
    longest = max(lengths, default=0)
    if longest >= CUT_AT and lengths[longest] >= max(3, MANY * lengths.total()):
        what = f"{lengths[longest]:,} notes have {longest:,} characters and none has more"
        findings.tell("warning", file, what, "did the export cut them there?", column="text")


def _in_parts(notes: RecordStream, size: int) -> Iterator[SomeDocuments]:
    """A part at a time, so that no more texts are held than are looked at."""
    documents, begin = _documents(notes), 0
    while some := list(islice(documents, size)):
        yield SomeDocuments(some, begin)
        begin += len(some)


def _look_at(part: SomeDocuments, file: str) -> tuple[Seen, list[Finding]]:
    seen, findings = Seen(documents=len(part.documents)), Findings()
    for document, rows in part.documents:
        text = "\n\n".join(text for _, text in rows)
        seen.characters += len(text)
        for note, one in rows:
            seen.lengths[len(one)] += 1
            for what, pattern, remedy in OF_A_NOTE:
                if re.search(pattern, one):
                    findings.tell("warning", file, what, remedy, column="text", note=note)
        seen.without_blanks += share_without_blanks([text]) > MOSTLY
        if not _WORD.search(text):
            what = "documents without a word: left out"
            findings.tell("warning", file, what, note=rows[0][0], column="text")
        drawn = minhash.signature(text)
        if drawn is not None:
            seen.names.append(document)
            seen.signatures.append(drawn)
    return seen, list(findings)


def check_splits(
    seen: Seen, splits: pa.Table, file: str, findings: Findings, engine: Engine = LOOP
) -> None:
    """Documents of two splits that are nearly the same; sizes of the splits."""
    split_of = dict(zip(*(splits[n].to_pylist() for n in splits.column_names), strict=True))
    sizes = Counter(split_of.values())
    told = ", ".join(
        f"{name} {sizes[name]:,}" for name in ("train", "dev", "test", "unlabelled") if sizes[name]
    )
    findings.tell("note", file, f"documents: {told}")
    for name in ("train", "dev", "test"):
        if not sizes[name]:
            findings.tell("error", file, f"no document is in {name}", "give each split some")
    kept = [n for n, name in enumerate(seen.names) if name in split_of]
    if not kept:
        return
    signatures = np.stack([seen.signatures[n] for n in kept])
    names = [seen.names[n] for n in kept]
    pairs = minhash.near_pairs(signatures, [split_of[name] for name in names], SAME, engine)
    if pairs:
        one, other, share = max(pairs, key=lambda pair: pair[2])
        where = " and ".join(f"{names[n]} ({split_of[names[n]]})" for n in (one, other))
        what = f"pairs of documents of two splits are nearly the same, as {where}, {share:.0%}"
        remedy = "a model is tested on what it has read: leave one out, or give both to one patient"
        findings.tell("warning", file, f"{len(pairs):,} {what}", remedy)


def check_codes(
    extraction: Extraction,
    documents: Iterable[str],
    file: str,
    findings: Findings,
    *,
    keep_uncoded: bool = False,
) -> int:
    """Documents without codes, repeated codes, codes that are rare; how many codes there are."""
    codes = extraction.codes.read()
    known = set(documents)
    here = codes.filter(pc.is_in(codes["document_id"], pa.array(sorted(known), pa.string())))
    here = here.filter(pc.is_valid(here["code"]))
    coded = set(here["document_id"].unique().to_pylist())
    if keep_uncoded:
        kept = "documents have no code: kept as notes to which no code belongs"
        _told(findings, file, "note", len(known - coded), kept)
    else:
        _told(findings, file, "warning", len(known - coded), "documents have no code: left out")
    borrowed = extraction.counts.get("titles_of_an_ancestor", 0)
    _told(findings, file, "note", borrowed, "codes have the title of an ancestor")
    lent = extraction.counts.get("titles_of_a_descendant", 0)
    _told(findings, file, "note", lent, "codes have the title of a code below them")
    keys = pc.binary_join_element_wise(here["document_id"], here["system"], here["code"], "\x1f")
    repeated = len(keys) - len(keys.unique())
    _told(findings, file, "note", repeated, "code rows repeat a code of their id")
    # 0331 is one code as a diagnosis and another one as a procedure.
    per_code = Counter(zip(here["system"].to_pylist(), here["code"].to_pylist(), strict=True))
    once = sum(count == 1 for count in per_code.values())
    mean = len(here) / max(len(coded), 1)
    told = f"{len(per_code):,} codes, {mean:.1f} rows a document; {once:,} codes occur once"
    findings.tell("note", file, told)
    return len(per_code)


def check_codes_of_splits(
    extraction: Extraction, splits: pa.Table, file: str, findings: Findings
) -> None:
    """Codes that no model can learn, for train has none, and data of one code alone."""
    split_of = dict(zip(*(splits[name].to_pylist() for name in SPLITS.names), strict=True))
    holders: dict[tuple[str, str], set[str]] = {}
    learned, tested = set[tuple[str, str]](), set[tuple[str, str]]()
    codes = extraction.codes.read()
    columns = (codes[name].to_pylist() for name in ("document_id", "system", "code"))
    for document, system, code in zip(*columns, strict=True):
        split = split_of.get(document)
        if code is not None and split is not None:
            holders.setdefault((system, code), set()).add(document)
            learned |= {(system, code)} if split in names_of("train") else set()
            tested |= {(system, code)} if split in names_of("test") else set()
    coded = set().union(*holders.values()) if holders else set()
    if len(holders) == 1:
        remedy = "a model has nothing to tell apart; is a column read as the code that is none?"
        findings.tell("warning", file, f"one code alone, in {len(coded):,} documents", remedy)
    everywhere = sum(len(of) == len(coded) for of in holders.values()) if len(holders) > 1 else 0
    _told(findings, file, "note", everywhere, "codes are in every document that has a code")
    alone = len(tested - learned)
    level: Level = "warning" if alone > len(tested) * UNLEARNT else "note"
    told = f"of {len(tested):,} codes of test are in no document of train: no model can learn them"
    _told(findings, file, level, alone, told)


def check_titles(extraction: Extraction, file: str, findings: Findings) -> None:
    """Undotted ICD-9 codes that the source's own dictionaries lack."""
    titles = extraction.titles.read()
    book = set(zip(titles["system"].to_pylist(), titles["code"].to_pylist(), strict=True))
    codes = extraction.codes.read()
    pairs = zip(codes["system"].to_pylist(), codes["code"].to_pylist(), strict=True)
    used = {(system, icd.dot(code, system)) for system, code in set(pairs) if code is not None}
    unlisted = sorted(code for system, code in used - book)
    if unlisted:
        what = f"codes are not in the dictionaries ({', '.join(unlisted[:5])})"
        remedy = "each has the title of its nearest relative, or none"
        findings.tell("warning", file, f"{len(unlisted):,} of {len(used):,} {what}", remedy)


def check_counts(
    counts: Mapping[str, float], expected: Mapping[str, Expected], file: str, findings: Findings
) -> None:
    """What was counted against what is published: a firm difference is an error."""
    for name in [name for name in expected if name in counts]:
        known = expected[name]
        if abs(counts[name] - known.value) > known.within:
            what = f"{name}: {counts[name]:,}, published are {known.value:,} ({known.source})"
            level: Level = "error" if known.is_firm else "warning"
            findings.tell(level, file, what, "is a file cut off, or of another release?")


def _told(findings: Findings, file: str, level: Level, count: int, what: str) -> None:
    if count:
        findings.tell(level, file, f"{count:,} {what}")


def _documents(notes: RecordStream) -> Iterator[Document]:
    """Each document with its notes (id, text), which stand together in every source."""
    rows = (
        row
        for batch in notes.select(["document_id", "note_id", "text"])
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    )
    for document, some in groupby(rows, key=lambda row: row[0]):
        yield document, [(note, text) for _, note, text in some]
