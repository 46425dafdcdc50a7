"""A file of notes into a file of answers, a few notes at a time."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from isd_pipeline.coding.answers import Coded, form_of
from isd_pipeline.coding.coder import TUNED, Answer, Coder, Note
from isd_pipeline.coding.glance import NOTES
from isd_pipeline.coding.model_card import short_card
from isd_pipeline.coding.notes import AS_USUAL, NotesForm, read_notes, refuse_absent
from isd_pipeline.coding.view_coder import ViewCoder
from isd_pipeline.data.io.files import refuse_unwritable, replacing

AT_ONCE = 32  # notes in memory


def code_notes(
    coder: Coder | ViewCoder,
    notes: Path,
    to: Path,
    form: NotesForm = AS_USUAL,
    *,
    first: list[Answer] | None = None,
    **asked: Any,
) -> Counter[str]:
    """Answer for each note of a file, in its order, in a file written whole or not at all.

    `form` says how the notes are written, `asked` is what `Coder.code` may be told; `first` is
    given the answers that a `glance` shows. Counts notes; problems, of which there are no codes;
    truncated, which were not read to the end; words, and of them those that the vocabulary does
    not have, and the notes that are mostly of such; of a bundle that can tell them cautions, as of
    a note in another language; of one of two views remarks, as of a language that was not given.
    """
    write = form_of(to, short_card(coder.bundle))
    with replacing(to) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        return answer_notes(coder, notes, write, file, form, first=first, **asked)


def answer_notes(
    coder: Coder | ViewCoder,
    notes: Path,
    write: Callable[[Coded, TextIO], None],
    file: TextIO,
    form: NotesForm = AS_USUAL,
    *,
    first: list[Answer] | None = None,
    **asked: Any,
) -> Counter[str]:
    """The same, written to what is open already as the answers come."""
    counts, waiting = no_notes(coder), read_notes(notes, coder.languages, form)
    answers = coded(coder, waiting, counts, **asked)
    write(answers if first is None else _keeping(answers, first), file)
    return counts


def _keeping(
    answers: Iterator[tuple[Note, Answer]], first: list[Answer]
) -> Iterator[tuple[Note, Answer]]:
    for note, answer in answers:
        if len(first) < NOTES:
            first.append(answer)
        yield note, answer


def no_notes(coder: Coder | ViewCoder) -> Counter[str]:
    """What is counted of notes, at 0."""
    counts = Counter(notes=0, problems=0, truncated=0, words=0, unknown_words=0, foreign=0)
    if coder.bundle.usual is not None:
        counts["cautions"] = 0
    if coder.languages:
        counts["remarks"] = 0
    return counts


def coded(
    coder: Coder | ViewCoder, notes: Iterator[Note], counts: Counter[str], **asked: Any
) -> Iterator[tuple[Note, Answer]]:
    """Each note with its answer, counted as it goes by; few are held at a time."""
    while some := list(islice(notes, AT_ONCE)):
        for note, answer in zip(some, coder.code(some, **asked), strict=True):
            counts["notes"] += 1
            counts["problems"] += answer.problem is not None
            counts["truncated"] += answer.truncated_at is not None
            counts["words"] += answer.words
            counts["unknown_words"] += answer.unknown_words
            counts["foreign"] += 2 * answer.unknown_words > answer.words
            if answer.caution is not None:
                counts["cautions"] += bool(answer.caution)
            if coder.languages:
                counts["remarks"] += answer.remark is not None
            yield note, answer


def refuse_target(to: Path, notes: Path, *, force: bool) -> None:
    """Raise, before a model is opened, where the answers may not be written."""
    form_of(to)
    refuse_absent(notes)
    if to.is_dir():
        raise IsADirectoryError(f"{to}: is a folder; name a file for the answers")
    if to.exists() and to.samefile(notes):
        raise ValueError(f"{to}: these are the notes; name another file for the answers")
    if to.exists() and not force:
        raise FileExistsError(f"{to}: is there already; --force replaces it")
    refuse_unwritable(to)


def parse_threshold(text: str) -> str | float:
    """`tuned`, or a score from 0 to 1."""
    if text == TUNED:
        return text
    with suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise ValueError(f"threshold {text}: `{TUNED}` or a score from 0 to 1 is wanted")
