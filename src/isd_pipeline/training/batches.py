"""Documents into padded batches; their order in an epoch is a function of (seed, epoch) alone.

Axes: D documents, B documents of a batch, N tokens of the longest of them, G gold codes of the
one that has most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.shapes import Bool, Int
from isd_pipeline.training.transfer import send

if TYPE_CHECKING:
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.mentions import Mentions

BATCHES_IN_A_POOL = 50
LENGTH_NOISE = 0.05  # lengths count as up to 5 % more or less: neighbours change every epoch


@dataclass(frozen=True, eq=False)
class Marks:
    """The words of a batch's notes that people marked as naming a code, of codes that have any.

    codes: [B, K], code numbers ascending, then -1.  words: [B, K, N], in a row of a code one
    marked word at least.
    """

    codes: Int[Tensor, "B K"]
    words: Bool[Tensor, "B K N"]

    def to(self, device: torch.device) -> Marks:
        """The same on another device."""
        return Marks(send(self.codes, device), send(self.words, device))


@dataclass(frozen=True, eq=False)
class Batch:
    """Some documents side by side.

    tokens: [B, N], token ids, 0 is padding.  gold: [B, G], code numbers ascending, then -1;
    it stays on the host, where objectives draw from it.  rows: [B], where the documents stand
    among all.  begins: [B, N], the tokens at which sentences begin, where a system asks for them.
    marks: of gold codes, where an objective learns from them.  laid: what an objective has made
    of the batch ahead of its step, if anything.
    """

    tokens: Int[Tensor, "B N"]
    gold: Int[Tensor, "B G"]
    rows: np.ndarray
    begins: Bool[Tensor, "B N"] | None = None
    marks: Marks | None = None
    laid: Any = None

    @property
    def is_token(self) -> Bool[Tensor, "B N"]:
        """False where a shorter document is padded."""
        return self.tokens != 0

    def to(self, device: torch.device | str) -> Batch:
        """The same batch, what is read of it on another device: copied while a GPU computes."""
        device = torch.device(device)
        begins = None if self.begins is None else send(self.begins, device)
        marks = None if self.marks is None else self.marks.to(device)
        return replace(self, tokens=send(self.tokens, device), begins=begins, marks=marks)


@dataclass(frozen=True, eq=False)
class Batches:
    """The batches of a list of rows, made one at a time while one iterates, again and again.

    `sentences` and `mentions` are those of `collate`.
    """

    documents: Documents
    rows: Sequence[np.ndarray]
    max_tokens: int
    sentences: bool = False
    mentions: Mentions | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Batch]:
        for rows in self.rows:
            yield collate(
                *(self.documents, rows, self.max_tokens),
                sentences=self.sentences,
                mentions=self.mentions,
            )


def training_batches(
    documents: Documents,
    batch_size: int,
    max_tokens: int,
    *,
    seed: int,
    epoch: int,
    sentences: bool = False,
    mentions: Mentions | None = None,
    among: np.ndarray | None = None,
) -> Batches:
    """One epoch: every document once, in an order that (seed, epoch) gives.

    `among`: the rows of the documents that are read, where these are not all.
    """
    lengths = np.minimum(documents.lengths, max_tokens)
    lengths = lengths if among is None else lengths[among]
    rows = epoch_batches(lengths, batch_size, seed=seed, epoch=epoch)
    rows = rows if among is None else [among[some] for some in rows]
    return Batches(documents, rows, max_tokens, sentences=sentences, mentions=mentions)


def epoch_batches(
    lengths: np.ndarray, batch_size: int, *, seed: int, epoch: int
) -> list[np.ndarray]:
    """Shuffled batches of documents of similar length, as rows; every row once.

    The documents are shuffled and taken in pools of some 50 batches. A pool is sorted by length,
    with noise, and cut into batches; then the batches of all pools are shuffled.
    """
    generator = np.random.default_rng((seed, epoch))
    order = generator.permutation(len(lengths))
    noise = generator.uniform(1 - LENGTH_NOISE, 1 + LENGTH_NOISE, len(lengths))
    batches = []
    for pool in _parts(order, batch_size * BATCHES_IN_A_POOL):
        by_length = pool[np.argsort(lengths[pool] * noise[pool], kind="stable")]
        batches += _parts(by_length, batch_size)
    return [batches[i] for i in generator.permutation(len(batches))]


def ordered_batches(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Batches in order of length, longest first: what does not fit in memory fails at once."""
    return _parts(np.argsort(-lengths, kind="stable"), batch_size)


