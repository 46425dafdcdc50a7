"""Promises of the pretrained encoder: chunks by hand, states per word, nothing of a neighbour."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from isd_pipeline.embeddings.pretrained import NO_PIECE, open_pretrained
from isd_pipeline.models.layers.pretrained import (
    PretrainedConfig,
    PretrainedEncoder,
    description_states,
    lay_out,
)
from isd_pipeline.text.vocabulary import Vocabulary
from tests.models.tiny_encoder import WORDS, by_hand, needs_transformers, write_bert, write_roberta

close = torch.testing.assert_close
EXACT = {"atol": 1e-12, "rtol": 1e-12}
BEGIN, END, FILL = 91, 92, 90
ROWS = 12


def encoder_of(**settings: object) -> PretrainedEncoder:
    torch.manual_seed(0)
    return PretrainedEncoder(PretrainedConfig(**settings), by_hand(ROWS)).double().eval()


def words_of(*notes: list[int]) -> tuple[Tensor, Tensor]:
    tokens = torch.zeros(len(notes), max(map(len, notes)), dtype=torch.long)
    for row, note in enumerate(notes):
        tokens[row, : len(note)] = torch.tensor(note)
    return tokens, tokens != 0


def test_pieces_are_laid_end_to_end_and_cut_into_chunks():
    """Word 1 is 11; word 2 is 21 22 and lies across a border; word 3 is 31 32 33."""
    table = torch.full((4, 3), NO_PIECE, dtype=torch.int32)
    table[1, 0], table[2, :2], table[3] = 11, torch.tensor([21, 22]), torch.tensor([31, 32, 33])
    tokens, is_token = words_of([1, 1, 2, 3], [2], [])
    borders = torch.tensor([BEGIN, END, FILL], dtype=torch.int32)
    chunks = lay_out(table[tokens], is_token, borders, chunk=5)
    assert chunks.ids.tolist() == [
        [BEGIN, 11, 11, 21, END],
        [BEGIN, 22, 31, 32, END],
        [BEGIN, 33, END, FILL, FILL],
        [BEGIN, 21, 22, END, FILL],
        [BEGIN, END, FILL, FILL, FILL],
    ]
    assert chunks.is_piece.tolist() == (chunks.ids != FILL).tolist()
    assert chunks.ids.flatten()[chunks.places].tolist() == [11, 11, 21, 22, 31, 32, 33, 21, 22]
    assert chunks.starts.tolist() == [0, 1, 2, 4, 7, 9, 9, 9, 9, 9, 9, 9]


@needs_transformers
@pytest.mark.parametrize("chunk", [6, 24])
def test_a_words_state_is_the_mean_of_its_pieces_states(chunk: int):
    encoder = encoder_of(chunk=chunk)
    tokens, is_token = words_of([3, 7, 1, 9, 4, 2])
    pieces = [[p for p in encoder.pieces[word].tolist() if p >= 0] for word in tokens[0]]
    flat = [piece for word in pieces for piece in word]
    states = []
    for start in range(0, len(flat), chunk - 2):
        ids = torch.tensor([[1, *flat[start : start + chunk - 2], 2]])
        states += list(encoder.network(input_ids=ids).last_hidden_state[0, 1:-1])
    ends = torch.tensor([len(p) for p in pieces]).cumsum(0)
    wanted = [
        torch.stack(states[e - len(p) : e]).mean(0) for e, p in zip(ends, pieces, strict=True)
    ]
    close(encoder(tokens, is_token)[0], torch.stack(wanted), **EXACT)
    assert len(flat) > 4  # the short chunks are several


@needs_transformers
@pytest.mark.parametrize("chunk", [3, 4, 7, 24])
def test_padding_and_neighbours_never_change_a_state(chunk: int):
    encoder = encoder_of(chunk=chunk)
    notes = [[3, 7, 1, 9, 4, 2, 8, 8], [5], [6, 1, 1]]
    tokens, is_token = words_of(*notes)
    together = encoder(tokens, is_token)
    assert not together[~is_token].any()
    for row, note in enumerate(notes):
        alone = encoder(*words_of(note))[0]
        close(together[row, : len(note)], alone, **EXACT)
        padded = F.pad(tokens[row : row + 1], (0, 9))
        close(encoder(padded, padded != 0)[0, : len(note)], alone, **EXACT)
        hidden = F.pad(tokens[row : row + 1], (0, 9), value=3)
        is_read = torch.arange(hidden.shape[1])[None] < len(note)
        close(encoder(hidden, is_read)[0, : len(note)], alone, **EXACT)


@needs_transformers
def test_a_chunk_reads_nothing_beyond_its_borders():
    """With one piece a word, and two words a chunk, only the words of a chunk know each other."""
    table = by_hand(ROWS)
    single = replace(table, pieces=table.pieces[:, :1])
    encoder = PretrainedEncoder(PretrainedConfig(chunk=4), single).double().eval()
    first, other = encoder(*words_of([1, 2, 3, 4])), encoder(*words_of([1, 2, 9, 4]))
    close(first[0, :2], other[0, :2], **EXACT)
    assert (first[0, 2:] - other[0, 2:]).abs().min() > 1e-6


@needs_transformers
@pytest.mark.parametrize("write", [write_bert, write_roberta])
def test_a_folders_model_reads_as_transformers_has_it(write, tmp_path):
    """In one chunk, words of one text: the places of a RoBERTa among them."""
    from transformers import AutoModel, AutoTokenizer

    folder = write(tmp_path / "model")
    pretrained = open_pretrained(folder, Vocabulary(WORDS), 20)
    encoder = PretrainedEncoder(PretrainedConfig(chunk=22), pretrained).eval()
    whole = AutoTokenizer.from_pretrained(folder)(" fever pain")["input_ids"]
    model = AutoModel.from_pretrained(folder).eval()
    borders = pretrained.borders.tolist()
    text = [p for p in whole if p not in borders]
    wanted = model(torch.tensor([[borders[0], *text, borders[1]]])).last_hidden_state[0, 1:-1]
    found = encoder(*words_of([3, 4], [4, 3, 4]))[0]
    counts = (encoder.pieces[[3, 4]] >= 0).sum(dim=1).tolist()
    close(found[:2], torch.stack([part.mean(0) for part in wanted.split(counts)]))


@needs_transformers
def test_description_states_are_means_less_what_all_titles_share():
    encoder = encoder_of().train()
    titles = torch.tensor([[3, 7], [5, 0], [0, 0]])
    found = description_states(encoder, titles)
    assert encoder.training
    encoder.eval()
    each = [encoder(*words_of([3, 7]))[0].mean(0), encoder(*words_of([5]))[0, 0]]
    wanted = torch.stack([*each, torch.zeros(8, dtype=torch.double)])
    close(found, wanted - wanted.mean(0), **EXACT)


@needs_transformers
def test_rates_fall_from_layer_to_layer():
    rates = encoder_of(rate_factor=0.5, layer_decay=0.1).rate_factors()
    assert rates["network.encoder.layer.1.output.dense.weight"] == 0.5
    assert rates["network.encoder.layer.0.output.dense.weight"] == 0.05
    assert rates["network.embeddings.word_embeddings.weight"] == pytest.approx(0.005)
    assert rates.keys() == dict(encoder_of().named_parameters()).keys()


@needs_transformers
def test_gradients_are_the_same_with_checkpoints():
    tokens, is_token = words_of([3, 7, 1], [5])
    found = []
    for checkpointing in (False, True):
        encoder = encoder_of(gradient_checkpointing=checkpointing, dropout=0.0).train()
        assert encoder.network.is_activation_checkpointing == checkpointing
        encoder(tokens, is_token).square().sum().backward()
        found.append(encoder.network.embeddings.word_embeddings.weight.grad)
    close(*found, **EXACT)
    assert found[0].any()


@needs_transformers
def test_a_chunk_longer_than_the_encoders_places_is_refused():
    with pytest.raises(ValueError, match="chunk=131: this encoder has places for 130 pieces"):
        encoder_of(chunk=131)
    roberta = json.dumps(json.loads(by_hand(3).architecture) | {"model_type": "roberta"})
    with pytest.raises(ValueError, match="chunk=129: this encoder has places for 128 pieces"):
        PretrainedEncoder(PretrainedConfig(chunk=129), replace(by_hand(3), architecture=roberta))


@pytest.mark.parametrize(
    "settings", [{"chunk": 2}, {"pieces_per_word": 0}, {"dropout": 1.0}, {"rate_factor": -1}]
)
def test_settings_that_cannot_be_are_refused(settings: dict):
    with pytest.raises(ValueError, match=next(iter(settings))):
        PretrainedConfig(**settings)
