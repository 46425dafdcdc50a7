"""What the stage `preprocess` may be told of a cohort."""

from dataclasses import dataclass, field

from isd_pipeline.text.tokens import Tokeniser
from isd_pipeline.text.vocabulary import VocabularyConfig


@dataclass(frozen=True, kw_only=True)
class PreprocessSettings:
    """How notes become numbers."""

    tokeniser: Tokeniser = "caml"  # how a note is tokenised (text/tokens.py)
    vocabulary: VocabularyConfig = field(default_factory=lambda: VocabularyConfig(min_docs=3))
