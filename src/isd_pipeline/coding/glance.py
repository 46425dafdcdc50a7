"""Answers at a glance, for a terminal: the codes of each, by its number. No word of it, no id."""

from collections.abc import Iterator, Sequence

from isd_pipeline.coding.coder import Answer, Suggestion
from isd_pipeline.data.codes.titles import called

NOTES, CODES = 5, 3  # shown: notes of many, codes of each
OF_ONE = 12  # codes of a note that is the only one


def glance(first: Sequence[Answer], notes: int) -> Iterator[str]:
    """Lines on the `first` of so many notes; of a single note its codes with their titles."""
    if notes == 1 and first[0].problem is None:
        yield from _of_one(first[0])
        return
    for number, answer in enumerate(first, start=1):
        yield f"note {number}: {_in_a_line(answer)}"
    if notes > len(first):
        yield f"and {notes - len(first):,} more notes"


def _of_one(answer: Answer) -> Iterator[str]:
    chosen = _above(answer)
    reached = "codes above the threshold of" if chosen else "no code reaches the threshold of"
    # Where few notes tuned it, it may be far below a hundredth.
    threshold = f"{answer.threshold:{'.2f' if answer.threshold >= 0.01 else '.1g'}}"
    yield f"{reached} {threshold}{':' if chosen else '; the likeliest:'}"
    shown = chosen[:OF_ONE] or answer.codes[:CODES]
    width = max((len(one.code) for one in shown), default=0)
    for one in shown:
        only = f" (only {', '.join(one.evidence_only)})" if one.evidence_only else ""
        yield f"  {one.code:{width}}  {one.score:.2f}  {called(one.title, one.title_of)}{only}"
    if len(chosen) > len(shown):
        yield f"  and {len(chosen) - len(shown)} more"


def _in_a_line(answer: Answer) -> str:
    if answer.problem is not None:
        return f"no codes: {answer.problem}"
    chosen = _above(answer)
    shown = ", ".join(f"{one.code} {one.score:.2f}" for one in (chosen or answer.codes)[:CODES])
    if not chosen:
        return f"none above the threshold; likeliest {shown}"
    return shown + (f" and {len(chosen) - CODES} more" if len(chosen) > CODES else "")


def _above(answer: Answer) -> list[Suggestion]:
    return [one for one in answer.codes if one.above_threshold]
