"""One or two texts of a report in, its likeliest codes out, with the texts that were read.

A text alone is answered for by the bundle of its language: nothing stands in for the text that is
not there. Of both texts the scores of both bundles are weighed by the ensemble that dev has tuned.

Axes: K codes shown, N words of a note.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from scipy.special import expit

from isd_pipeline.coding import caution
from isd_pipeline.coding.caution import Caution
from isd_pipeline.coding.coder import (
    TUNED,
    Answer,
    Coder,
    Model,
    Note,
    NoteWords,
    Scale,
    Suggestion,
    cut_of,
)
from isd_pipeline.coding.context import in_context
from isd_pipeline.coding.evidence import Span
from isd_pipeline.coding.view_bundle import ViewBundle
from isd_pipeline.predictors.base import Prediction, Sources
from isd_pipeline.predictors.long_notes import LongNotes
from isd_pipeline.shapes import Int


class ViewCoder:
    """A bundle of two views made ready to code notes, as `Coder` is for a bundle of one."""

    def __init__(
        self, bundle: ViewBundle, device: str = "cpu", long_notes: LongNotes = "windows"
    ) -> None:
        self.bundle = bundle
        self._coders = {
            language: Coder(one, device, long_notes) for language, one in bundle.views.items()
        }
        self._name = Model(bundle.name, bundle.sha256)
        self._rules = next(iter(self._coders.values())).rules

    @property
    def languages(self) -> tuple[str, ...]:
        """Of its views."""
        return tuple(self._coders)

    @property
    def has_evidence(self) -> bool:
        """Whether any view has."""
        return any(coder.has_evidence for coder in self._coders.values())

    @property
    def cautions_missing(self) -> str | None:
        """As of `Coder`: what its views or both together lack."""
        lacks = [coder.cautions_missing for coder in self._coders.values()]
        return next(filter(None, [caution.missing(self.bundle.usual), *lacks]), None)

    def code(
        self,
        notes: Sequence[Note],
        *,
        top: int = 15,
        threshold: str | float = TUNED,
        evidence: bool = True,
    ) -> list[Answer]:
        """Answer for each note, in their order, as `Coder.code` does.

        A note of one text has the codes, scores and threshold that the bundle of its language has
        for it. Where no language is given, it is that whose vocabulary knows more of the words.

        Raises:
            ValueError: a language that no view has, or twice in a note; a threshold that is none.
        """
        cut = cut_of(threshold, self.bundle.threshold_tuned, self.bundle.temperature)
        scale = Scale(self.bundle.codes, cut, self.bundle.temperature)
        return [self._answer(note, scale, top, threshold, evidence) for note in notes]

    def _answer(
        self, note: Note, scale: Scale, top: int, threshold: str | float, evidence: bool
    ) -> Answer:
        texts, said = self._texts(note)
        words = {language: self._coders[language].words([text])[0] for language, text in texts}
        problems = {language: of.problem for language, of in words.items() if of.problem}
        read = {language: of for language, of in words.items() if language not in problems}
        if len(read) == 2:
            answer = in_context(self._of_both(note.id, read, scale, top, evidence), dict(texts))
            said += [f"{name} was not read whole" for name, of in read.items() if of.truncated_at]
        else:
            language, text = next((one for one in texts if one[0] in read), texts[0])
            coder = self._coders[language]
            [alone] = coder.code([text], top=top, threshold=threshold, evidence=evidence)
            answer = _viewed(alone, language)
        if len(problems) == 2:
            told = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
            answer = replace(answer, problem=told)
        elif len(texts) == 2:
            said += [f"{name} is left out: {problem}" for name, problem in problems.items()]
        remark = "; ".join(said) or None
        return replace(
            answer,
            model=self._name,
            views=tuple(read),
            remark=remark,
            words=sum(map(len, words.values())),
            unknown_words=sum(of.unknown for of in words.values()),
        )

    def _texts(self, note: Note) -> tuple[list[tuple[str, Note]], list[str]]:
        """A note's texts by language, in the order of the views; how a language was found."""
        given = [replace(one, others=()) for one in (note, *note.others)]
        languages = [one.language for one in given]
        if languages == [None]:
            language, said = self._guess(given[0])
            return [(language, replace(given[0], language=language))], said
        if len(set(languages)) < len(languages) or not set(languages) <= {*self.languages}:
            known = " and ".join(self.languages)
            raise ValueError(f"a note's texts are each in one language, of {known}, and say which")
        return [
            (one, given[languages.index(one)]) for one in self.languages if one in languages
        ], []

    def _guess(self, note: Note) -> tuple[str, list[str]]:
        """The view whose vocabulary knows the largest share of a note's words."""
        known = {}
        for language, coder in self._coders.items():
            tokens = coder.words([note])[0].read.tokens
            unknown = coder.bundle.vocabulary.unknown
            known[language] = float((tokens != unknown).mean()) if len(tokens) else 0.0
        language = max(known, key=lambda one: known[one])
        if not known[language]:
            return language, []  # what is wrong with the note says its answer
        shares = ", ".join(f"{100 * share:.0f} % {one}" for one, share in known.items())
        return language, [f"no language was given; by known words ({shares}) it is {language}"]

    def _of_both(
        self,
        identifier: str,
        words: Mapping[str, NoteWords],
        scale: Scale,
        top: int,
        evidence: bool,
    ) -> Answer:
        found = {name: self._coders[name].read(of, evidence) for name, of in words.items()}
        ensemble = self.bundle.ensemble
        x = ensemble.features({name: one.scores[None] for name, one in found.items()}, [])
        sources = partial(ensemble.sources, x[0])
        together = Prediction(ensemble.weights.score(x)[0], sources=sources)
        stopped = [of.truncated_at for of in words.values() if of.truncated_at is not None]
        codes = scale.suggest(together, top, partial(_spans, found, words, sources))
        return Answer(
            id=identifier,
            codes=self._rules.judge(codes, together.scores),
            threshold=float(expit(scale.cut / scale.temperature)),
            truncated_at=next(iter(stopped), None),
            problem=None,
            model=self._name,
            books=self._rules.editions,
            caution=self._cautions(words, together, codes),
        )

    def _cautions(
        self, words: Mapping[str, NoteWords], found: Prediction, codes: Sequence[Suggestion]
    ) -> tuple[Caution, ...] | None:
        """Of each text those of its words, and of both together that of their scores."""
        usual = self.bundle.usual
        if usual is None:
            return None
        of_words = [
            one | {"view": name}
            for name, of in words.items()
            for one in self._coders[name].cautions(of)
        ]
        of_scores = caution.of_scores(usual, found.scores, self.bundle.temperature)
        return (*of_words, *of_scores, *caution.of_codes(usual, codes))


