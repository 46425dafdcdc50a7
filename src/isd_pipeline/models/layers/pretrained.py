"""A pretrained BERT or RoBERTa in place of word vectors and convolutions: one state a word.

The model reads our own words: a table gives each its pieces by the model's tokenizer. The pieces
of a note are laid end to end and cut into chunks, which are read one by one; a word's state is the
mean of its pieces' states, be they in one chunk or two. So attention and evidence stay per word.

Axes: B notes, N words, V words known, P pieces of a word, K chunks of all notes, W pieces of the
longest chunk, S = 3 pieces at its borders, D width of the model's states.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.embeddings.pretrained import FAMILIES, Pretrained, import_transformers
from isd_pipeline.models.layers.axes import Mask, Tokens
from isd_pipeline.models.layers.parts import refuse_below, refuse_share
from isd_pipeline.models.system import Initialisation
from isd_pipeline.shapes import Float, Int
from isd_pipeline.training.draws import own_stream
from isd_pipeline.training.kernels import widened

DESCRIPTIONS_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class PretrainedConfig:
    """Which model, and how a note is read by it."""

    folder: str = "data/01_raw/encoder"  # looked at when training starts, and never again
    chunk: int = 128  # pieces, the two at its borders among them
    pieces_per_word: int = 8
    dropout: float = 0.1  # inside the encoder
    rate_factor: float | int = 1.0  # multiplies the learning rate, for the encoder alone
    layer_decay: float | int = 1.0  # multiplies it once more for every layer below the last
    gradient_checkpointing: bool = False  # less memory, a second forward

    def __post_init__(self) -> None:
        refuse_below(self, chunk=3, pieces_per_word=1, rate_factor=0, layer_decay=0)
        refuse_share(self, "dropout")


class PretrainedEncoder(nn.Module):
    """H_n = mean of the states of word n's pieces.

    The architecture, the table of pieces and the pieces at the borders are buffers, so that a
    checkpoint has all that it takes to build the encoder again, without the folder.
    """

    architecture: Tensor
    pieces: Tensor
    borders: Tensor

    def __init__(self, config: PretrainedConfig, pretrained: Pretrained) -> None:
        super().__init__()
        self.network = _network(pretrained.architecture, config.dropout)
        _refuse_chunk(config.chunk, self.network.config)
        if pretrained.weights:
            self.network.load_state_dict(dict(pretrained.weights))
        if config.gradient_checkpointing:
            self.network.activation_checkpointing_enable({"use_reentrant": False})
        self.chunk = config.chunk
        self.rates = (config.rate_factor, config.layer_decay)
        self.register_buffer("architecture", as_bytes(pretrained.architecture))
        self.register_buffer("pieces", pretrained.pieces.clone())
        self.register_buffer("borders", pretrained.borders.clone())

    @property
    def width(self) -> int:
        """D, the width of the states."""
        return int(self.network.config.hidden_size)

    def forward(self, tokens: Tokens, is_token: Mask) -> Float[Tensor, "B N D"]:
        """Read each note; padding is 0."""
        chunks = lay_out(self.pieces[tokens], is_token, self.borders, self.chunk)
        with own_stream(tokens.device):
            read = self.network(input_ids=chunks.ids, attention_mask=chunks.is_piece.long())
        states = widened(read.last_hidden_state.flatten(0, 1))
        words = F.embedding_bag(chunks.places, states, chunks.starts, mode="mean")
        return words.view(*tokens.shape, -1)

    def rate_factors(self) -> dict[str, float]:
        """By what the learning rate of each parameter is multiplied."""
        factor, decay = self.rates
        layers = len(self.network.encoder.layer)
        return {
            name: factor * decay ** (layers - _depth(name)) for name, _ in self.named_parameters()
        }


class Chunks(NamedTuple):
    """The chunks of some notes, and where each word's pieces are among them."""

    ids: Tensor  # int [K, W]
    is_piece: Tensor  # bool [K, W], False behind a chunk's end
    places: Tensor  # int, of each piece of each word in the flat [K * W]
    starts: Tensor  # int [B * N], where a word's share of `places` begins


