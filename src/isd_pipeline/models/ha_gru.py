"""HA-GRU: words make sentences, and each code reads the note by sentences (Baumel et al., 2018).

Where it differs from its authors' code is in `docs/readings.md`. Axes: B notes, N tokens, X
sentences of all notes, T words of the longest of them, S sentences of a note, E word width, U
units of both directions of a GRU, A attention width, L codes, K values laid in R rows of C columns.
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.models.layers.axes import Codes, Mask, Tokens
from isd_pipeline.models.layers.encoders import Recurrent
from isd_pipeline.models.layers.label_attention import LabelOutput, by_labels, label_attention
from isd_pipeline.models.layers.parts import refuse_below, refuse_share
from isd_pipeline.models.system import System, Trial, of_words_and_codes
from isd_pipeline.shapes import Bool, Float, Int
from isd_pipeline.training.draws import rows_are
from isd_pipeline.training.kernels import NEVER, Dropout, widened


@dataclass(frozen=True, kw_only=True)
class HAGRUConfig:
    """Sizes of the authors' code; their word vectors are 128 wide.

    A note whose sentences are not known is cut into pieces of `piece` words. A sentence of more
    than `longest_sentence` words is cut too, lest one endless list fill the memory.
    """

    units: int = 128  # of each direction of both GRUs
    attention: int = 128
    dropout: float = 0.1  # of word vectors, states of both GRUs, and what codes read
    piece: int = 20
    longest_sentence: int = 100

    def __post_init__(self) -> None:
        refuse_below(self, units=1, attention=1, piece=1, longest_sentence=1)
        refuse_share(self, "dropout")


class WordAttention(nn.Module):
    """A sentence is what one attention finds among its words: softmax_t(<v, tanh(W h_t)>)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.to_key = nn.Linear(inputs, width)
        self.query = nn.Linear(width, 1, bias=False)

    def forward(
        self, words: Float[Tensor, "X T U"], is_word: Bool[Tensor, "X T"]
    ) -> tuple[Tensor, Tensor]:
        """Give the sentences, [X, U], and the weights of their words, [X, T]."""
        scores = widened(self.query(self.to_key(words).tanh())[..., 0])
        weights = scores.masked_fill(~is_word, NEVER).softmax(dim=-1)
        return (weights[:, None] @ words)[:, 0], weights


class Sentences(NamedTuple):
    """The sentences of some notes, and how their words stand in them.

    states: [B, S, U].  keys: [B, S, A].  is_sentence: [B, S].  of_word: [B, N], which sentence a
    word is in.  share: [B, N], a word's weight there.
    """

    states: Tensor
    keys: Tensor
    is_sentence: Tensor
    of_word: Tensor
    share: Tensor

    def on_words(self, attention: Float[Tensor, "B L S"]) -> Float[Tensor, "B L N"]:
        """Attention to a word: that to its sentence times the word's weight there."""
        of_word = self.of_word[:, None].expand(-1, attention.shape[1], -1)
        return attention.gather(2, of_word) * self.share[:, None]


