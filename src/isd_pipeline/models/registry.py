"""The systems that can be trained: for each its settings, its model and its objective.

A new baseline is a line of `SYSTEMS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from isd_pipeline.data.codes.hierarchy import CodeTree
from isd_pipeline.embeddings.codes import code_vectors
from isd_pipeline.embeddings.graphs import vectors_above
from isd_pipeline.embeddings.pretrained import Pretrained
from isd_pipeline.models.caml import CAML, DRCAML, CAMLConfig
from isd_pipeline.models.cnn_gru import CNN, BiGRU, BiGRUConfig, CNNConfig
from isd_pipeline.models.ha_gru import HAGRU, HAGRUConfig
from isd_pipeline.models.hypercore import HyperCore, HyperCoreConfig
from isd_pipeline.models.isd.lstm import LSTMISDConfig, isd_over_lstm
from isd_pipeline.models.isd.network import ISD, ISDConfig
from isd_pipeline.models.isd.objective import ISDObjective, ISDObjectiveConfig
from isd_pipeline.models.isd.pretrained import PretrainedISDConfig, isd_over
from isd_pipeline.models.laat import LAAT, JointLAAT, JointLAATConfig, LAATConfig
from isd_pipeline.models.layers.pretrained import as_text
from isd_pipeline.models.msatt_kg import MSATTKG, MSATTKGConfig
from isd_pipeline.models.multirescnn import MultiResCNN, MultiResCNNConfig
from isd_pipeline.models.plm_icd import PLMCA, PLMICD, PLMCAConfig, PLMICDConfig
from isd_pipeline.models.prediction import (
    DescribedPrediction,
    DescriptionConfig,
    LevelledPrediction,
    LevelsConfig,
    Prediction,
    PredictionConfig,
)
from isd_pipeline.training.checkpoints import fill


@dataclass(frozen=True)
class Start:
    """What the training data give a model before its first step.

    Axes: V words, E word width, D code width, L codes, M words of the longest title, P width of
    hyperbolic vectors. What only some systems need may be missing.
    """

    words: Tensor  # [V + 2, E] word vectors
    words_of_codes: Tensor  # [V + 2, D] the second set, of which the code vectors are means
    codes: Tensor  # [L, D] mean vector of each code's title
    titles: Tensor  # [L, M] word numbers of each code's title, 0-padded
    label_log_odds: Tensor  # [L]
    code_groups: Tensor  # [L] number of each code's three-character category
    tree: CodeTree | None = None  # over the codes
    cooccurrence: sparse.csr_matrix | None = None  # [L, L] of the training documents, scaled
    places: Tensor | None = None  # [L, P] the codes' vectors in the Poincaré ball
    pretrained: Pretrained | None = None  # an encoder that learned elsewhere


@dataclass(frozen=True)
class System:
    """A model and what it is trained for.

    `words`, `codes` and, where there is one, `groups` name weights with a row for each word, code
    and code group: their shapes say of what sizes a model was built.
    """

    model_config: type[Any]
    objective_config: type[Any]
    make_model: Callable[[Any, Start], nn.Module]
    make_objective: Callable[[Any, Start], Any]
    words: str
    codes: str
    groups: str = ""
    graph: bool = False  # whether it begins with what is known of how the codes are related
    sentences: bool = False  # whether it reads where sentences begin
    note: str = ""  # what is said of it wherever it is shown
    pretrained: bool = False  # whether it begins with an encoder of the folder in its settings


def log_odds(gold: sparse.csr_matrix) -> Tensor:
    """Log-odds of each code among the documents [D, L], half a document added on either side."""
    documents, counts = gold.shape[0], np.asarray(gold.sum(axis=0)).ravel()
    return torch.from_numpy(np.log((counts + 0.5) / (documents - counts + 0.5))).float()


def number_groups(names: list[str]) -> Tensor:
    """Number of each code's group, counted from 0 in the order of the names."""
    order = {name: number for number, name in enumerate(sorted(set(names)))}
    return torch.tensor([order[name] for name in names])


def _isd(config: ISDConfig, start: Start) -> nn.Module:
    words = start.words_of_codes if config.shared_space else start.words
    return ISD(config, words, start.codes, start.label_log_odds, start.code_groups)


def _isd_objective(config: ISDObjectiveConfig, start: Start) -> ISDObjective:
    return ISDObjective(config, start.titles)


