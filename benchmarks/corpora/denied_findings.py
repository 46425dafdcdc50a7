"""Whether CodiEsp's coders coded findings that a report denies; how its codes stand in ICD today.

    python benchmarks/corpora/denied_findings.py data/01_raw/codiesp/codiesp_v4.zip

Read are the English texts of all 1,000 coded reports. A mention is one of a finding's words, in any
case, whole. A mention is denied where one of the cues stands before it in its sentence with at most
five words between, the reach that NegEx has (Chapman et al., J Biomed Inform 2001), and neither a
semicolon nor a word that ends a denial comes between. What is said behind a mention ("fever was
absent") is not looked at: such a mention counts as not denied. "Afebrile" is no mention.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

from isd_pipeline.data.sources import codiesp  # noqa: E402
from isd_pipeline.text.sentences import sentence_starts  # noqa: E402

REACH = 5  # words between a cue and the mention
CUES = (
    *("no", "not", "nor", "neither", "never", "without", "denies", "denied", "denying"),
    *("negative for", "absence of", "free of", "ruled out", "rules out", "ruling out"),
)
ENDS = ("but", "however", "although", "except")  # a denial goes no further


@dataclass(frozen=True)
class Finding:
    """A finding, the words that name it (expressions), and how codes of it begin."""

    name: str
    words: tuple[str, ...]
    codes: tuple[str, ...]


FINDINGS = (
    Finding("fever", ("fevers?", "feverish", "febrile", "pyrexia"), ("R50",)),
    Finding("vomiting", ("vomit(?:s|ed|ing)?", "emesis"), ("R11",)),
    Finding(
        "enlarged lymph nodes",
        ("lymph(?:atic)? nodes?", "(?:lymph)?adenopath(?:y|ies)", "adenomegal(?:y|ies)"),
        ("R59",),
    ),
    Finding("hematuria", ("ha?ematuria",), ("R31",)),
    Finding("edema", ("o?edemas?", "o?edematous"), ("R60",)),
    Finding("metastasis", ("metastas[ie]s", "metastatic"), ("C77", "C78", "C79")),
    Finding(
        "pain",
        ("pains?", "painful"),
        ("R52", "R07", "R10", "M25.5", "M54", "M79.6", "G89", "H57.1"),
    ),
)
_WORD = re.compile(r"\w+")
_END = re.compile(rf";|\b(?:{'|'.join(ENDS)})\b")
_DENIAL = re.compile(rf"\b(?:{'|'.join(CUES)})\b(?! only\b)(?:\W+\w+){{0,{REACH}}}\W*$")


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text, each from its first word, by the library's own rule."""
    begins = np.array([word.start() for word in _WORD.finditer(text)], dtype=np.int64)
    cuts = [*(begins[n] for n in sentence_starts(text, begins)), len(text)]
    return (text[begin:end] for begin, end in pairwise(cuts))


def is_denied(sentence: str, at: int) -> bool:
    """Whether a cue before place `at` of a sentence in lower case reaches it."""
    return _DENIAL.search(_END.split(sentence[:at])[-1]) is not None


def mentions(text: str, finding: Finding) -> list[bool]:
    """Each mention of a finding, in order: whether it is denied."""
    names = re.compile(rf"\b(?:{'|'.join(finding.words)})\b")
    return [
        is_denied(sentence, found.start())
        for sentence in map(str.lower, sentences(text))  # a capital tells where a sentence begins
        for found in names.finditer(sentence)
    ]


@dataclass(frozen=True)
class Count:
    """Reports, and how many of them have a code of the finding."""

    reports: int
    coded: int

    def __str__(self) -> str:
        share = f"{self.coded / self.reports:.2f}" if self.reports else "-"
        return f"{self.reports:9}{self.coded:8}{share:>8}"


def count(
    texts: Mapping[str, str], codes: Mapping[str, set[str]], finding: Finding
) -> tuple[Count, Count]:
    """Reports whose mentions are all denied, and reports that have one that is not."""
    denied, stated = list[bool](), list[bool]()
    for report, text in texts.items():
        found = mentions(text, finding)
        if found:
            coded = any(code.startswith(finding.codes) for code in codes.get(report, ()))
            (denied if all(found) else stated).append(coded)
    return Count(len(denied), sum(denied)), Count(len(stated), sum(stated))


def standing(codes: Iterable[str]) -> str:
    """How many codes, repeats among them, are inner nodes of ICD-10-CM, and how many unknown."""
    import simple_icd_10_cm as book

    kinds = ["unknown" if not book.is_valid_item(c) else book.is_leaf(c) for c in codes]
    inner, unknown = kinds.count(False), kinds.count("unknown")
    return (
        f"{len(kinds):7,}{inner:8,} ({inner / len(kinds):5.1%}){unknown:8,} "
        f"({unknown / len(kinds):5.1%})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="codiesp_v4.zip or its unpacked folder")
    corpus = codiesp.extract(parser.parse_args().corpus, language="en", unlabelled=False)
    notes, rows = corpus.notes.read(), corpus.codes.read()
    texts = dict(zip(notes["document_id"].to_pylist(), notes["text"].to_pylist(), strict=True))
    codes = defaultdict[str, set[str]](set)
    for report, code in zip(rows["document_id"].to_pylist(), rows["code"].to_pylist(), strict=True):
        codes[report].add(code)
    print(f"{len(texts):,} reports; in how many is a finding coded?")
    print(f"{'':34}{'every mention denied':>25}{'a mention not denied':>25}")
    print(f"{'finding':22}{'codes':12}" + f"{'reports':>9}{'coded':>8}{'share':>8}" * 2)
    for finding in FINDINGS:
        denied, stated = count(texts, codes, finding)
        print(f"{finding.name:22}{_short(finding.codes):12}{denied}{stated}")
    given = [code for of in codes.values() for code in of]
    print(f"\n{'gold diagnoses':22}{'codes':>7}{'no leaf':>16}{'unknown':>16}")
    print(f"{'as given to reports':22}{standing(given)}")
    print(f"{'distinct':22}{standing(sorted(set(given)))}")


def _short(codes: tuple[str, ...]) -> str:
    return codes[0] if len(codes) == 1 else f"{codes[0]} …" if len(codes) > 3 else " ".join(codes)


if __name__ == "__main__":
    main()
