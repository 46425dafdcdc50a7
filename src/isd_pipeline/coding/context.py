"""What the evidence of suggested codes stands for: whose finding it is, and whether it is one.

The marks are shown and no score is touched. A code all of whose evidence is denied or another
person's comes below the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from isd_pipeline.text.context import Context
from isd_pipeline.text.cues import LANGUAGES, Kind, cues_of, plain
from isd_pipeline.text.normal_form import normal_form
from isd_pipeline.text.scopes import Cue

if TYPE_CHECKING:
    from isd_pipeline.coding.coder import Answer, Note, Suggestion

AGAINST: tuple[Kind, ...] = ("denied", "family")  # says that a finding is not the patient's


def in_context(answer: Answer, texts: Mapping[str | None, Note]) -> Answer:
    """An answer whose evidence has its context and section, marked codes last.

    `texts` are what was read, by the view that the evidence names.
    """
    if not any(code.evidence for code in answer.codes):
        return answer
    contexts = {view: _Read(note) for view, note in texts.items()}
    codes = [_in_context(code, contexts) for code in answer.codes]
    codes.sort(key=lambda code: bool(code.evidence_only))  # stable: else the likeliest first
    return replace(answer, codes=tuple(codes))


class _Read:
    """The context of stretches of a note that is read in normal form; all places are the note's."""

    def __init__(self, note: Note) -> None:
        self._form = normal_form(note.text)
        self._context = Context(self._form.text, note.language)

    def of(self, begin: int, end: int) -> tuple[Cue, ...]:
        cues = self._context.of(*self._form.found(begin, end))
        return tuple(Cue(cue.kind, *self._form.place(cue.begin, cue.end)) for cue in cues)

    def phrase(self, cue: Cue) -> str:
        return self._context.phrase(Cue(cue.kind, *self._form.found(cue.begin, cue.end)))

    def section(self, begin: int) -> str | None:
        return self._context.section(self._form.found(begin, begin + 1)[0])


def _in_context(code: Suggestion, contexts: Mapping[str | None, _Read]) -> Suggestion:
    evidence = tuple(
        replace(
            span,
            context=contexts[span.view].of(span.begin, span.end),
            section=contexts[span.view].section(span.begin),
        )
        for span in code.evidence
    )
    phrases = [
        [(cue.kind, contexts[span.view].phrase(cue)) for cue in span.context if cue.kind in AGAINST]
        for span in evidence
    ]
    only = _only(phrases, code.title) if phrases and all(phrases) else ()
    return replace(code, evidence=evidence, evidence_only=only)


def _only(phrases: list[list[tuple[Kind, str]]], title: str) -> tuple[Kind, ...]:
    """The kinds that all the evidence of a code is of; none if a stretch may be the patient's own.

    "Family history of asthma" is a relative's by itself, and of "acquired absence of kidney" an
    absence is no denial: what the code's title says, says nothing against the code.
    """
    kinds, said = _said_by(title)
    against = [
        {
            kind
            for kind, phrase in of
            if phrase not in said and not (kind == "family" and kind in kinds)
        }
        for of in phrases
    ]
    return tuple(sorted(set().union(*against))) if all(against) else ()


@lru_cache(maxsize=4096)
def _said_by(title: str) -> tuple[frozenset[Kind], frozenset[str]]:
    """The kinds of the cues in a title, and the cues themselves, of either language."""
    text, kinds, phrases = plain(title), set[Kind](), set[str]()
    for language in LANGUAGES:
        for begin, end, roles in cues_of(language).find(text, 0, len(text)):
            kinds.update(role.kind for role in roles if role.reach != "ends")
            phrases.add(" ".join(text[begin:end].split()))
    return frozenset(kinds), frozenset(phrases)