def _on_words_and_codes(network: Callable[..., nn.Module]) -> Callable[[Any, Start], nn.Module]:
    """A network that begins with word vectors and knows of the codes only how many they are."""
    return lambda config, start: network(config, start.words, len(start.codes))


def _joint_laat(config: JointLAATConfig, start: Start) -> nn.Module:
    n_categories = int(start.code_groups.max()) + 1
    return JointLAAT(config, start.words, len(start.codes), n_categories)


def _title_means(start: Start) -> Tensor:
    """Mean vector of each code's title in the space of the notes' words, [L, E]."""
    means, _ = code_vectors(start.titles.numpy(), start.words.numpy())
    return torch.from_numpy(means)


def _hypercore(config: HyperCoreConfig, start: Start) -> nn.Module:
    if start.cooccurrence is None or start.places is None:
        raise ValueError("hypercore needs the codes' co-occurrence and their hyperbolic vectors")
    return HyperCore(config, start.words, _title_means(start), start.cooccurrence, start.places)


def _msatt_kg(config: MSATTKGConfig, start: Start) -> nn.Module:
    if start.tree is None:
        raise ValueError("msatt_kg needs the tree of the codes")
    codes = _title_means(start)
    inner = torch.from_numpy(vectors_above(start.tree, codes.numpy()))
    return MSATTKG(config, start.words, codes, inner, torch.from_numpy(start.tree.parents))


def _encoder(start: Start) -> Pretrained:
    if start.pretrained is None:
        raise ValueError("a pretrained encoder is needed, and there is none to begin with")
    return start.pretrained


def _plm_icd(config: PLMICDConfig, start: Start) -> nn.Module:
    return PLMICD(config, _encoder(start), start.titles, start.label_log_odds)


def _plm_ca(config: PLMCAConfig, start: Start) -> nn.Module:
    return PLMCA(config, _encoder(start), len(start.codes))


def _isd_lstm(config: LSTMISDConfig, start: Start) -> nn.Module:
    words = start.words_of_codes
    return isd_over_lstm(config, words, start.codes, start.label_log_odds, start.code_groups)


def _isd_pretrained(config: PretrainedISDConfig, start: Start) -> nn.Module:
    encoder = _encoder(start)
    return isd_over(config, encoder, start.titles, start.label_log_odds, start.code_groups)


def _prediction(config: PredictionConfig, start: Start) -> Prediction:
    return Prediction(config)


def _described(config: DescriptionConfig, start: Start) -> DescribedPrediction:
    return DescribedPrediction(config, start.titles)


def _levelled(config: LevelsConfig, start: Start) -> LevelledPrediction:
    return LevelledPrediction(start.code_groups)


REIMPLEMENTED = "re-implementation from the description"  # its authors released no code

