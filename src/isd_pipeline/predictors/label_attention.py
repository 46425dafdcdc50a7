"""What a code attends to in a note, of the systems whose codes read the note for themselves.

Axes: K codes asked for, L all codes, N words of the note, P windows, D width, S sentences.

A model's forward pass gives the attention of every code, [L, N]; for evidence a few codes are
wanted, so here the model's own parts make the states and the attention of those codes alone.
Every softmax runs in fp32 (`label_attention`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.models.caml import CAML, DRCAML, on_words
from isd_pipeline.models.cnn_gru import CNN
from isd_pipeline.models.ha_gru import HAGRU, cut_sentences, lay_out
from isd_pipeline.models.hypercore import HyperCore
from isd_pipeline.models.isd.network import ISD
from isd_pipeline.models.laat import LAAT, JointLAAT
from isd_pipeline.models.layers.graph import label_attention
from isd_pipeline.models.msatt_kg import MSATTKG
from isd_pipeline.models.multirescnn import MultiResCNN
from isd_pipeline.models.plm_icd import PLMCA, PLMICD
from isd_pipeline.predictors.attention import Reading, at_rest, on_device, sentence_begins
from isd_pipeline.shapes import Bool, Float, Int


@dataclass(frozen=True)
class OwnAttention:
    """How the codes of a model read one note.

    attention: of the model, its words [1, N], which of them begin a sentence or None, and codes
    [K], gives [K, N].  windows: of the model, how many words the states are made of, a number for
    each of their equal parts; (1,): an LSTM's state stands for its own word.
    """

    attention: Callable[[Any, Tensor, Tensor | None, Tensor], Tensor]
    windows: Callable[[Any], tuple[int, ...]] = lambda _: (1,)


def has_own_attention(model: nn.Module) -> bool:
    """Whether the codes of the model read the note for themselves, and `code_attention` knows how.

    Not where they share representations (ISD but for `per_label`), nor where nothing attends.
    """
    return type(model) in OWN and not shares_representations(model)


def shares_representations(model: nn.Module) -> bool:
    """Whether codes have no attention of their own but are won by a shared representation."""
    return isinstance(model, ISD) and model.config.representation == "shared"


def code_attention(
    model: nn.Module,
    tokens: Int[np.ndarray, " N"],
    codes: Int[np.ndarray, " K"],
    sentences: Int[np.ndarray, " X"] | None = None,
) -> Float[np.ndarray, "K N"]:
    """What some codes attend to in a note that is read alone; every row sums to 1.

    It is the attention that the forward pass gives, of these codes. A CNN has none: in its stead
    stands what each word's window adds to the code's score, where that is more than nothing; a
    row of a code for which no window speaks is 0.

    `sentences`: the words at which they begin, for a system that reads them (`System.sentences`).
    A model whose codes attend to no word is refused by a ValueError.
    """
    if not has_own_attention(model):
        raise ValueError(f"{type(model).__name__} has no attention of its codes to the words")
    with at_rest(model):
        words = on_device(model, tokens)
        begins = None if sentences is None else sentence_begins(words, sentences)
        asked = torch.from_numpy(codes.astype(np.int64)).to(words.device)
        attention: Tensor = OWN[type(model)].attention(model, words, begins, asked)
        found: np.ndarray = attention.float().cpu().numpy()
    return found


def windows_of(model: nn.Module) -> tuple[int, ...]:
    """How many words a state of the model is made of, a number for each of its equal parts."""
    return OWN[type(model)].windows(model)


def read_codes(
    model: nn.Module,
    tokens: Int[np.ndarray, " N"],
    threshold: float,
    sentences: Int[np.ndarray, " X"] | None = None,
) -> Reading:
    """`read_note` where codes read for themselves: attention of those scored above `threshold`."""
    with at_rest(model):
        words = on_device(model, tokens)
        told = {} if sentences is None else {"begins": sentence_begins(words, sentences)}
        scores: np.ndarray = model(words, words != 0, **told).logits[0].float().cpu().numpy()
    return reading_of_predicted(
        scores, threshold, lambda codes: code_attention(model, tokens, codes, sentences)
    )


def reading_of_predicted(
    scores: Float[np.ndarray, " L"],
    threshold: float,
    attend: Callable[[Int[np.ndarray, " K"]], Float[np.ndarray, "K N"]],
) -> Reading:
    """What codes scored above `threshold` read, as `attend` gives it of the codes it is asked for.

    A row for each, the likeliest first; the winner of every other code is -1.
    """
    order = np.argsort(-scores, kind="stable")
    predicted = order[: int((scores > threshold).sum())]
    winners = np.full(len(scores), -1)
    winners[predicted] = np.arange(len(predicted))
    return Reading(scores, winners, attend(predicted))


def _all(tokens: Tensor) -> Bool[Tensor, "1 N"]:
    """A note that is read alone has no padding."""
    return torch.ones_like(tokens, dtype=torch.bool)


def _caml(model: CAML, tokens: Tensor, begins: Tensor | None, codes: Tensor) -> Tensor:
    is_token = _all(tokens)
    states, is_state = model.encode(model.words(tokens, is_token), is_token)
    attention = label_attention(model.attend.queries[codes], states, is_state)
    return on_words(attention, is_state, tokens.shape[1])[0]


def _dr_caml(model: DRCAML, tokens: Tensor, begins: Tensor | None, codes: Tensor) -> Tensor:
    return _caml(model.caml, tokens, begins, codes)


def _multirescnn(model: MultiResCNN, tokens: Tensor, begins: Any, codes: Tensor) -> Tensor:
    is_token = _all(tokens)
    words = model.words(tokens, is_token)
    states = torch.cat([read(words, is_token) for read in model.filters], dim=2)
    return label_attention(model.attend.queries[codes], states, is_token)[0]


def _laat(model: LAAT | JointLAAT, tokens: Tensor, begins: Any, codes: Tensor) -> Tensor:
    is_token = _all(tokens)
    keys = model.codes.transform(model.read(tokens, is_token)).tanh()
    return label_attention(model.codes.attend.queries[codes], keys, is_token)[0]


def _plm_icd(model: PLMICD, tokens: Tensor, begins: Any, codes: Tensor) -> Tensor:
    is_token = _all(tokens)
    keys = model.transform(model.read(tokens, is_token)).tanh()
    return label_attention(model.attend.queries[codes], keys, is_token)[0]


def _plm_ca(model: PLMCA, tokens: Tensor, begins: Any, codes: Tensor) -> Tensor:
    queries, is_token = model.queries[codes] @ model.to_key.weight, _all(tokens)
    return label_attention(queries, model.read(tokens, is_token), is_token)[0]


def _msatt_kg(model: MSATTKG, tokens: Tensor, begins: Any, codes: Tensor) -> Tensor:
    is_token = _all(tokens)
    hidden = model.weigh(model.encode(F.embedding(tokens, model.words), is_token))
    return label_attention(model.to_query(model.related_codes()[codes]), hidden, is_token)[0]


def _hypercore(model: HyperCore, tokens: Tensor, begins: Any, codes: Tensor) -> Tensor:
    is_token = _all(tokens)
    keys = model.to_key(model.encode(F.embedding(tokens, model.words), is_token)).tanh()
    return label_attention(model.codes[codes], keys, is_token)[0]


def _per_label(model: ISD, tokens: Tensor, begins: Any, codes: Tensor) -> Tensor:
    hidden, own = model.read(tokens, _all(tokens)), model.each_label
    queries = own.queries[codes] * (own.temperature / hidden.shape[-1] ** 0.5)
    return label_attention(queries, hidden, _all(tokens))[0]


def _ha_gru(model: HAGRU, tokens: Tensor, begins: Tensor | None, codes: Tensor) -> Tensor:
    """The code's attention to the word's sentence times the word's weight there."""
    longest = model.piece if begins is None else model.longest
    starts, place = cut_sentences(_all(tokens), begins, longest)
    sentence, place = starts[0].cumsum(dim=0) - 1, place[0]
    apart, is_word = lay_out(F.embedding(tokens[0], model.words), sentence, place)
    found, shares = model.attend_words(model.read_words(apart, is_word)[0], is_word)
    is_sentence = torch.ones_like(found[None, :, 0], dtype=torch.bool)
    keys = model.to_key(model.read_sentences(found[None], is_sentence)[0]).tanh()
    attention = label_attention(model.codes[codes], keys, is_sentence)[0]  # K S
    return attention[:, sentence] * shares[sentence, place]


