"""Encoders of a few hundred weights: made by hand, or written into a folder by transformers."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from isd_pipeline.embeddings.pretrained import NO_PIECE, Pretrained

needs_transformers = pytest.mark.skipif(
    find_spec("transformers") is None,
    reason="transformers is not installed: it is the optional extra [plm]",
)
SIZES = {
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 130,
    "initializer_range": 0.3,  # so that the states of a tiny network differ
}
WORDS = ("chest", "chestpain", "fever", "pain", "pneumonia", "zzz")
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "chest", "##pain", "fever", "pain", "pneu", "##monia"]


def by_hand(rows: int, n_pieces: int = 20) -> Pretrained:
    """A BERT whose weights are at random, as torch's seed has them; words have 1 to 3 pieces."""
    generator = torch.Generator().manual_seed(5)
    pieces = torch.randint(3, n_pieces, (rows, 3), generator=generator, dtype=torch.int32)
    lengths = torch.randint(1, 4, (rows, 1), generator=generator)
    lengths[0] = 0
    pieces[torch.arange(3) >= lengths] = NO_PIECE
    architecture = {**SIZES, "model_type": "bert", "vocab_size": n_pieces}
    borders = torch.tensor([1, 2, 0], dtype=torch.int32)
    return Pretrained(json.dumps(architecture), pieces, borders)


def write_bert(folder: Path, seed: int = 0, *, more: tuple[str, ...] = ()) -> Path:
    """A BERT and its WordPiece tokenizer, which may have more pieces than the model."""
    from transformers import BertConfig, BertForMaskedLM, BertTokenizer

    torch.manual_seed(seed)
    BertForMaskedLM(BertConfig(**SIZES, vocab_size=len(PIECES))).save_pretrained(folder)
    numbered = {piece: number for number, piece in enumerate([*PIECES, *more])}
    BertTokenizer(vocab=numbered).save_pretrained(folder)
    return folder


def write_roberta(folder: Path) -> Path:
    """A RoBERTa and its tokenizer of bytes, in which a blank before a word counts."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

    trained = ByteLevelBPETokenizer()
    special = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>"}
    trained.train_from_iterator(
        [" pain fever"] * 9, vocab_size=270, show_progress=False, special_tokens=[*special.values()]
    )
    torch.manual_seed(0)
    config = RobertaConfig(**SIZES, vocab_size=trained.get_vocab_size())
    RobertaModel(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer,
        cls_token="<s>",
        sep_token="</s>",
        **{f"{name}_token": piece for name, piece in special.items()},
    ).save_pretrained(folder)
    return folder
