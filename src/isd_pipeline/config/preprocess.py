"""What the stage `preprocess` may be told of a cohort."""

from dataclasses import dataclass, field

from isd_pipeline.text.runs import Tokeniser
from isd_pipeline.text.vocabulary import VocabularyConfig


@dataclass(frozen=True, kw_only=True)
class PreprocessSettings:
    """How notes become numbers.

    `normal_form`: whether notes are cut in normal form (text/normal_form.py). Left out, all are
    but the corpora that the literature has read as they were written: MIMIC (`real: true`),
    CodiEsp, CANTEMIST.
    """

    tokeniser: Tokeniser = "caml"  # how a note is tokenised (text/tokens.py)
    normal_form: bool | None = None
    vocabulary: VocabularyConfig = field(default_factory=lambda: VocabularyConfig(min_docs=3))