def _cnn(model: CNN, tokens: Tensor, begins: Any, codes: Tensor) -> Tensor:
    """Each channel is what one window won; a window's part of the score is that of its channels."""
    is_token = _all(tokens)
    states, is_state = model.encode(model.words(tokens, is_token), is_token)
    greatest, where = states[0, is_state[0]].max(dim=0)  # D
    added = model.score.weight[codes] * greatest  # K D
    middle = (where + model.encode.size // 2).clamp(max=tokens.shape[1] - 1)
    parts = added.new_zeros(len(codes), tokens.shape[1]).index_add_(1, middle, added)
    parts.clamp_(min=0)
    return parts / parts.sum(dim=1, keepdim=True).clamp(min=torch.finfo(parts.dtype).tiny)


def _sizes_of_residual_filters(model: MultiResCNN) -> tuple[int, ...]:
    """A filter's state is the sum of one convolution of the words and of one of two more of it."""
    filters: Any = model.filters
    sizes = [read.first.size for read in filters]
    return tuple(words for size in sizes for words in (size, 3 * size - 2))


def _sizes_of_scales(model: MSATTKG) -> tuple[int, ...]:
    """Scale k sees k (size - 1) + 1 words."""
    convolutions: Any = model.encode.convolutions
    (size,) = convolutions[0].kernel_size
    return tuple(k * (size - 1) + 1 for k in range(1, len(convolutions) + 1))


OWN: dict[type[nn.Module], OwnAttention] = {
    ISD: OwnAttention(_per_label, lambda model: model.config.kernel_sizes),
    CAML: OwnAttention(_caml, lambda model: (model.encode.size,)),
    DRCAML: OwnAttention(_dr_caml, lambda model: (model.caml.encode.size,)),
    MultiResCNN: OwnAttention(_multirescnn, _sizes_of_residual_filters),
    LAAT: OwnAttention(_laat),
    JointLAAT: OwnAttention(_laat),
    HAGRU: OwnAttention(_ha_gru),
    MSATTKG: OwnAttention(_msatt_kg, _sizes_of_scales),
    HyperCore: OwnAttention(_hypercore, lambda model: model.encode.convolutions[0].kernel_size),
    PLMICD: OwnAttention(_plm_icd),
    PLMCA: OwnAttention(_plm_ca),
    CNN: OwnAttention(_cnn, lambda model: (model.encode.size,)),
}