SYSTEMS = {
    "isd": System(
        ISDConfig,
        ISDObjectiveConfig,
        _isd,
        _isd_objective,
        words="words",
        codes="codes",
        groups="attend.queries",
    ),
    "cnn": System(
        CNNConfig,
        PredictionConfig,
        _on_words_and_codes(CNN),
        _prediction,
        words="words.weight",
        codes="score.weight",
    ),
    "bi_gru": System(
        BiGRUConfig,
        PredictionConfig,
        _on_words_and_codes(BiGRU),
        _prediction,
        words="words.weight",
        codes="score.weight",
    ),
    "caml": System(
        CAMLConfig,
        PredictionConfig,
        _on_words_and_codes(CAML),
        _prediction,
        words="words.weight",
        codes="attend.queries",
    ),
    "dr_caml": System(
        CAMLConfig,
        DescriptionConfig,
        _on_words_and_codes(DRCAML),
        _described,
        words="caml.words.weight",
        codes="caml.attend.queries",
    ),
    "multirescnn": System(
        MultiResCNNConfig,
        PredictionConfig,
        _on_words_and_codes(MultiResCNN),
        _prediction,
        words="words.weight",
        codes="attend.queries",
    ),
    "laat": System(
        LAATConfig,
        PredictionConfig,
        _on_words_and_codes(LAAT),
        _prediction,
        words="read.words.weight",
        codes="codes.attend.queries",
    ),
    "joint_laat": System(
        JointLAATConfig,
        LevelsConfig,
        _joint_laat,
        _levelled,
        words="read.words.weight",
        codes="codes.attend.queries",
        groups="categories.attend.queries",
    ),
    "ha_gru": System(
        HAGRUConfig,
        PredictionConfig,
        _on_words_and_codes(HAGRU),
        _prediction,
        words="words",
        codes="codes",
        sentences=True,
    ),
    "msatt_kg": System(
        MSATTKGConfig,
        PredictionConfig,
        _msatt_kg,
        _prediction,
        words="words",
        codes="codes",
        graph=True,
        note=REIMPLEMENTED,
    ),
    "hypercore": System(
        HyperCoreConfig,
        PredictionConfig,
        _hypercore,
        _prediction,
        words="words",
        codes="codes",
        graph=True,
        note=REIMPLEMENTED,
    ),
    "plm_icd": System(
        PLMICDConfig,
        PredictionConfig,
        _plm_icd,
        _prediction,
        words="read.pieces",
        codes="attend.queries",
        pretrained=True,
    ),
    "plm_ca": System(
        PLMCAConfig,
        PredictionConfig,
        _plm_ca,
        _prediction,
        words="read.pieces",
        codes="queries",
        pretrained=True,
    ),
    "isd_lstm": System(
        LSTMISDConfig,
        ISDObjectiveConfig,
        _isd_lstm,
        _isd_objective,
        words="encode.words.weight",
        codes="codes",
        groups="attend.queries",
    ),
    "isd_pretrained": System(
        PretrainedISDConfig,
        ISDObjectiveConfig,
        _isd_pretrained,
        _isd_objective,
        words="encode.pieces",
        codes="codes",
        groups="attend.queries",
        pretrained=True,
    ),
}


def rebuild(settings: Mapping[str, Any], weights: Mapping[str, Tensor]) -> nn.Module:
    """The trained model of a checkpoint: made by its settings, filled with its weights.

    Raises ValueError where they do not fit each other.
    """
    system = SYSTEMS[settings["system"]]
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in settings["model"].items()}
    model = system.make_model(system.model_config(**values), _blank(system, weights))
    fill(model, weights)
    return model


def _blank(system: System, weights: Mapping[str, Tensor]) -> Start:
    """Data of the sizes that the weights have: what is trained is overwritten at once."""
    words, codes = weights[system.words], weights[system.codes]
    n_groups = len(weights.get(system.groups, codes))
    return Start(
        words=torch.zeros(words.shape),
        words_of_codes=torch.zeros(words.shape),
        codes=torch.zeros(codes.shape),
        titles=torch.zeros(len(codes), 1, dtype=torch.long),
        label_log_odds=torch.zeros(len(codes)),
        code_groups=torch.arange(len(codes)) % n_groups,
        tree=_tree(len(codes), weights),
        cooccurrence=_cooccurrence(weights),
        places=weights.get("places"),
        pretrained=_pretrained(weights),
    )


def _tree(n_codes: int, weights: Mapping[str, Tensor]) -> CodeTree | None:
    """The tree that the weights were trained on, its names forgotten."""
    if "parents" not in weights:
        return None
    parents = weights["parents"].numpy()
    return CodeTree(("",) * len(parents), parents, n_codes)


def _cooccurrence(weights: Mapping[str, Tensor]) -> sparse.csr_matrix | None:
    """The co-occurrence that the weights were trained on."""
    if "company.links.starts" not in weights:
        return None
    names = ("shares", "columns", "starts")
    parts = tuple(weights[f"company.links.{name}"].numpy() for name in names)
    return sparse.csr_matrix(parts, shape=(len(weights["codes"]),) * 2)


def _pretrained(weights: Mapping[str, Tensor]) -> Pretrained | None:
    """The encoder that the weights were trained with: all but its weights, which follow."""
    where = [n.removesuffix("architecture") for n in weights if n.endswith(".architecture")]
    if not where:
        return None
    names = ("architecture", "pieces", "borders")
    architecture, pieces, borders = (weights[where[0] + name] for name in names)
    return Pretrained(as_text(architecture), pieces, borders)


def names() -> list[str]:
    """Shim."""
    return list(SYSTEMS)


def load(name: str) -> System:
    """Shim."""
    return SYSTEMS[name]


def module_name(name: str) -> str:
    """Shim."""
    return "isd_pipeline.models.registry"
