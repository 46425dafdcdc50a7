"""Which words of two versions of a document, such as a text and its translation, are the same.

IBM Model 1 (Brown et al., 1993) learns from many pairs of texts how words are translated. It knows
nothing of places; here a word may be linked only to words near the place that corresponds to its
own, and near ones are likelier, as in fast_align (Dyer et al., 2013). That place is first the one
on the diagonal, moved by the words around it that both texts have ("portal", "1998"), and then by
the links around it as well. Both directions are learned together: what counts, and what a link
weighs at last, is the product of what each says (Liang et al., 2006). A word may have no partner
(the empty word of Model 1), which is as likely for all, so that what a translation left out is not
linked to whatever stands there.

Words are compared by their first six letters, small and without accents, which is most of a stem
in Spanish and in English.

Axes: D documents, S words of all first versions in a row, T of all second ones, P pairs of words
that may be linked, K distinct pairs of spellings, W links.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from isd_pipeline.shapes import Bool, Float, Int

LETTERS = 6
PASSES = 6
FAR = 30  # words from the diagonal at which shared words are looked for
NEAR = 14  # words from the corresponding place at which a word may be linked
DECAY = 4.0  # words over which a link becomes less likely by the factor e
NONE = 0.005  # probability of the empty word
AROUND = 15  # words on either side whose links move the corresponding place of a word
LEAST = 0.02  # weight of a link that is kept
_SHARED = 4  # letters of a word that both texts have; numerals may be shorter
_SURE = 0.3  # weight from which a link moves places
_UNSEEN = 1e-6  # probability of a translation that was not learned
_FEW = 0.01  # added to the count of a spelling
_AT_ONCE = 40_000  # first words that are looked at together


@dataclass(frozen=True)
class Texts:
    """The words of documents. word: number of its spelling, [S].  starts: first word of each
    document, [D+1].  places: begin and end of each word in its text, in code points, [S, 2].
    """

    word: Int[np.ndarray, " S"]
    starts: Int[np.ndarray, " D+1"]
    places: Int[np.ndarray, "S 2"]

    @property
    def document(self) -> Int[np.ndarray, " S"]:
        """Of each word its document."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


class Links(NamedTuple):
    """Pairs of words, ascending; both numbers count the words of all documents.  weight: to 1."""

    first: Int[np.ndarray, " W"]
    second: Int[np.ndarray, " W"]
    weight: Float[np.ndarray, " W"]


@dataclass(frozen=True)
class Alignment:
    """Two versions of the same documents, and which of their words are linked."""

    first: Texts
    second: Texts
    links: Links

    def of_words(self, begin: int, end: int) -> Links:
        """The links of the first words from `begin` to before `end`."""
        here = slice(*np.searchsorted(self.links.first, (begin, end)))
        return Links(*(column[here] for column in self.links))


def align(
    first: Sequence[str], second: Sequence[str], learned_from: Bool[np.ndarray, " D"]
) -> Alignment:
    """Link the words of document n of `first` and of `second`; only some are learned from.

    The same texts always give the same links. A million words take less than a minute and 1.3 GB.

    Raises ValueError unless `second` and `learned_from` are as many as `first`.
    """
    if not len(first) == len(second) == len(learned_from):
        told = f"{len(first)} first texts, {len(second)} second, {len(learned_from)} learned_from"
        raise ValueError(f"{told}: give both versions of each document, and whether to learn of it")
    numbers: dict[str, int] = {}
    one, other = _read(first, numbers), _read(second, numbers)
    diagonal = _diagonal(one, other)
    anchors = _shared_words(one, other, diagonal, _telling(numbers))
    centre = diagonal + _shift(anchors, one)
    pairs = _Pairs.near(one, other, centre, len(numbers))
    table, learned = _Table.even(len(pairs.spellings[0])), learned_from[one.document]
    for _ in range(PASSES):
        counts, moves = _expect(pairs, table, centre, diagonal, learned)
        table = _Table.of_counts(counts, pairs.spellings, len(numbers))
        centre = diagonal + _shift(anchors + moves, one)
    return Alignment(one, other, _links(pairs, table, centre))


