"""A predictor: documents in, scores and evidence out. What every kind of it takes and gives.

Axes: D documents, L codes, K of them asked for, N words of a note, Q rows of a reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from isd_pipeline.shapes import Float, Int
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.mentions import Mentions, no_mentions

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isd_pipeline.data.codes.hierarchy import Revision
    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.embeddings.words import Embedding
    from isd_pipeline.predictors.attention import Reading
    from isd_pipeline.text.runs import Tokeniser
    from isd_pipeline.text.stems import Language
    from isd_pipeline.text.vocabulary import Vocabulary

Scores = Mapping[str, np.ndarray]  # [D, L] by split
Words = Mapping[str, list[list[str]]]  # of each document of a split
Evidence = Callable[[Int[np.ndarray, " K"]], Float[np.ndarray, "K N"]]
Sources = Callable[[Int[np.ndarray, " K"]], Mapping[str, Float[np.ndarray, " K"]]]
DevFigures = Callable[[Any, np.ndarray], Mapping[str, float]]  # of gold [D, L] and scores [D, L]


@dataclass(frozen=True)
class TokenisedNote:
    """A note's words, their token ids [N], the words at which sentences start, and its parts.

    `sentences` is None where nobody looked, which a system that reads sentences refuses.
    `note_starts` are the first words of the notes that a document is made of.
    """

    words: Sequence[str]
    tokens: Int[np.ndarray, " N"]
    sentences: Int[np.ndarray, " X"] | None
    note_starts: Sequence[int] = (0,)

    @classmethod
    def of_document(
        cls, documents: Documents, n: int, words: Sequence[str], note_starts: Sequence[int] = (0,)
    ) -> TokenisedNote:
        """Document n of a split, whose words are `words`."""
        sentences = None if documents.sentences is None else documents.sentences_of(n)
        return cls(words, documents.tokens_of(n), sentences, note_starts)

    def until(self, limit: int) -> Documents:
        """The first of its words as the only document there is."""
        tokens, sentences = self.tokens[:limit], self.sentences
        if sentences is not None:
            sentences = sentences[sentences < limit]
        return Documents(
            ids=np.array(["note"]),
            tokens=tokens,
            token_starts=np.array([0, len(tokens)]),
            labels=np.zeros(0, dtype=np.int32),
            label_starts=np.zeros(2, dtype=np.int64),
            sentences=sentences,
            sentence_starts=None if sentences is None else np.array([0, len(sentences)]),
        )


@dataclass(frozen=True)
class Prediction:
    """What is said of one note: log-odds [L]; the evidence of codes, rows that sum to 1 or are 0.

    `sources` says what each part of an ensemble adds to the scores of codes, in log-odds.
    """

    scores: Float[np.ndarray, " L"]
    evidence: Evidence | None = None
    sources: Sources | None = None


def sum_to_one(weights: Float[np.ndarray, "K N"]) -> Float[np.ndarray, "K N"]:
    """Rows of evidence as shares; a row without any stays 0."""
    sums = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0)


class Predictor(Protocol):
    """What was fitted, ready to read.

    `network` is the model where there is one. `shares`: whether the rows of a reading are
    representations that codes share. `width`: how many words the narrowest window has that a
    row's weight stands for.
    """

    has_evidence: bool
    network: nn.Module | None
    shares: bool
    width: int

    def score(self, documents: Documents) -> np.ndarray:
        """The log-odds of every code for every document, float32 [D, L]."""
        ...

    def read(self, note: TokenisedNote, evidence: bool) -> Prediction:
        """One note, alone; no score depends on whether evidence is asked for."""
        ...

    def reading(self, note: TokenisedNote, threshold: float) -> Reading:
        """Table 5 of one note: what was read for the codes scored above a threshold."""
        ...


class ReadsWords:
    """What predictors that read the words themselves have in common: a row of evidence a code."""

    has_evidence = True
    network = None
    shares = False
    width = 1

    def score(self, documents: Documents) -> np.ndarray:
        """Its scores come from the fit: token ids do not tell words that the vocabulary lacks."""
        raise ValueError(f"{type(self).__name__} reads words, not token ids; fit it again")

    def read(self, note: TokenisedNote, evidence: bool) -> Prediction:
        """One note, every word of it."""
        raise NotImplementedError

    def reading(self, note: TokenisedNote, threshold: float) -> Reading:
        """Of each predicted code its evidence."""
        from isd_pipeline.predictors.attention import reading_of_predicted

        found = self.read(note, True)
        if found.evidence is None:
            raise ValueError("nothing here has evidence to show")
        return reading_of_predicted(found.scores, threshold, found.evidence)


class Vectors(NamedTuple):
    """What `embed` made: of words, of words in the width of the codes, of codes."""

    words: Embedding
    code_words: Embedding
    codes: Embedding


@dataclass(frozen=True)
class TrainingData:
    """What a cohort gives to learn from. What is large or not always there is read when called.

    `base_scores`: of an ensemble's base models, by name and seed, their scores. `mentions`: of the
    training documents, none where nobody looked. `first`: of a last training, whose dev trains as
    well, the fitted model of the first, an `Artifact`.
    """

    documents: Mapping[str, Documents]
    codes: CodeIndex
    vocabulary: Vocabulary
    revision: Revision
    language: Language
    tokeniser: Tokeniser
    vectors: Callable[[], Vectors]
    words: Callable[[], Words]
    base_scores: Mapping[str, Mapping[int, Callable[[], Scores]]] = field(default_factory=dict)
    first: Callable[[], Any] | None = None
    mentions: Callable[[], Mentions] = no_mentions


@dataclass(frozen=True)
class Options:
    """How to fit, beside the settings: nothing here but the seed and the device changes a number.

    `code` is the hash of the code, by which an interrupted training is found again. `dev_figures`
    measures scores of the development set. `on_epoch` is told the figures of every epoch.
    """

    seed: int
    dev_figures: DevFigures
    device: str = "cpu"
    jobs: int = 1
    code: str = ""
    on_epoch: Callable[[int, Mapping[str, float]], None] = lambda epoch, figures: None


@dataclass(frozen=True)
class Fitted:
    """Weights and the settings that build them; what the fit was like.

    `scores` of dev and test where the fit gives them itself: an ensemble's of dev are of fits
    that have not seen the document. `fingerprints` of what only this system read, such as an
    encoder. `scratch` is where an interrupted training would wait.
    """

    weights: Mapping[str, Tensor]
    settings: dict[str, Any]
    figures: dict[str, float]
    history: Sequence[Mapping[str, float]] = ()
    scores: Scores | None = None
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    scratch: Path | None = None
