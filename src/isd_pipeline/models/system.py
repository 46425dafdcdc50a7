"""What a system is: a network, what it is trained for, and what others have to know of both.

A module of `models/` that holds systems offers them as `SYSTEMS`, by name; `registry.py` finds it.
A network is called as `model(tokens, is_token)` and gives `logits`, [B, L]; where it reads
sentences, also with `begins`. Beside that it may have

- `attention_of`: its codes read the note for themselves, see `ReadsByCode`;
- `shares_representations = True`: its codes are won by representations that they share (ISD);
- `n_queries`: how many queries read a note, of the systems whose sharpness is measured (ISD's);
  such a one is also called with `want_attention` and then gives the `attention` of all queries;
- `residual`: the weight of a word itself beside its window in a state, 0 where there is none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from isd_pipeline.data.codes.hierarchy import CodeTree
from isd_pipeline.embeddings.codes import code_vectors
from isd_pipeline.embeddings.pretrained import Pretrained
from isd_pipeline.models.prediction import Prediction, PredictionConfig
from isd_pipeline.models.registry import load
from isd_pipeline.training.checkpoints import fill


@dataclass(frozen=True)
class Initialisation:
    """What the training data give a model before its first step.

    Axes: V words, E word width, D code width, L codes, M words of the longest description, P width
    of hyperbolic vectors. What only some systems need may be missing.
    """

    words: Tensor  # [V + 2, E] word vectors
    code_words: Tensor  # [V + 2, D] the second set, of which the code vectors are means
    codes: Tensor  # [L, D] mean vector of each code's description
    descriptions: Tensor  # [L, M] token ids of each code's description, 0-padded
    label_log_odds: Tensor  # [L]
    code_groups: Tensor  # [L] number of each code's three-character category
    tree: CodeTree | None = None  # over the codes
    cooccurrence: sparse.csr_matrix | None = None  # [L, L] of the training documents, scaled
    hyperbolic: Tensor | None = None  # [L, P] the codes' vectors in the Poincaré ball
    pretrained: Pretrained | None = None  # an encoder that learned elsewhere

    def description_means(self) -> Tensor:
        """Mean vector of each code's description in the space of the notes' words, [L, E]."""
        means, _ = code_vectors(self.descriptions.numpy(), self.words.numpy())
        return torch.from_numpy(means)


@runtime_checkable
class ReadsByCode(Protocol):
    """A network whose codes read the note for themselves.

    windows: how many words its states are made of, a number for each of their equal parts; (1,)
    where a state stands for its own word.
    """

    windows: tuple[int, ...]

    def attention_of(
        self, tokens: Tensor, is_token: Tensor, codes: Tensor, **sentences: Tensor
    ) -> Tensor:
        """What some codes [K] attend to in one note [1, N]: [K, N], without that of the others."""


@dataclass(frozen=True)
class Trial:
    """With what a system finds out in a few hundred steps that each code is said by a word."""

    model: Mapping[str, Any] = field(default_factory=dict)
    learning_rate: float = 0.01
    epochs: int = 4  # of 40 steps


@dataclass(frozen=True, kw_only=True)
class System:
    """A network and what it is trained for.

    `sized_by` names weights with a row for each word, each code and, if need be, each code group:
    their shapes say of what sizes a model was built. `restore` brings back from the weights what
    else it was built from, as fields of an `Initialisation`. `small` and `trial` are settings that
    let a test try it in no time.
    """

    model_config: type[Any]
    make_model: Callable[[Any, Initialisation], nn.Module]
    objective_config: type[Any] = PredictionConfig
    make_objective: Callable[[Any, Initialisation], Any] = lambda config, _: Prediction(config)
    sized_by: tuple[str, ...]
    restore: Callable[[Mapping[str, Tensor]], dict[str, Any]] = lambda weights: {}
    small: Mapping[str, Any] = field(default_factory=dict)
    trial: Trial = Trial()
    graph: bool = False  # whether it begins with what is known of how the codes are related
    sentences: bool = False  # whether it reads where sentences begin
    pretrained: bool = False  # whether it begins with an encoder of the folder in its settings


def of_words_and_codes(
    network: Callable[..., nn.Module],
) -> Callable[[Any, Initialisation], nn.Module]:
    """A network that begins with word vectors and knows of the codes only how many they are.

    It is made of its config, the vectors, [V + 2, E] whose row 0 is padding, and the number.
    """
    return lambda config, start: network(config, start.words, len(start.codes))


def log_odds(gold: sparse.csr_matrix) -> Tensor:
    """Log-odds of each code among the documents [D, L], half a document added on either side."""
    documents, counts = gold.shape[0], np.asarray(gold.sum(axis=0)).ravel()
    return torch.from_numpy(np.log((counts + 0.5) / (documents - counts + 0.5))).float()


def number_groups(names: list[str]) -> Tensor:
    """Number of each code's group, counted from 0 in the order of the names."""
    order = {name: number for number, name in enumerate(sorted(set(names)))}
    return torch.tensor([order[name] for name in names])


def rebuild(settings: Mapping[str, Any], weights: Mapping[str, Tensor]) -> nn.Module:
    """The trained model of a checkpoint: made by its settings, filled with its weights.

    Raises ValueError where they do not fit each other.
    """
    system = load(settings["system"])
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in settings["model"].items()}
    model = system.make_model(system.model_config(**values), _blank(system, weights))
    fill(model, weights)
    return model


def _blank(system: System, weights: Mapping[str, Tensor]) -> Initialisation:
    """Data of the sizes that the weights have: what is trained is overwritten at once."""
    words, codes, *_ = sized = [weights[name] for name in system.sized_by if name in weights]
    n_groups = len(sized[-1])
    return Initialisation(
        words=torch.zeros(words.shape),
        code_words=torch.zeros(words.shape),
        codes=torch.zeros(codes.shape),
        descriptions=torch.zeros(len(codes), 1, dtype=torch.long),
        label_log_odds=torch.zeros(len(codes)),
        code_groups=torch.arange(len(codes)) % n_groups,
        **system.restore(weights),
    )