def _read(texts: Sequence[str], numbers: dict[str, int]) -> Texts:
    """The words of texts; a spelling that is not among `numbers` gets the next one."""
    words = [list(re.finditer(r"\w+", text)) for text in texts]
    number = [numbers.setdefault(_spelled(one[0]), len(numbers)) for of in words for one in of]
    places = [one.span() for of in words for one in of]
    return Texts(
        np.array(number, dtype=np.int64),
        np.cumsum([0, *map(len, words)]),
        np.array(places, dtype=np.int64).reshape(-1, 2),
    )


@cache
def _spelled(word: str) -> str:
    parts = unicodedata.normalize("NFKD", word.lower())
    return "".join(letter for letter in parts if not unicodedata.combining(letter))[:LETTERS]


def _telling(spellings: Iterable[str]) -> Bool[np.ndarray, " spellings"]:
    """Whether a spelling that both texts have is likely to be the same word."""
    return np.array([len(one) >= _SHARED or one.isdigit() for one in spellings], dtype=bool)


def _diagonal(one: Texts, other: Texts) -> Float[np.ndarray, " S"]:
    """Of each first word the second word that stands as far into the document."""
    of = one.document
    into = (np.arange(len(of)) - one.starts[of] + 0.5) / np.diff(one.starts)[of]
    return other.starts[of] + into * np.diff(other.starts)[of] - 0.5


def _shared_words(
    one: Texts, other: Texts, diagonal: Float[np.ndarray, " S"], telling: Bool[np.ndarray, " A"]
) -> Float[np.ndarray, "2 S"]:
    """What the words that both texts have tell of places, as `_shift` reads it."""
    tells = np.zeros((2, len(one.word)))
    words = np.flatnonzero(telling[one.word] & np.isin(one.word, other.word))
    for some in np.split(words, range(_AT_ONCE, len(words), _AT_ONCE)):
        first, second = _band(some, *_around(one, other, diagonal, FAR)[:, some])
        same = one.word[first] == other.word[second]
        first, second = first[same], second[same]
        share = 1 / np.bincount(first, minlength=tells.shape[1])[first]
        tells[0] += np.bincount(first, share, tells.shape[1])
        tells[1] += np.bincount(first, share * (second - diagonal[first]), tells.shape[1])
    return tells


def _shift(tells: Float[np.ndarray, "2 S"], texts: Texts) -> Float[np.ndarray, " S"]:
    """How far from the diagonal the words around each word are linked, on average.

    tells: of each word the sum of the weights of its links; that of weight times distance. A weight
    of 1 at distance 0 is added, so that few links move little.
    """
    place, of = np.arange(tells.shape[1]), texts.document
    begin = np.maximum(place - AROUND, texts.starts[of])
    end = np.minimum(place + AROUND + 1, texts.starts[of + 1])
    sums = np.concatenate([np.zeros((2, 1)), tells.cumsum(axis=1)], axis=1)
    weight, distance = sums[:, end] - sums[:, begin]
    return distance / (weight + 1)


def _around(
    one: Texts, other: Texts, centre: Float[np.ndarray, " S"], width: int
) -> Int[np.ndarray, "2 S"]:
    """Of each first word the second words within `width` of its centre: first, and behind last."""
    borders = other.starts[one.document], other.starts[one.document + 1]
    low = np.clip(np.ceil(centre - width).astype(np.int64), *borders)
    high = np.clip(np.floor(centre + width).astype(np.int64) + 1, *borders)
    return np.stack([low, high])


def _band(
    words: Int[np.ndarray, " X"], low: Int[np.ndarray, " X"], high: Int[np.ndarray, " X"]
) -> tuple[Int[np.ndarray, " P"], Int[np.ndarray, " P"]]:
    """The pairs of each word with the words from low to before high."""
    often = high - low
    within = np.arange(often.sum()) - np.repeat(often.cumsum() - often, often)
    return np.repeat(words, often), within + np.repeat(low, often)


class _Block(NamedTuple):
    """The pairs of some whole documents, ascending, and the number of each one's spellings."""

    first: Int[np.ndarray, " P"]
    second: Int[np.ndarray, " P"]
    spelling: Int[np.ndarray, " P"]