def lay_out(
    pieces: Int[Tensor, "B N P"], is_token: Mask, borders: Int[Tensor, " S"], chunk: int
) -> Chunks:
    """Cut each note's pieces into chunks; a note without any has one of its borders alone."""
    is_piece = (pieces >= 0) & is_token[..., None]
    present, room = is_piece.flatten(1), chunk - 2
    lengths = present.sum(dim=1)
    of_note = ((lengths + room - 1) // room).clamp(min=1)
    number = present.cumsum(dim=1) - 1
    row = ((of_note.cumsum(dim=0) - of_note)[:, None] + number // room)[present]
    column = (number % room + 1)[present]
    count, longest = torch.stack([of_note.sum(), lengths.max()]).tolist()  # a GPU is waited for
    width = min(longest, room) + 2
    ends = torch.bincount(row, minlength=count) + 1
    begin, end, filler = borders.long()
    ids = filler.repeat(count, width)
    ids[:, 0] = begin
    ids[row, column] = pieces.flatten(1)[present].long()
    ids.scatter_(1, ends[:, None], end.repeat(count, 1))
    of_word = is_piece.sum(dim=2).flatten()
    is_read = torch.arange(width, device=ids.device) <= ends[:, None]
    return Chunks(ids, is_read, row * width + column, of_word.cumsum(dim=0) - of_word)


@torch.no_grad()
def description_states(
    encoder: PretrainedEncoder, descriptions: Int[Tensor, "L M"]
) -> Float[Tensor, "L D"]:
    """Mean state of the words of each code's description, read alone, less the mean over the codes.

    What all share says nothing of a code. Where no description has a word, all are 0.
    """
    if not descriptions.any():
        return torch.zeros(len(descriptions), encoder.width)
    was_training = encoder.training
    encoder.eval()
    means = []
    for some in descriptions.split(DESCRIPTIONS_AT_ONCE):
        is_word = some != 0
        counts = is_word.sum(dim=1, keepdim=True).clamp(min=1)
        means.append(encoder(some, is_word).sum(dim=1) / counts)
    encoder.train(was_training)
    states = torch.cat(means)
    return states - states.mean(dim=0)


def encoder_of(start: Initialisation) -> Pretrained:
    """The encoder that a model begins with."""
    if start.pretrained is None:
        raise ValueError("a pretrained encoder is needed, and there is none to begin with")
    return start.pretrained


def restored(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """The encoder that the weights were trained with: all but its weights, which follow."""
    (where,) = [n.removesuffix("architecture") for n in weights if n.endswith(".architecture")]
    names = ("architecture", "pieces", "borders")
    architecture, pieces, borders = (weights[where + name] for name in names)
    return {"pretrained": Pretrained(as_text(architecture), pieces, borders)}


def as_bytes(text: str) -> Tensor:
    """A text as a buffer, which a checkpoint keeps."""
    return torch.tensor(list(text.encode()), dtype=torch.uint8)


def as_text(letters: Tensor) -> str:
    """The opposite of `as_bytes`."""
    return bytes(letters.tolist()).decode()


def _network(architecture: str, dropout: float) -> Any:
    """The network of a configuration, its weights still at random."""
    settings = json.loads(architecture)
    transformers = import_transformers()
    changed = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    config = transformers.AutoConfig.for_model(**settings | changed)
    return getattr(transformers, FAMILIES[settings["model_type"]])(config, add_pooling_layer=False)


def _refuse_chunk(chunk: int, architecture: Any) -> None:
    """A RoBERTa counts its places from behind the filler's number."""
    before = architecture.pad_token_id + 1 if architecture.model_type == "roberta" else 0
    most = architecture.max_position_embeddings - before
    if chunk > most:
        raise ValueError(f"chunk={chunk}: this encoder has places for {most} pieces")


def _depth(name: str) -> int:
    """The number of a parameter's layer, from 1; 0 for what is below the layers."""
    parts = name.split(".")
    return int(parts[parts.index("layer") + 1]) + 1 if "layer" in parts else 0
