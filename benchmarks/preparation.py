"""How long a folder of MIMIC-III's layout takes from files to numbers, and in how much memory.

    python benchmarks/preparation.py FOLDER [--lists FOLDER] [--label-space caml|clean]

Runs extraction and preprocessing in a process of their own and prints, for each step, seconds
and the greatest resident memory so far. Files of the run go to a temporary folder in --scratch.

On a synthetic hospital of 60,000 admissions (NOTEEVENTS 4.1 GB, 2.1 million records, 60,579
summaries, 82 million words, 958,637 code rows), 2 shared cores: 132 s (extract 27, tokenize 33,
labels and splits 4, vocabulary 50, encode 17), greatest resident memory 611 MiB. On an idle
machine the stages themselves, `kedro run --pipelines=extract` and `preprocess`, take 12.6 s and
35.4 s and 0.60 GiB.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from isd_pipeline.data.cohorts import make_cohort
from isd_pipeline.data.mimic3 import extract
from isd_pipeline.data.splits import splits_by_patient, splits_from_lists
from isd_pipeline.data.tables import open_parquet, write_parquet
from isd_pipeline.text.documents import encode_documents
from isd_pipeline.text.tokens import tokenize_notes
from isd_pipeline.text.vocabulary import VocabularyConfig, make_vocabulary

SPLITS = ("train", "dev", "test")


def main() -> None:
    arguments = read_arguments()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as folder:
        prepare(arguments, Path(folder))


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lists", type=Path, help="folder of {train,dev,test}_full_hadm_ids.csv")
    parser.add_argument("--label-space", default="caml", choices=["caml", "clean"])
    parser.add_argument("--scratch", type=Path, help="where the run may write; about 1 GB")
    return parser.parse_args()


def prepare(arguments: argparse.Namespace, out: Path) -> None:
    with step("extract"):
        found = extract(arguments.folder, scratch=out)
        write_parquet(found.notes, out / "notes.parquet")
        write_parquet(found.codes, out / "codes.parquet")
    counts = found.counts
    titles = found.titles.read()
    del found
    with step("tokenize"):
        notes = open_parquet(out / "notes.parquet")
        write_parquet(tokenize_notes(notes), out / "tokenized_notes.parquet")
        tokenized = open_parquet(out / "tokenized_notes.parquet")
    with step("labels and splits"):
        documents = tokenized.select(["document_id", "patient_id"]).read()
        splits, drawn = split(arguments.lists, documents)
        codes = open_parquet(out / "codes.parquet").read()
        cohort = make_cohort(documents, codes, titles, splits, label_space=arguments.label_space)
        del codes
    with step("vocabulary"):
        config = VocabularyConfig(min_docs=3, source="train")
        vocabulary, words = make_vocabulary(tokenized, cohort.splits, config)
    with step("encode"):
        encoded = encode_documents(
            tokenized, cohort.labels, cohort.splits, vocabulary, cohort.codes, out / "documents"
        )
    print(json.dumps(counts | drawn | cohort.counts | words | encoded, indent=1))


def split(lists, documents):
    if lists is None:
        return splits_by_patient(documents, seed=0)
    paths = {name: lists / f"{name}_full_hadm_ids.csv" for name in SPLITS}
    return splits_from_lists(documents, paths)


@contextmanager
def step(name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = time.perf_counter() - start
    print(f"{name:20} {seconds:8.1f} s   peak {peak:8.0f} MiB", file=sys.stderr)


if __name__ == "__main__":
    main()
