"""What a coder may decide about a note, and what is open before it can be signed off.

Nothing is accepted beforehand: a suggestion above the threshold is open until somebody has accepted
it, rejected it, or said to be unsure. One below the threshold may be decided. A note that is signed
off is opened again before anything else is decided about it.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from isd_pipeline.coding.codebook import Codebook
from isd_pipeline.coding.coder import Answer, Suggestion
from isd_pipeline.coding.page import texts_of
from isd_pipeline.desk.entries import OF_NOTE, Decision, Place, State, Verdict
from isd_pipeline.desk.worklist import Filed

JUDGED = ("accepted", "rejected", "unsure")  # of what was suggested
MOST_PLACES = 100  # that are marked for one code


class NotAllowedError(ValueError):
    """A decision that cannot be made; the line says why, without a word of the note."""


class Marked(BaseModel):
    """A stretch of the note that the coder marked: code points [begin, end) of the text `view`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    begin: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=1)]
    view: Annotated[str, Field(max_length=20)] | None = None


class Asked(BaseModel):
    """A decision as the screen sends it; `seen` is the note's last entry that its coder knew of."""

    model_config = ConfigDict(extra="forbid", strict=True)

    who: Annotated[str, Field(max_length=100)]
    decision: Verdict
    seen: Annotated[int, Field(ge=0)]
    code: Annotated[str, Field(max_length=40)] | None = None
    marked: Annotated[list[Marked], Field(max_length=MOST_PLACES)] = []


def open_codes(answer: Answer, state: State) -> list[str]:
    """The suggestions above the threshold about which nothing was decided yet."""
    above = [code.code for code in answer.codes if code.above_threshold]
    return [code for code in above if code not in state.codes]


def decision_of(
    asked: Asked, filed: Filed, answer: Answer, state: State, codebook: Codebook
) -> Decision:
    """What goes into the record for what was asked; NotAllowedError for what may not be decided."""
    who = " ".join(asked.who.split())
    if not who:
        raise NotAllowedError("say who you are first: a decision carries your name")
    if asked.decision in OF_NOTE:
        _refuse_of_note(asked, answer, state)
    else:
        _refuse_of_code(asked, answer, state, codebook)
    suggestion = next((one for one in answer.codes if one.code == asked.code), None)
    marked = _marked(asked, filed, answer)
    return Decision(
        who=who,
        bundle=answer.model.name,
        bundle_sha256=answer.model.sha256,
        note=filed.note.id,
        text_sha256=filed.text_sha256,
        decision=asked.decision,
        code=asked.code,
        system=_system(asked.code, state, codebook),
        score=suggestion.score if suggestion else None,
        threshold=answer.threshold if suggestion else None,
        evidence=marked or _shown(suggestion),
        marked=bool(marked),
    )


def _refuse_of_note(asked: Asked, answer: Answer, state: State) -> None:
    waiting = open_codes(answer, state)
    if asked.code is not None or asked.marked:
        raise NotAllowedError("a decision about the note has no code")
    if asked.decision == "reopened" and not state.signed_off:
        raise NotAllowedError("the note is not signed off")
    if asked.decision == "signed_off" and state.signed_off:
        raise NotAllowedError("the note is signed off already")
    if asked.decision == "signed_off" and waiting:
        raise NotAllowedError(f"still open: {', '.join(waiting)}")


def _refuse_of_code(asked: Asked, answer: Answer, state: State, codebook: Codebook) -> None:
    if state.signed_off:
        raise NotAllowedError("the note is signed off: open it again first")
    if asked.code is None:
        raise NotAllowedError("a code is wanted")
    if asked.decision == "undone" and asked.code not in state.codes:
        raise NotAllowedError("nothing is decided about the code that could be undone")
    if asked.decision == "added" and asked.code not in codebook:
        raise NotAllowedError("the bundle has no such code")
    if asked.decision in JUDGED and asked.code not in (one.code for one in answer.codes):
        raise NotAllowedError("the code was not suggested: add it")


def _system(code: str | None, state: State, codebook: Codebook) -> str | None:
    """The coding system of a code; of one that another bundle had, as it was recorded."""
    if code is None:
        return None
    return codebook[code].system if code in codebook else state.codes[code].system


def _shown(suggestion: Suggestion | None) -> tuple[Place, ...]:
    spans = suggestion.evidence if suggestion else ()
    return tuple(Place(span.begin, span.end, span.view) for span in spans)


def _marked(asked: Asked, filed: Filed, answer: Answer) -> tuple[Place, ...]:
    """What the coder marked, in the note's order; refused where it is no stretch of the note."""
    sizes = {view: len(text) for view, text in texts_of(filed.note, answer).items()}
    places = {Place(one.begin, one.end, one.view) for one in asked.marked}
    for place in places:
        if not place.begin < place.end <= sizes.get(place.view, 0):
            raise NotAllowedError("a stretch that is marked is none of the note's")
    return tuple(sorted(places, key=lambda place: (place.view or "", place.begin, place.end)))
