"""The preparation as it reads in the literature: pandas, a regular expression, dictionaries.

What `preparation.py` is compared with. All of NOTEEVENTS is read before the discharge summaries
are chosen; the texts of an admission are joined by a space, its codes are the clean ones, and the
words of at least three admissions of train have a number. It writes the files of the library:
for each split ids.json and tokens, token_starts, labels, label_starts as .npy.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import Measured, step

SPLITS = ("train", "dev", "test")


def prepare(folder: Path, out: Path) -> Measured:
    measured: Measured = []
    with step("extract", measured):
        notes = read_summaries(folder)
    with step("tokenize", measured):
        texts = tokenize(notes)
    with step("labels", measured):
        gold = read_codes(folder, texts)
        splits = {split: read_list(folder, split, texts) for split in SPLITS}
        labelled = {document for split in splits.values() for document in split} & gold.keys()
        codes = sorted({code for document in labelled for code in gold[document]})
    with step("vocabulary", measured):
        words = make_vocabulary(texts[document] for document in splits["train"])
    with step("encode", measured):
        for split, documents in splits.items():
            readable = [d for d in documents if texts[d] and gold.get(d)]
            encode(readable, texts, gold, words, codes, out / "documents" / split)
        (out / "words.json").write_text(json.dumps(words))
        (out / "codes.json").write_text(json.dumps(codes))
    return measured


def read_table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)


def read_summaries(folder: Path) -> pd.DataFrame:
    events = read_table(folder, "NOTEEVENTS")
    notes = events[events["CATEGORY"] == "Discharge summary"]
    notes = notes.astype({"SUBJECT_ID": int, "HADM_ID": int})
    return notes.sort_values(["SUBJECT_ID", "HADM_ID"], kind="stable")


def tokenize(notes: pd.DataFrame) -> dict[str, str]:
    """Admission -> its words with a space between them."""
    texts: dict[str, str] = {}
    for document, text in zip(notes["HADM_ID"].astype(str), notes["TEXT"], strict=True):
        words = [word.lower() for word in re.findall(r"\w+", text) if not word.isnumeric()]
        texts[document] = " ".join([texts[document], *words] if document in texts else words)
    return {document: text.strip() for document, text in texts.items()}


def read_codes(folder: Path, texts: dict[str, str]) -> dict[str, set[str]]:
    """Admission -> its codes with their dots; without any, the rows were empty."""
    gold: dict[str, set[str]] = defaultdict(set)
    for name in ("DIAGNOSES_ICD", "PROCEDURES_ICD"):
        rows = read_table(folder, name)
        for document, code in zip(rows["HADM_ID"], rows["ICD9_CODE"], strict=True):
            if document in texts and code:
                gold[document].add(dotted(code, name))
    return gold


def dotted(code: str, table: str) -> str:
    place = 2 if table == "PROCEDURES_ICD" else 4 if code.startswith("E") else 3
    return f"{code[:place]}.{code[place:]}" if len(code) > place else code


def read_list(folder: Path, split: str, texts: dict[str, str]) -> list[str]:
    ids = (folder / f"{split}_full_hadm_ids.csv").read_text().split()
    return [document for document in ids if document in texts]


def make_vocabulary(texts: Iterator[str]) -> list[str]:
    counted: Counter[str] = Counter()
    for text in texts:
        counted.update(set(text.split()))
    return sorted(word for word, count in counted.items() if count >= 3)


def encode(
    documents: list[str],
    texts: dict[str, str],
    gold: dict[str, set[str]],
    words: list[str],
    codes: list[str],
    folder: Path,
) -> None:
    number = {word: n for n, word in enumerate(words, start=1)}
    column = {code: n for n, code in enumerate(codes)}
    tokens = {d: [number.get(word, len(words) + 1) for word in texts[d].split()] for d in documents}
    ordered = sorted(documents, key=lambda document: (len(tokens[document]), int(document)))
    folder.mkdir(parents=True)
    (folder / "ids.json").write_text(json.dumps(ordered))
    save(folder, "token", [tokens[document] for document in ordered])
    save(folder, "label", [sorted(column[code] for code in gold[d]) for d in ordered])


def save(folder: Path, name: str, lists: list[list[int]]) -> None:
    starts = np.cumsum([0, *map(len, lists)])
    np.save(folder / f"{name}_starts.npy", starts)
    np.save(folder / f"{name}s.npy", np.concatenate([np.array(x, np.int32) for x in lists]))
