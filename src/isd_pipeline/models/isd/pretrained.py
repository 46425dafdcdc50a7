"""ISD over a pretrained encoder, whose states its queries, its decoder and its teacher read.

Axes: L codes, M words of the longest description, D width of the encoder's states and of the model.
"""

from dataclasses import dataclass

from isd_pipeline.models.isd.base import ISDConfig
from isd_pipeline.models.isd.labelwise import LabelwiseISD
from isd_pipeline.models.isd.network import ISD
from isd_pipeline.models.isd.system import OBJECTIVE, isd_of
from isd_pipeline.models.layers.parts import refuse_unlisted
from isd_pipeline.models.layers.pretrained import (
    PretrainedConfig,
    PretrainedEncoder,
    description_states,
    encoder_of,
    restored,
)
from isd_pipeline.models.system import Initialisation, System


@dataclass(frozen=True, kw_only=True)
class PretrainedISDConfig(ISDConfig, PretrainedConfig):
    """ISD's, but for its word vectors and convolutions, and the encoder's; one dropout for both."""

    width: int = 768  # that of the encoder's states
    kernel_sizes: tuple[int, ...] = (1,)  # a word's attention is its own

    def __post_init__(self) -> None:
        ISDConfig.__post_init__(self)
        PretrainedConfig.__post_init__(self)
        refuse_unlisted(self, kernel_sizes=((1,),), residual_words=(0,), shared_space=(False,))


def isd_over(config: PretrainedISDConfig, start: Initialisation) -> ISD | LabelwiseISD:
    """ISD whose words the encoder reads and whose codes begin at their descriptions' states."""
    encoder = PretrainedEncoder(config, encoder_of(start))
    if encoder.width != config.width:
        raise ValueError(f"width={config.width}: this encoder's states have width {encoder.width}")
    vectors = description_states(encoder, start.descriptions)
    return isd_of(config, encoder, vectors, start.label_log_odds, start.code_groups)


SYSTEMS = {
    "isd_pretrained": System(
        model_config=PretrainedISDConfig,
        make_model=isd_over,
        **OBJECTIVE,
        sized_by=("encode.pieces", "codes", "attend.queries"),
        restore=restored,
        small={"chunk": 7, "width": 8, "n_queries": 4},
        pretrained=True,
    )
}
