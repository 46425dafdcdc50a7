"""ISD over a pretrained encoder, whose states its queries, its decoder and its teacher read.

Axes: L codes, M words of the longest title, D width of the encoder's states and of the model.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from isd_pipeline.embeddings.pretrained import Pretrained
from isd_pipeline.models.isd.network import ISD, ISDConfig
from isd_pipeline.models.layers.parts import refuse_unlisted
from isd_pipeline.models.layers.pretrained import PretrainedConfig, PretrainedEncoder, title_states
from isd_pipeline.shapes import Float, Int


@dataclass(frozen=True, kw_only=True)
class PretrainedISDConfig(ISDConfig, PretrainedConfig):
    """ISD's, but for its word vectors and convolutions, and the encoder's; one dropout for both."""

    width: int = 768  # that of the encoder's states
    kernel_sizes: tuple[int, ...] = (1,)  # a word's attention is its own

    def __post_init__(self) -> None:
        ISDConfig.__post_init__(self)
        PretrainedConfig.__post_init__(self)
        refuse_unlisted(self, kernel_sizes=((1,),), residual_words=(0,), shared_space=(False,))


def isd_over(
    config: PretrainedISDConfig,
    pretrained: Pretrained,
    titles: Int[Tensor, "L M"],
    label_log_odds: Float[Tensor, " L"],
    code_groups: Int[Tensor, " L"],
) -> ISD:
    """ISD whose words are read by the encoder and whose codes begin at their titles' states."""
    encoder = PretrainedEncoder(config, pretrained)
    if encoder.width != config.width:
        raise ValueError(f"width={config.width}: this encoder's states have width {encoder.width}")
    vectors = title_states(encoder, titles)
    return ISD(config, encoder, vectors, label_log_odds, code_groups)
