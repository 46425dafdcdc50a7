"""What the evidence of suggested codes stands for: whose finding it is, and whether it is one.

The marks are shown and no score is touched. A code all of whose evidence is denied or another
person's comes below the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from isd_pipeline.coding.evidence import Span
from isd_pipeline.text.context import Context
from isd_pipeline.text.cues import LANGUAGES, Kind, cues_of, plain

if TYPE_CHECKING:
    from isd_pipeline.coding.coder import Answer, Note, Suggestion

NOT_THE_PATIENTS: tuple[Kind, ...] = ("denied", "family")


def in_context(answer: Answer, texts: Mapping[str | None, Note]) -> Answer:
    """An answer whose evidence has its context and section, marked codes last.

    `texts` are what was read, by the view that the evidence names.
    """
    if not any(code.evidence for code in answer.codes):
        return answer
    contexts = {view: Context(note.text, note.language) for view, note in texts.items()}
    codes = [_in_context(code, contexts) for code in answer.codes]
    codes.sort(key=lambda code: bool(code.evidence_only))  # stable: else the likeliest first
    return replace(answer, codes=tuple(codes))


def _in_context(code: Suggestion, contexts: Mapping[str | None, Context]) -> Suggestion:
    evidence = tuple(
        replace(
            span,
            context=contexts[span.view].of(span.begin, span.end),
            section=contexts[span.view].section(span.begin),
        )
        for span in code.evidence
    )
    only = [set(_against(code.title, span, contexts)) for span in evidence]
    kinds = set().union(*only) if only and all(only) else set()
    return replace(code, evidence=evidence, evidence_only=tuple(sorted(kinds)))


def _against(
    title: str, span: Span, contexts: Mapping[str | None, Context]
) -> Iterator[Kind]:
    """The kinds that say that a stretch is no finding of the patient, for a code of this title.

    "Family history of asthma" is a relative's by itself, and of "acquired absence of kidney" an
    absence is no denial: what the title says says nothing against the code.
    """
    kinds, phrases = _said_by(title)
    for cue in span.context:
        phrase = contexts[span.view].phrase(cue)
        if cue.kind == "denied" and phrase not in phrases:
            yield cue.kind
        if cue.kind == "family" and cue.kind not in kinds:
            yield cue.kind


def _said_by(title: str) -> tuple[set[Kind], set[str]]:
    """The kinds of the cues in a title, and the cues themselves, of either language."""
    text, kinds, phrases = plain(title), set[Kind](), set[str]()
    for language in LANGUAGES:
        for begin, end, roles in cues_of(language).find(text, 0, len(text)):
            kinds.update(role.kind for role in roles if role.reach != "ends")
            phrases.add(" ".join(text[begin:end].split()))
    return kinds, phrases
