"""What reads one note: a network, several trainings of one, a logistic regression, or a stack.

Each gives the scores of all codes; if it is asked to, also a function that says which words speak
for some of them. A network reads words by their numbers, up to a limit; the others every word.

Axes: L codes, K of them asked for, N words of a note.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn

from isd_pipeline.models.names import FLOORS, MEAN, STACK
from isd_pipeline.models.registry import load
from isd_pipeline.models.system import rebuild
from isd_pipeline.predictors.attention import read_note, shares_representations
from isd_pipeline.predictors.ensemble import FREQUENCY, NAMES, Stack
from isd_pipeline.predictors.evidence import code_evidence, has_evidence
from isd_pipeline.predictors.kept import linear_of, stack_of
from isd_pipeline.predictors.linear import LinearModel
from isd_pipeline.predictors.scoring import predict
from isd_pipeline.shapes import Float, Int
from isd_pipeline.text.documents import Documents

Evidence = Callable[[Int[np.ndarray, " K"]], Float[np.ndarray, "K N"]]
Sources = Callable[[Int[np.ndarray, " K"]], Mapping[str, Float[np.ndarray, " K"]]]


@dataclass(frozen=True)
class NoteWords:
    """A note's words as they are known, as numbers, [N], and the words that begin sentences.

    The last is None where nobody looked, which a system that reads sentences refuses.
    """

    words: Sequence[str]
    tokens: Int[np.ndarray, " N"]
    sentences: Int[np.ndarray, " X"] | None

    @classmethod
    def of_document(cls, documents: Documents, n: int, words: Sequence[str]) -> NoteWords:
        """Document n of a split, whose words in letters are `words`."""
        sentences = None if documents.sentences is None else documents.sentences_of(n)
        return cls(words, documents.tokens_of(n), sentences)

    def until(self, limit: int) -> Documents:
        """The first of them as the only document there is."""
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
class Found:
    """What was read: log-odds [L]; the evidence of codes, rows that sum to 1 or are 0.

    `sources` says what each part of a stack adds to the scores of codes, in log-odds.
    """

    scores: Float[np.ndarray, " L"]
    evidence: Evidence | None = None
    sources: Sources | None = None


@dataclass(frozen=True)
class Reader:
    """`read` takes a note and whether evidence is wanted, which no score depends on."""

    read: Callable[[NoteWords, bool], Found]
    has_evidence: bool = True


def reader_of(
    settings: Mapping[str, Any], weights: Mapping[str, Tensor], device: str = "cpu"
) -> Reader:
    """What reads notes by the settings and weights of a bundle.

    Raises a KeyError, TypeError or ValueError where they do not fit each other or this version.
    """
    if settings["system"] in FLOORS:
        return Reader(partial(_read_linear, linear_of(settings, weights)))
    members = {
        name: reader_of(of_member, under(name, weights), device)
        for name, of_member in settings.get("members", {}).items()
    }
    if settings["system"] == STACK:
        return Reader(partial(_read_stack, stack_of(settings, under(STACK, weights)), members))
    if settings["system"] == MEAN:
        of_seeds = list(members.values())
        return Reader(partial(_read_mean, of_seeds), any(one.has_evidence for one in of_seeds))
    model = rebuild(settings, weights).to(device).eval()
    return Reader(partial(_read_network, model, settings, device), has_evidence(model))


def under(name: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of one part of a stack, by their own names."""
    head = f"{name}/"
    return {key.removeprefix(head): value for key, value in weights.items() if key.startswith(head)}


def _read_linear(model: LinearModel, note: NoteWords, evidence: bool) -> Found:
    (scores,) = model([note.words])
    return Found(scores, partial(model.evidence, note.words) if evidence else None)


def _read_network(
    model: nn.Module, settings: Mapping[str, Any], device: str, note: NoteWords, evidence: bool
) -> Found:
    limit, told = settings["training"]["max_tokens"], load(settings["system"]).sentences
    read, reading = note.until(limit), None
    if evidence and shares_representations(model):
        reading = read_note(model, read.tokens)
    scores = (
        predict(model, read, batch_size=1, max_tokens=limit, device=device, sentences=told)[0]
        if reading is None
        else reading.scores
    )
    sentences = read.sentences_of(0) if told else None
    asked = {"max_tokens": limit, "sentences": sentences, "reading": reading}
    shown = evidence and has_evidence(model)
    return Found(scores, _evidence(model, note, asked) if shown else None)


def _evidence(model: nn.Module, note: NoteWords, asked: Mapping[str, Any]) -> Evidence:
    return lambda codes: code_evidence(model, note.tokens, codes, **asked)


def _read_mean(of_seeds: Sequence[Reader], note: NoteWords, evidence: bool) -> Found:
    """Trainings that differ in their seed: the mean of what they say, and of where they point."""
    found = [reader.read(note, evidence) for reader in of_seeds]
    shown = [one.evidence for one in found if one.evidence is not None]
    scores = np.mean([one.scores for one in found], axis=0)
    return Found(scores, partial(_mean_evidence, shown) if shown else None)


def _mean_evidence(
    shown: Sequence[Evidence], codes: Int[np.ndarray, " K"]
) -> Float[np.ndarray, "K N"]:
    return np.mean([evidence(codes) for evidence in shown], axis=0)


def _read_stack(
    stack: Stack, members: Mapping[str, Reader], note: NoteWords, evidence: bool
) -> Found:
    found = {name: reader.read(note, evidence) for name, reader in members.items()}
    scores = {name: one.scores[None] for name, one in found.items()}
    x = stack.features(scores, [note.words])
    sources = partial(stack.sources, x[0])
    parts = {name: one.evidence for name, one in found.items()}
    if stack.match is not None:
        parts[NAMES] = partial(stack.match.evidence, note.words)
    together = partial(_together, parts, sources, len(note.words)) if evidence else None
    return Found(stack.weights.score(x)[0], together, sources)


def _together(
    parts: Mapping[str, Evidence | None],
    sources: Sources,
    n_words: int,
    codes: Int[np.ndarray, " K"],
) -> Float[np.ndarray, "K N"]:
    """The evidence of each source that speaks for a code, by how much it adds to its score.

    How frequent a code is stands in no word, and a source without evidence for a code points
    nowhere: the rest then make up the whole.
    """
    total, adds = np.zeros((len(codes), n_words)), sources(codes)
    for name, added in adds.items():
        evidence = None if name == FREQUENCY else parts[name]
        if evidence is not None:
            total += np.maximum(added, 0)[:, None] * evidence(codes)
    sums = total.sum(axis=1, keepdims=True)
    return np.divide(total, sums, out=total, where=sums > 0)