def _viewed(answer: Answer, language: str) -> Answer:
    """An answer whose evidence and cautions name the text that they are of."""
    codes = [
        replace(code, evidence=tuple(replace(span, view=language) for span in code.evidence))
        for code in answer.codes
    ]
    unlike = answer.caution and tuple(one | {"view": language} for one in answer.caution)
    return replace(answer, codes=tuple(codes), caution=unlike)


def _spans(
    found: Mapping[str, Prediction],
    words: Mapping[str, NoteWords],
    sources: Sources,
    shown: Int[np.ndarray, " K"],
) -> list[tuple[Span, ...]]:
    """The evidence of both texts for each code, each text's by how much it adds to the score.

    A text that lowers a score gives no evidence for the code.
    """
    adds = sources(shown)
    weights = {
        name: np.maximum(adds[name], 0)[:, None] * one.evidence(shown)
        for name, one in found.items()
        if one.evidence is not None
    }
    total = sum(of.sum(axis=1) for of in weights.values())
    spans: list[tuple[Span, ...]] = [()] * len(shown)
    for name, of in weights.items():
        for k, row in enumerate(np.divide(of.T, total, out=0 * of.T, where=total > 0).T):
            spans[k] += tuple(replace(span, view=name) for span in words[name].spans(row))
    return spans
