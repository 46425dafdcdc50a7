"""What the stage `preprocess` may be told of a cohort."""

from dataclasses import dataclass, field

from isd_pipeline.text.tokens import TextRule
from isd_pipeline.text.vocabulary import VocabularyConfig


@dataclass(frozen=True, kw_only=True)
class PreprocessSettings:
    """How notes become numbers."""

    text_rule: TextRule = "caml"  # how a note is cut into words (text/tokens.py)
    vocabulary: VocabularyConfig = field(default_factory=lambda: VocabularyConfig(min_docs=3))
