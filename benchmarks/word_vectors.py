"""Claim: word vectors are learned from notes on disk as fast as gensim learns from lists.

    python benchmarks/word_vectors.py                # 2,000 notes and 8,000: 3 million words and 12
    python benchmarks/word_vectors.py --notes 200 --vocabulary 5000

`learn_word_vectors` streams a Parquet file of tokenized notes. Beside it gensim itself, with the
same settings (CBOW, width 100, window 5, 5 negative words), reads the same notes as lists in
memory, and from a text file, one note a line. The words are drawn by Zipf's law. Each runs in a
process of its own with one worker. CPU seconds count vocabulary and training, not the import of
gensim nor the filling of the lists. Lists and stream must give the same vectors, bit by bit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from measuring import peak_gb, run_apart

SIDES = {"ours": "streamed", "lists": "gensim, lists", "file": "gensim, text file"}
AT_ONCE = 100  # notes made at once
TIMES = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notes", type=int, default=2_000)
    parser.add_argument("--vocabulary", type=int, default=50_000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--only", choices=("corpus", *SIDES))
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(PARTS[options.only](options)))
        return
    small, large = (compare(options, options.notes * times) for times in (1, TIMES))
    seconds = {side: small[side]["seconds"] + large[side]["seconds"] for side in SIDES}
    grown = large["ours"]["peak_gb"] / small["ours"]["peak_gb"]
    print(
        f"ratio: {seconds['lists'] / seconds['ours']:.2f} x the speed of lists, "
        f"{seconds['file'] / seconds['ours']:.2f} x that of a text file; "
        f"{grown:.2f} x the memory for {TIMES} x the notes"
    )


def compare(options: argparse.Namespace, notes: int) -> dict[str, dict[str, Any]]:
    """Make notes in a temporary folder, learn from them in three ways, print a line for each."""
    with tempfile.TemporaryDirectory() as folder:
        shared = ["--notes", str(notes), "--vocabulary", str(options.vocabulary)]
        shared += ["--epochs", str(options.epochs), "--folder", folder]
        words = run_apart(__file__, "--only", "corpus", *shared)["words"]
        found = {side: run_apart(__file__, "--only", side, *shared) for side in SIDES}
    if found["ours"]["vectors"] != found["lists"]["vectors"]:
        raise SystemExit("streamed notes and lists in memory give different vectors")
    print(f"{notes:,} notes, {words:,} words, {options.epochs} epochs, 1 worker")
    for side, label in SIDES.items():
        seconds, peak = found[side]["seconds"], found[side]["peak_gb"]
        speed = words * options.epochs / seconds
        print(f"{label:>17}: {speed:9,.0f} words a CPU s ({seconds:.1f} s), peak {peak:.2f} GB")
    return found


def write_corpus(options: argparse.Namespace) -> dict[str, int]:
    """Write the notes twice: as the table of tokenized notes and as lines of text."""
    from isd_pipeline.data.io.tables import RecordStream, write_parquet
    from isd_pipeline.text.tokens import TOKENIZED_NOTES

    stream = RecordStream(TOKENIZED_NOTES, lambda: made_notes(options))
    write_parquet(stream, options.folder / "notes.parquet")
    words = 0
    with (options.folder / "notes.txt").open("w", encoding="utf-8") as file:
        for note in read_notes(options.folder):
            words += len(note)
            file.write(" ".join(note) + "\n")
    return {"words": words}


def made_notes(options: argparse.Namespace) -> Iterator[Any]:
    """Batches of notes of MIMIC-III's lengths: the word of rank r has a share 1 / r of all."""
    import numpy as np
    import pyarrow as pa

    from isd_pipeline.text.tokens import TOKENIZED_NOTES

    random = np.random.default_rng(0)
    names = pa.array(words_by_rank(options.vocabulary), pa.string())
    shares = np.cumsum(1 / np.arange(1, options.vocabulary + 1))
    for first in range(0, options.notes, AT_ONCE):
        ids = [str(n) for n in range(first, min(first + AT_ONCE, options.notes))]
        lengths = np.minimum(random.lognormal(7.17, 0.52, len(ids)), 4_000).astype(np.int32)
        starts = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
        drawn = np.searchsorted(shares, random.random(lengths.sum()) * shares[-1])
        tokens = pa.ListArray.from_arrays(starts, names.take(pa.array(drawn)))
        places = pa.ListArray.from_arrays(starts, pa.array(np.arange(len(drawn)), pa.int32()))
        note_ids, note_starts = [[name] for name in ids], [[0]] * len(ids)
        columns = [ids, ids, tokens, places, places, note_ids, note_starts, note_starts]
        yield from pa.table(columns, names=TOKENIZED_NOTES.names).cast(TOKENIZED_NOTES).to_batches()


def words_by_rank(size: int) -> list[str]:
    return [f"word{number:x}" for number in range(size)]


def vocabulary_of(options: argparse.Namespace) -> Any:
    from isd_pipeline.text.vocabulary import Vocabulary

    return Vocabulary(tuple(sorted(words_by_rank(options.vocabulary))))


def read_notes(folder: Path) -> Iterator[list[str]]:
    from isd_pipeline.data.io.tables import open_parquet

    for batch in open_parquet(folder / "notes.parquet", ["tokens"]):
        yield from batch["tokens"].to_pylist()


def learn_ours(options: argparse.Namespace) -> dict[str, Any]:
    import pyarrow as pa

    from isd_pipeline.data.io.tables import open_parquet
    from isd_pipeline.embeddings.words import WordVectorConfig, learn_word_vectors

    notes = open_parquet(options.folder / "notes.parquet")
    ids = [str(n) for n in range(options.notes)]
    splits = pa.table({"document_id": ids, "split": ["train"] * len(ids)})
    vocabulary = vocabulary_of(options)
    config = WordVectorConfig(epochs=options.epochs, normalised=False)
    return measured(lambda: learn_word_vectors(notes, splits, vocabulary, config, seed=0).matrix)


def learn_from_lists(options: argparse.Namespace) -> dict[str, Any]:
    return learn_plainly(options, sentences=list(read_notes(options.folder)))


def learn_from_file(options: argparse.Namespace) -> dict[str, Any]:
    return learn_plainly(options, corpus_file=str(options.folder / "notes.txt"))


def learn_plainly(options: argparse.Namespace, **corpus: Any) -> dict[str, Any]:
    """gensim alone, with our settings and seed; its vectors in our order, to be compared."""
    from gensim.models import Word2Vec

    from isd_pipeline.embeddings.words import in_order, stable_hash

    vocabulary = vocabulary_of(options)
    settings = {"vector_size": 100, "window": 5, "min_count": 1, "negative": 5, "workers": 1}
    settings |= {"epochs": options.epochs, "seed": 0, "hashfxn": stable_hash}

    def learn() -> Any:
        model = Word2Vec(**corpus, **settings)
        return in_order(model.wv, vocabulary, normalised=False, seed=0)[0]

    return measured(learn)


def measured(learn: Callable[[], Any]) -> dict[str, Any]:
    import gensim.models  # noqa: F401  (its import takes a second, on every side)

    start = time.process_time()
    matrix = learn()
    seconds = time.process_time() - start
    digest = hashlib.sha256(matrix.tobytes()).hexdigest()
    return {"seconds": seconds, "peak_gb": peak_gb(), "vectors": digest}


PARTS = {
    "corpus": write_corpus,
    "ours": learn_ours,
    "lists": learn_from_lists,
    "file": learn_from_file,
}

if __name__ == "__main__":
    main()
