"""A pretrained encoder as it lies in a local folder, and our words in its pieces.

Axes: V words of our vocabulary, P pieces of a word. The folder is one that `save_pretrained` of
transformers writes: config.json, model.safetensors and the tokenizer's files. Nothing is ever
downloaded, and nothing unpickled. transformers is an optional extra, imported when it is needed.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isd_pipeline.text.vocabulary import Vocabulary

FAMILIES = {"bert": "BertModel", "roberta": "RobertaModel"}
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json")
NOT_ARCHITECTURE = ("_name_or_path", "architectures", "auto_map", "dtype", "id2label", "label2id")
NO_PIECE = -1


@dataclass(frozen=True)
class Pretrained:
    """All that an encoder is made from.

    architecture: the model's configuration, as JSON.  pieces: int32 [V + 2, P], the numbers of
    each word's pieces, then NO_PIECE; row 0, padding, has none.  borders: int32 [3], the pieces
    that begin a chunk, end it, and fill up a short one.  weights: by name; empty where those of
    a checkpoint are still to come.
    """

    architecture: str
    pieces: Tensor
    borders: Tensor
    weights: Mapping[str, Tensor] = field(default_factory=dict, repr=False)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that differ whenever a weight, a piece or a size does."""
        digest = hashlib.sha256(self.architecture.encode())
        parts = (self.pieces, self.borders, *(self.weights[name] for name in sorted(self.weights)))
        for part in parts:
            digest.update(part.numpy().tobytes())
        return digest.hexdigest()[:16]


def import_transformers() -> Any:
    """transformers, kept from the network and from talking, or a ValueError in one line."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when it is imported
    try:
        import transformers
    except ImportError:
        raise ValueError(
            "a pretrained encoder needs transformers, which is not installed: "
            "pip install '.[plm]' in the checkout"
        ) from None
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers


def open_pretrained(folder: Path | str, vocabulary: Vocabulary, pieces_per_word: int) -> Pretrained:
    """Read a folder's model, and our vocabulary through its tokenizer.

    Args:
        folder: of a BERT or a RoBERTa.
        vocabulary: our words; an unknown one is the model's own unknown piece.
        pieces_per_word: P at most; a longer word loses what is beyond.

    Raises:
        FileNotFoundError: there is no such folder, or one of its files is missing.
        ValueError: transformers is not installed, or the folder's model is none that fits.
    """
    folder, transformers = Path(folder), import_transformers()
    _refuse_folder(folder)
    with _explained(folder):
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    if config.model_type not in FAMILIES:
        raise ValueError(
            f"{folder}: a model of type {config.model_type}; known are {', '.join(FAMILIES)}"
        )
    with _explained(folder):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        pieces, borders = piece_table(tokenizer, vocabulary, pieces_per_word)
        weights = _weights(folder, getattr(transformers, FAMILIES[config.model_type]))
    if max(pieces.max(), borders.max()) >= config.vocab_size:
        raise ValueError(
            f"{folder}: the tokenizer has pieces beyond the model's {config.vocab_size}; they are "
            "not of one model"
        )
    kept = {k: v for k, v in config.to_dict().items() if k not in NOT_ARCHITECTURE}
    return Pretrained(
        json.dumps(kept, sort_keys=True),
        torch.from_numpy(pieces),
        torch.from_numpy(borders),
        weights,
    )


def piece_table(
    tokenizer: Any, vocabulary: Vocabulary, pieces_per_word: int
) -> tuple[np.ndarray, np.ndarray]:
    """Each word's pieces, int32 [V + 2, P], and those at a chunk's borders, int32 [3].

    A word is cut as if a blank stood before it, which a RoBERTa tells from none. One without a
    piece is unknown.
    """
    special = [getattr(tokenizer, f"{name}_token_id") for name in ("cls", "sep", "pad", "unk")]
    if None in special:
        raise ValueError("its tokenizer lacks a piece to begin, end or fill a text, or for unknown")
    *borders, unknown = special
    cut = tokenizer([f" {word}" for word in vocabulary.words], add_special_tokens=False)
    rows = [[], *((found or [unknown])[:pieces_per_word] for found in cut["input_ids"]), [unknown]]
    pieces = np.full((len(rows), max(map(len, rows))), NO_PIECE, dtype=np.int32)
    for number, row in enumerate(rows):
        pieces[number, : len(row)] = row
    return pieces, np.array(borders, dtype=np.int32)


def _weights(folder: Path, network: Any) -> dict[str, Tensor]:
    """The folder's weights, in fp32; what is not of the encoder itself stays behind."""
    model, report = network.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        add_pooling_layer=False,
        output_loading_info=True,
        dtype=torch.float32,
    )
    if report["missing_keys"] or report["mismatched_keys"]:
        lacking = sorted([*report["missing_keys"], *(key[0] for key in report["mismatched_keys"])])
        raise ValueError(f"{len(lacking)} of its weights are missing or misshapen: {lacking[0]}")
    weights: dict[str, Tensor] = model.state_dict()
    return weights


def _refuse_folder(folder: Path) -> None:
    """Tell in one line what a folder lacks."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; put a model there (docs/pretrained.md)")
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder}: no model, for it has no config.json")
    if not any(folder.glob("*.safetensors")):
        raise FileNotFoundError(
            f"{folder}: no model.safetensors; weights in another format are not read "
            "(docs/pretrained.md says how to convert them)"
        )
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise FileNotFoundError(f"{folder}: no tokenizer: none of {', '.join(TOKENIZER_FILES)}")


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Bring what transformers says of a folder to one line."""
    try:
        yield
    except Exception as error:  # a broken file has tokenizers raise nothing narrower
        said = " ".join(str(error).split())[:200]
        raise ValueError(f"{folder}: no model that transformers reads ({said})") from None