def collate(
    documents: Documents,
    rows: np.ndarray,
    max_tokens: int,
    *,
    sentences: bool = False,
    mentions: Mentions | None = None,
) -> Batch:
    """Pad some documents to the longest of them.

    Args:
        documents: where the rows stand.
        rows: which documents, [B].
        max_tokens: a longer document loses what is beyond.
        sentences: say where sentences begin.
        mentions: say which words these mark, of the documents' gold codes; none beyond max_tokens.
    """
    starts = documents.token_starts[rows]
    kept = np.minimum(documents.token_starts[rows + 1] - starts, max_tokens)
    tokens = np.zeros((len(rows), max(kept, default=0)), dtype=np.int64)
    for padded, start, keep in zip(tokens, starts, kept, strict=True):
        padded[:keep] = documents.tokens[start : start + keep]
    gold = torch.from_numpy(_gold(documents, rows))
    begins = _begins(documents, rows, kept) if sentences else None
    marks = None if mentions is None else _marks(mentions, rows, kept)
    return Batch(torch.from_numpy(tokens), gold, rows, begins, marks)


def rung(size: int, an_octave: int = 1) -> int:
    """The next of a few sizes: powers of two, and between two of them equal steps."""
    below = 1 << max(0, (size - 1).bit_length() - 1)
    step = max(1, below // an_octave)
    return -(-size // step) * step


def in_few_shapes(batch: Batch) -> Batch:
    """The same notes, padded further, so that the batches of an epoch have few shapes.

    Words go to the next of four sizes an octave, which adds a tenth, codes to a power of two.
    """
    words = rung(batch.tokens.shape[1], 4) - batch.tokens.shape[1]
    codes = rung(batch.gold.shape[1]) - batch.gold.shape[1]
    begins, marks = batch.begins, batch.marks
    if marks is not None:
        marked = rung(marks.codes.shape[1]) - marks.codes.shape[1]
        marks = Marks(
            F.pad(marks.codes, (0, marked), value=-1), F.pad(marks.words, (0, words, 0, marked))
        )
    return replace(
        batch,
        tokens=F.pad(batch.tokens, (0, words)),
        gold=F.pad(batch.gold, (0, codes), value=-1),
        begins=None if begins is None else F.pad(begins, (0, words)),
        marks=marks,
    )


def read(model: nn.Module, batch: Batch) -> Any:
    """What a model makes of a batch; where it asked for sentences it is told of them."""
    if batch.begins is None:
        return model(batch.tokens, batch.is_token)
    return model(batch.tokens, batch.is_token, begins=batch.begins)


def marks_of(batch: Batch) -> Marks:
    """The marks of a batch that an objective learns from."""
    if batch.marks is None:
        raise ValueError("attention is to be learned from marks, and the batch has none")
    return batch.marks


def marked_rows(batch: Batch) -> int:
    """How many pairs of a note and a code have marked words, over which attention is a mean."""
    return int(marks_of(batch).words.any(dim=-1).sum())


def _begins(documents: Documents, rows: np.ndarray, kept: np.ndarray) -> Bool[Tensor, "B N"]:
    """At which of the kept tokens sentences begin."""
    begins = np.zeros((len(rows), max(kept, default=0)), dtype=bool)
    for begin, row, keep in zip(begins, rows, kept, strict=True):
        starts = documents.sentences_of(row)
        begin[starts[starts < keep]] = True
    return torch.from_numpy(begins)


def _marks(mentions: Mentions, rows: np.ndarray, kept: np.ndarray) -> Marks:
    """The marks among the kept tokens; of a code that has none there, nothing."""
    found: list[dict[int, np.ndarray]] = [{} for _ in rows]
    n_words = max(kept, default=0)
    for of_note, row, keep in zip(found, rows, kept, strict=True):
        mine = mentions.of_document(int(row))
        for code, first, last in zip(mine.code, mine.first, mine.last, strict=True):
            if first < keep:
                of_code = of_note.setdefault(int(code), np.zeros(n_words, dtype=bool))
                of_code[first : min(last, keep)] = True
    codes = np.full((len(rows), max([1, *map(len, found)])), -1, dtype=np.int64)
    words = np.zeros((*codes.shape, n_words), dtype=bool)
    for n, of_note in enumerate(found):
        for k, (code, of_code) in enumerate(of_note.items()):
            codes[n, k], words[n, k] = code, of_code
    return Marks(torch.from_numpy(codes), torch.from_numpy(words))


def _gold(documents: Documents, rows: np.ndarray) -> np.ndarray:
    labels = [documents.labels_of(int(row)) for row in rows]
    gold = np.full((len(rows), max([1, *map(len, labels)])), -1, dtype=np.int64)
    for i, codes in enumerate(labels):
        gold[i, : len(codes)] = codes
    return gold


def _parts(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
