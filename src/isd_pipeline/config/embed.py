"""What the stage `embed` may be told of a cohort."""

from dataclasses import dataclass, field

from isd_pipeline.embeddings.words import WordVectorConfig


@dataclass(frozen=True, kw_only=True)
class EmbedSettings:
    """Two sets of word vectors: the paper's 100 dimensions, and one as wide as the code vectors.

    Section 4.2 gives 100-dimensional words and 256-dimensional codes "according to their
    descriptions": the second set is what descriptions are averaged from (docs/readings.md).
    """

    words: WordVectorConfig = field(default_factory=WordVectorConfig)
    codes: WordVectorConfig = field(
        default_factory=lambda: WordVectorConfig(width=256, normalised=False)
    )
    seed: int = 1
