"""ISD as a system: of which of its two kinds a model is, and what it begins with."""

from typing import Any

from torch import Tensor, nn

from isd_pipeline.models.isd.base import ISDConfig
from isd_pipeline.models.isd.labelwise import LabelwiseISD
from isd_pipeline.models.isd.network import ISD
from isd_pipeline.models.isd.objective import ISDObjective, ISDObjectiveConfig
from isd_pipeline.models.system import Initialisation, System, Trial


def isd_of(
    config: ISDConfig,
    words: Tensor | nn.Module,
    codes: Tensor,
    label_log_odds: Tensor | None = None,
    code_groups: Tensor | None = None,
) -> ISD | LabelwiseISD:
    """The network that `representation` names."""
    if config.representation == "per_label":
        return LabelwiseISD(config, words, codes, label_log_odds)
    return ISD(config, words, codes, label_log_odds, code_groups)


def _isd(config: ISDConfig, start: Initialisation) -> nn.Module:
    words = start.code_words if config.shared_space else start.words
    return isd_of(config, words, start.codes, start.label_log_odds, start.code_groups)


def objective_of(config: ISDObjectiveConfig, start: Initialisation) -> ISDObjective:
    """What every ISD is trained for."""
    return ISDObjective(config, start.descriptions)


OBJECTIVE: dict[str, Any] = {"objective_config": ISDObjectiveConfig, "make_objective": objective_of}
SYSTEMS = {
    "isd": System(
        model_config=ISDConfig,
        make_model=_isd,
        **OBJECTIVE,
        sized_by=("words", "codes", "attend.queries"),
        small={"width": 8, "kernel_sizes": (3, 5), "n_queries": 4},
        trial=Trial({"width": 32, "kernel_sizes": (3, 5), "n_queries": 16}, epochs=2),
    )
}
