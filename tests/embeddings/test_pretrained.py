"""A folder's model is read as it is, or refused in one line; nothing is asked of a network."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from isd_pipeline.embeddings.pretrained import NO_PIECE, open_pretrained
from isd_pipeline.text.vocabulary import Vocabulary
from tests.models.tiny_encoder import PIECES, WORDS, needs_transformers, write_bert, write_roberta

VOCABULARY = Vocabulary(WORDS)


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    return write_bert(tmp_path / "bert")


@needs_transformers
def test_each_word_has_the_pieces_of_the_models_own_tokenizer(bert: Path):
    found = open_pretrained(bert, VOCABULARY, pieces_per_word=4)
    named = [[PIECES[n] for n in row if n != NO_PIECE] for row in found.pieces.tolist()]
    assert named == [
        [],  # padding
        ["chest"],
        ["chest", "##pain"],
        ["fever"],
        ["pain"],
        ["pneu", "##monia"],
        ["[UNK]"],  # zzz has no pieces
        ["[UNK]"],  # any word that we do not know
    ]
    assert [PIECES[n] for n in found.borders.tolist()] == ["[CLS]", "[SEP]", "[PAD]"]


@needs_transformers
def test_a_long_word_is_cut(bert: Path):
    cut = open_pretrained(bert, VOCABULARY, pieces_per_word=1).pieces
    assert cut.tolist() == open_pretrained(bert, VOCABULARY, 4).pieces[:, :1].tolist()


@needs_transformers
def test_a_roberta_reads_words_as_behind_a_blank(tmp_path: Path):
    folder = write_roberta(tmp_path / "roberta")
    found = open_pretrained(folder, Vocabulary(("fever", "pain")), 8)
    from transformers import AutoTokenizer

    whole = AutoTokenizer.from_pretrained(folder)("x fever pain", add_special_tokens=False)
    assert found.pieces[1:3].flatten().tolist() == whole["input_ids"][1:]


@needs_transformers
def test_the_weights_are_those_of_the_folder_and_the_fingerprint_tells_them(tmp_path: Path):
    first = open_pretrained(write_bert(tmp_path / "a"), VOCABULARY, 4)
    other = open_pretrained(write_bert(tmp_path / "b", seed=1), VOCABULARY, 4)
    again = open_pretrained(tmp_path / "a", VOCABULARY, 4)
    name = "embeddings.word_embeddings.weight"
    assert torch.equal(first.weights[name], again.weights[name])
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert first.architecture == other.architecture
    assert str(tmp_path) not in first.architecture


@needs_transformers
def test_a_folder_that_is_no_model_is_one_line(tmp_path: Path, bert: Path):
    def told(folder: Path) -> str:
        with pytest.raises((FileNotFoundError, ValueError)) as raised:
            open_pretrained(folder, VOCABULARY, 4)
        message = str(raised.value)
        assert message.startswith(f"{folder}: ")
        assert "\n" not in message
        return message

    def changed(name: str) -> Path:
        return Path(shutil.copytree(bert, tmp_path / name))

    assert "no such folder" in told(tmp_path / "nowhere")
    (changed("without config") / "config.json").unlink()
    assert "no config.json" in told(tmp_path / "without config")
    (changed("pickled") / "model.safetensors").rename(tmp_path / "pickled/pytorch_model.bin")
    assert "no model.safetensors" in told(tmp_path / "pickled")
    (changed("wordless") / "tokenizer.json").unlink()
    assert "no tokenizer" in told(tmp_path / "wordless")
    (changed("cut") / "model.safetensors").write_bytes(b"cut off")
    assert "no model that transformers reads" in told(tmp_path / "cut")
    (changed("broken") / "config.json").write_text("{")
    assert "no model that transformers reads" in told(tmp_path / "broken")

    config = json.loads((bert / "config.json").read_text())
    for name, change in {
        "other family": {"model_type": "gpt2"},
        "deeper": {"num_hidden_layers": 3},
        "wider": {"hidden_size": 16},
    }.items():
        (changed(name) / "config.json").write_text(json.dumps(config | change))
    assert "a model of type gpt2; known are bert, roberta" in told(tmp_path / "other family")
    assert "of its weights are missing or misshapen: encoder.layer.2." in told(tmp_path / "deeper")
    assert "no model that transformers reads" in told(tmp_path / "wider")


@needs_transformers
def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path):
    folder = write_bert(tmp_path / "bert", more=("zzz",))
    with pytest.raises(ValueError, match="the tokenizer has pieces beyond the model's 10"):
        open_pretrained(folder, VOCABULARY, 4)


@needs_transformers
def test_a_tokenizer_that_cannot_cut_is_refused(tmp_path: Path, bert: Path):
    path = bert / "tokenizer.json"
    content = json.loads(path.read_text())
    del content["model"]["vocab"]["[UNK]"], content["added_tokens"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="no model that transformers reads"):
        open_pretrained(bert, VOCABULARY, 4)


def test_without_transformers_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match=r"pip install '\.\[plm\]'"):
        open_pretrained(tmp_path, VOCABULARY, 4)