class HAGRU(nn.Module):
    """Each code reads a note sentence by sentence.

        z_l = <w_l, S^T softmax(tanh(S W) v_l)> + b_l        S the states of the note's sentences

    The authors' W is another for every code, 305 million parameters for 8,921 codes; ours is
    shared, 10.7 million. Their two-class softmax of a code is our one logit.
    """

    windows = (1,)

    def __init__(self, config: HAGRUConfig, words: Float[Tensor, "V E"], n_codes: int) -> None:
        super().__init__()
        both = 2 * config.units
        self.piece, self.longest = config.piece, config.longest_sentence
        self.words = nn.Parameter(words.float().clone())
        self.dropout = Dropout(config.dropout)
        self.read_words = Recurrent(nn.GRU, words.shape[1], config.units)
        self.attend_words = WordAttention(both, config.attention)
        self.read_sentences = Recurrent(nn.GRU, both, config.units)
        self.to_key = nn.Linear(both, config.attention, bias=False)
        self.codes = nn.Parameter(torch.empty(n_codes, config.attention))
        self.score = nn.Linear(both, n_codes)
        nn.init.xavier_uniform_(self.codes)

    def forward(
        self, tokens: Tokens, is_token: Mask, begins: Bool[Tensor, "B N"] | None = None
    ) -> LabelOutput:
        """Score every code for every note; a note has at least one token.

        `begins` says at which tokens sentences begin.
        """
        some_codes = partial(self._some_codes, self._read(tokens, is_token, begins))
        return LabelOutput(by_labels(some_codes, self.codes, self.score.weight, self.score.bias))

    def attention_of(
        self,
        tokens: Tokens,
        is_token: Mask,
        codes: Codes,
        begins: Bool[Tensor, "1 N"] | None = None,
    ) -> Float[Tensor, "K N"]:
        """What some codes attend to in one note."""
        read = self._read(tokens, is_token, begins)
        return read.on_words(label_attention(self.codes[codes], read.keys, read.is_sentence))[0]

    def _read(self, tokens: Tensor, is_token: Tensor, begins: Tensor | None) -> Sentences:
        longest = self.piece if begins is None else self.longest
        starts, place = cut_sentences(is_token, begins, longest)
        number = starts.cumsum(dim=1) - 1  # of a word's sentence, in its note
        row = (starts.flatten().cumsum(dim=0).view_as(place) - 1)[is_token]  # among all
        column = place[is_token]
        words = self.dropout(F.embedding(tokens, self.words, padding_idx=0))
        apart, is_word = lay_out(words[is_token], row, column)
        of_note = starts.nonzero()[:, 0]
        with rows_are(number[starts], of_note):
            read = self.dropout(self.read_words(apart, is_word)[0])
        found, shares = self.attend_words(read, is_word)
        sentences, is_sentence = lay_out(found, of_note, number[starts])
        states = self.dropout(self.read_sentences(sentences, is_sentence)[0])
        share = shares.new_zeros(is_token.shape)
        share[is_token] = shares[row, column]
        return Sentences(states, self.to_key(states).tanh(), is_sentence, number, share)

    def _some_codes(self, read: Sentences, codes: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Logits of some of the codes."""
        attention = label_attention(codes, read.keys, read.is_sentence)
        found = self.dropout(attention @ read.states)
        return widened((found * weight).sum(dim=-1) + bias)


def cut_sentences(
    is_token: Mask, begins: Bool[Tensor, "B N"] | None, longest: int
) -> tuple[Tensor, Tensor]:
    """Which tokens begin a sentence, [B, N], none longer than `longest`; each one's place in it."""
    column = torch.arange(is_token.shape[1], device=is_token.device).expand(is_token.shape)
    begins = column == 0 if begins is None else begins | (column == 0)
    latest = (column * begins).cummax(dim=1).values
    place = (column - latest) % longest
    return is_token & (place == 0), place


def lay_out(
    values: Float[Tensor, "K D"], rows: Int[Tensor, " K"], columns: Int[Tensor, " K"]
) -> tuple[Tensor, Tensor]:
    """Values at their places, [R, C, D], 0 elsewhere; which places have one, [R, C]."""
    shape = int(rows.max()) + 1, int(columns.max()) + 1
    laid = values.new_zeros(*shape, values.shape[1])
    is_there = torch.zeros(shape, dtype=torch.bool, device=values.device)
    laid[rows, columns], is_there[rows, columns] = values, True
    return laid, is_there


SYSTEMS = {
    "ha_gru": System(
        model_config=HAGRUConfig,
        make_model=of_words_and_codes(HAGRU),
        sized_by=("words", "codes"),
        small={"units": 4, "attention": 5},
        trial=Trial({"units": 32, "attention": 32}, epochs=7),
        sentences=True,
    )
}
