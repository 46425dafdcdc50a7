"""Documents whose marked phrases name their codes, with phrases that nobody marked between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from isd_pipeline.predictors.base import Fitted, Options, TrainingData
from isd_pipeline.predictors.mentions.predictor import MentionConfig, fit
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.mentions import Mentions, of_columns
from isd_pipeline.text.vocabulary import Vocabulary
from tests.coding.tiny import CODES

SEPSIS, PNEUMONIA, FEVER, CHEST_PAIN, NUTRITION = range(5)  # no document has the last
PHRASES = {
    SEPSIS: ("with sépsis", "with sepsis"),
    PNEUMONIA: ("acute pneumonia", "pneumonias"),
    FEVER: ("fever", "high temperature"),
    CHEST_PAIN: ("chest pain", "pain of the left chest"),
}
ASIDE = ("the family", "a walk", "no complaint", "naïve", "the chest", "of the left", "3 days")
SMALL = MentionConfig(trees=12, depth=2, rate=0.3, folds=4)
OPTIONS = Options(seed=1, dev_figures=lambda gold, scores: {})


@dataclass(frozen=True)
class Marked:
    """A document: its words, its codes, and of each mention its code and its parts."""

    words: list[str]
    codes: tuple[int, ...]
    mentions: tuple[tuple[int, tuple[tuple[int, int], ...]], ...]


def marked(number: int) -> Marked:
    """Two codes of four a document; what is said of a third is denied and not coded."""
    draw, words, mentions = np.random.default_rng(number), [], []
    codes = sorted({number % 4, (number // 4) % 4})
    for code in codes:
        words += ASIDE[int(draw.integers(len(ASIDE)))].split()
        phrase = PHRASES[code][int(draw.integers(2))].split()
        mentions.append((code, ((len(words), len(words) + len(phrase)),)))
        words += phrase
    if number % 3 == 0:
        words += ["no", *PHRASES[(number + 2) % 4][0].split(), "today"]
    return Marked(words, tuple(codes), tuple(mentions))


def documents_of(those: Sequence[Marked], first: int = 0) -> Documents:
    words = [1] * sum(len(one.words) for one in those)
    return Documents(
        ids=np.array([str(first + n) for n in range(len(those))]),
        tokens=np.array(words, dtype=np.int32),
        token_starts=np.cumsum([0, *(len(one.words) for one in those)]),
        labels=np.array([code for one in those for code in one.codes], dtype=np.int32),
        label_starts=np.cumsum([0, *(len(one.codes) for one in those)]),
    )


def mentions_of(those: Sequence[Marked]) -> Mentions:
    rows = [
        (document, code, number, *part)
        for document, one in enumerate(those)
        for number, (code, parts) in enumerate(one.mentions)
        for part in parts
    ]
    return of_columns(np.array(sorted(rows), dtype=np.int64).reshape(-1, 5).T)


TRAIN = [marked(n) for n in range(40)]
OTHERS = [marked(n) for n in range(40, 60)]


def data_of(
    train: Sequence[Marked] = TRAIN, dev: Documents | None = None, **more: Any
) -> TrainingData:
    """Documents to learn from, and twenty others to score; `dev` are others, or some of train."""
    words = {"train": [one.words for one in train], "test": [one.words for one in OTHERS]}
    words["dev"] = words["test"] if dev is None else words["train"][: len(dev)]
    dev = documents_of(OTHERS, 1_000) if dev is None else dev
    of_splits = {"train": documents_of(train), "test": documents_of(OTHERS, 2_000), "dev": dev}
    found = TrainingData(
        documents=of_splits,
        codes=CODES,
        vocabulary=vocabulary_of(train),
        revision="icd9",
        language="en",
        tokeniser="numerals",
        vectors=unwanted,
        words=lambda: words,
        mentions=lambda: mentions_of(train),
    )
    return replace(found, **more)


def vocabulary_of(those: Sequence[Marked]) -> Vocabulary:
    return Vocabulary(tuple(sorted({word for one in those for word in one.words})), "numerals")


def unwanted() -> None:
    raise AssertionError("no word vectors are read")


def fitted(data: TrainingData | None = None, config: MentionConfig = SMALL) -> Fitted:
    return fit("mention_dictionary", {"model": config}, data or data_of(), OPTIONS)


def dictionary() -> tuple[dict[str, Any], Mapping[str, Tensor]]:
    """Settings and weights, as a training keeps them."""
    found = fitted()
    return dict(found.settings), dict(found.weights)
