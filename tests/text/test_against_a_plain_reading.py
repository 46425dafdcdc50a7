"""A whole hospital by the old tools' own steps, in pandas and plain Python: no word differs."""

import csv
import random
import re

import pandas as pd
import pytest

from isd_pipeline.data.sources.mimic3 import extract
from isd_pipeline.text.tokens import tokenize_notes
from isd_pipeline.text.vocabulary import VocabularyConfig, count_words, make_vocabulary

HEADER = [
    "ROW_ID",
    "SUBJECT_ID",
    "HADM_ID",
    "CHARTDATE",
    "CHARTTIME",
    "STORETIME",
    "CATEGORY",
    "DESCRIPTION",
    "CGID",
    "ISERROR",
    "TEXT",
]
PIECES = [
    "Admission Date:  [**2151-7-16**]",
    "[**Hospital1 18**]",
    "don't",
    "7.5 mg",
    "250mg",
    "___",
    "x3",
    "10a",
    "café",
    "²",
    "½ tab",
    '"quoted"',
    "a,b;c",
    "\n\n",
    "Łódź",
    "İ",
    "1_2",
    "q6h",
    "K+",
]


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    folder, dice = tmp_path_factory.mktemp("mimic"), random.Random(5)
    with (folder / "NOTEEVENTS.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        writer.writerow(HEADER)
        for row in range(1_500):
            patient = dice.randrange(1, 300)
            admission = patient * 7 + dice.randrange(3)
            kind = dice.choice(["Discharge summary", "Discharge summary", "Nursing", "Physician "])
            text = " ".join(["first", *dice.choices(PIECES, k=dice.randrange(40))])
            about = dice.choice(["Report", "Addendum"])
            shown = admission if kind == "Discharge summary" or dice.random() < 0.5 else ""
            writer.writerow([row, patient, shown, "2151-07-16", "", "", kind, about, "", "", text])
    for name in ("DIAGNOSES", "PROCEDURES"):
        (folder / f"{name}_ICD.csv").write_text("ROW_ID,SUBJECT_ID,HADM_ID,SEQ_NUM,ICD9_CODE\n")
        (folder / f"D_ICD_{name}.csv").write_text("ROW_ID,ICD9_CODE,SHORT_TITLE,LONG_TITLE\n")
    return folder


def read_by_the_old_tools(folder):
    """Admission -> its words, in the old tools' order of admissions."""
    notes = pd.read_csv(folder / "NOTEEVENTS.csv")
    notes = notes[notes["CATEGORY"] == "Discharge summary"]
    runs = [re.findall(r"\w+", text) for text in notes["TEXT"]]
    words = [[word.lower() for word in run if not word.isnumeric()] for run in runs]
    notes = notes.assign(WORDS=words).sort_values(["SUBJECT_ID", "HADM_ID"], kind="stable")
    joined = {}
    for admission, more in zip(notes["HADM_ID"].astype(int), notes["WORDS"], strict=True):
        joined.setdefault(str(admission), []).extend(more)
    return joined


def test_words_and_order_of_every_admission_are_those_of_the_old_tools(hospital):
    expected = read_by_the_old_tools(hospital)
    ours = tokenize_notes(extract(hospital).notes).read()

    assert ours["document_id"].to_pylist() == list(expected)
    assert ours["tokens"].to_pylist() == list(expected.values())


def test_document_frequencies_and_the_vocabulary_are_those_of_a_count_by_hand(hospital):
    expected = read_by_the_old_tools(hospital)
    tokenized = tokenize_notes(extract(hospital).notes)
    documents, _ = count_words(tokenized)
    frequent = pd.Series([w for words in expected.values() for w in set(words)]).value_counts()
    assert dict(documents) == frequent.to_dict()

    ids = tokenized.select(["document_id"]).read()
    names = ["train" if n % 3 else "test" for n in range(ids.num_rows)]
    splits = ids.append_column("split", [names])
    train = list(expected.values())
    train = [words for n, words in enumerate(train) if n % 3]
    count = pd.Series([w for words in train for w in set(words)]).value_counts()
    vocabulary, _ = make_vocabulary(tokenized, splits, VocabularyConfig(min_docs=3))
    assert list(vocabulary.words) == sorted(count[count >= 3].index)