@dataclass(frozen=True)
class _Pairs:
    """All pairs that may be linked. spellings: the distinct ones, number of the first and second.

    low, high: [S], as `_around` gives them.  spelling: of each pair, by block.
    """

    blocks_of_words: Sequence[Int[np.ndarray, " X"]]
    around: Int[np.ndarray, "2 S"]
    spelling: Sequence[Int[np.ndarray, " P"]]
    spellings: tuple[Int[np.ndarray, " K"], Int[np.ndarray, " K"]]

    @classmethod
    def near(
        cls, one: Texts, other: Texts, centre: Float[np.ndarray, " S"], n_spellings: int
    ) -> "_Pairs":
        """Those within NEAR of the places that correspond to words."""
        around = _around(one, other, centre, NEAR)
        at = one.starts[np.searchsorted(one.starts, range(0, len(centre), _AT_ONCE))]
        words = np.split(np.arange(len(centre)), np.unique(at)[1:])
        kinds = []
        for some in words:
            first, second = _band(some, *around[:, some])
            key = one.word[first] * n_spellings + other.word[second]
            kinds.append(np.unique(key, return_inverse=True))
        known = np.unique(np.concatenate([kind for kind, _ in kinds]))
        spelling = [np.searchsorted(known, kind).astype(np.int32)[n] for kind, n in kinds]
        return cls(words, around, spelling, np.divmod(known, n_spellings))

    def blocks(self) -> Iterator[_Block]:
        """Some documents after the other: the pairs of all of them would not fit into memory."""
        for words, spelling in zip(self.blocks_of_words, self.spelling, strict=True):
            yield _Block(*_band(words, *self.around[:, words]), spelling)


class _Table(NamedTuple):
    """How likely a second word is translated by the first (`back`), and the reverse (`forth`)."""

    forth: Float[np.ndarray, " K"]
    back: Float[np.ndarray, " K"]

    @classmethod
    def even(cls, size: int) -> "_Table":
        """All translations alike."""
        return cls(np.ones(size, dtype=np.float32), np.ones(size, dtype=np.float32))

    @classmethod
    def of_counts(
        cls,
        counts: Float[np.ndarray, " K"],
        spellings: tuple[Int[np.ndarray, " K"], Int[np.ndarray, " K"]],
        n_spellings: int,
    ) -> "_Table":
        """By how often two spellings were linked."""
        totals = [np.bincount(of, counts, n_spellings)[of] + _FEW for of in spellings]
        forth, back = (np.maximum(counts / total, _UNSEEN) for total in reversed(totals))
        return cls(forth.astype(np.float32), back.astype(np.float32))


def _weights(
    block: _Block, table: _Table, centre: Float[np.ndarray, " S"]
) -> Float[np.ndarray, " P"]:
    """The share of each pair among those of its first word times that among its second word's."""
    near = np.exp(-np.abs(block.second - centre[block.first]) / DECAY)
    forth, back = (of[block.spelling] * near for of in table)
    shares = forth / (_totals(block.first, forth) + NONE)
    return shares * back / (_totals(block.second, back) + NONE)


def _expect(
    pairs: _Pairs,
    table: _Table,
    centre: Float[np.ndarray, " S"],
    diagonal: Float[np.ndarray, " S"],
    learned: Bool[np.ndarray, " S"],
) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, "2 S"]]:
    """How often two spellings are linked where it is learned, and what links tell of places."""
    counts, moves = np.zeros(len(table.forth)), np.zeros((2, len(centre)))
    for block in pairs.blocks():
        weight = _weights(block, table, centre)
        counts += np.bincount(block.spelling, weight * learned[block.first], len(counts))
        sure = weight > _SURE
        word, weight = block.first[sure], weight[sure]
        moves[0] += np.bincount(word, weight, len(centre))
        moves[1] += np.bincount(word, weight * (block.second[sure] - diagonal[word]), len(centre))
    return counts, moves


def _links(pairs: _Pairs, table: _Table, centre: Float[np.ndarray, " S"]) -> Links:
    """The pairs that weigh enough."""
    found = []
    for block in pairs.blocks():
        weight = _weights(block, table, centre)
        kept = weight >= LEAST
        found.append((block.first[kept], block.second[kept], weight[kept]))
    return Links(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _totals(
    words: Int[np.ndarray, " P"], values: Float[np.ndarray, " P"]
) -> Float[np.ndarray, " P"]:
    """Of each pair the sum over the pairs of the same word."""
    word = words - words.min(initial=0)
    return np.bincount(word, values)[word]
