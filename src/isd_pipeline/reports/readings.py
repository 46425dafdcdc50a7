"""Table 5 of the paper: what the shared representations read in a note, and what they predict.

Of a system whose codes read for themselves: what each predicted code read.

The page holds the notes themselves. It belongs where notes may be, and nowhere else.

Axes: Q shared representations, or codes that read for themselves, N words of a document, of
which a truncated one was read to M.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.predictors.attention import note_as_html
from isd_pipeline.reports.cells import template
from isd_pipeline.reports.drawing import FAINT, on_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS = 64  # of the picture of the attention


@dataclass(frozen=True, kw_only=True)
class ReadNote:
    """One document as a model read it.

    texts: of its notes.  begins, ends: [N], of its words, each in its own note.  note_starts: each
    note's first word.  attention: [Q, M].  rows: what `representations_read` gives.  gold: the
    codes it has, of those that somebody marked.  marked: [N], the words marked for any of them.
    """

    texts: Sequence[str]
    begins: np.ndarray
    ends: np.ndarray
    note_starts: Sequence[int]
    attention: np.ndarray
    rows: Sequence[Mapping[str, Any]]
    gold: Sequence[str]
    marked: np.ndarray


def readings_page(notes: Sequence[ReadNote], codes: CodeIndex, shared: bool = True) -> str:
    """Some notes, one after the other: the table, the picture of the attention, the text.

    `shared`: whether rows are of representations that codes share, not of single codes.
    """
    from markupsafe import Markup

    titles = dict(zip(codes.codes, codes.titles, strict=True))
    of = "representation" if shared else "code, in the table's order"
    parts = [
        {
            "rows": [_row(note, row) for row in note.rows],
            "gold": [(code, titles[code]) for code in note.gold],
            "picture": Markup(attention_picture(note.attention, f"note-{n}", of)),
            "text": [Markup(part) for part in _as_read(note)],
        }
        for n, note in enumerate(notes, start=1)
    ]
    return template("templates/readings.html.jinja").render(
        notes=parts, titles=titles, shared=shared
    )


def attention_picture(attention: np.ndarray, name: str, of: str = "representation") -> str:
    """A line a representation or code, a column a word, the darker the more weight is there.

    Nothing where no code was predicted of those that read for themselves.
    """
    if not len(attention):
        return ""
    shown = attention[:MOST_ROWS]
    relative = shown / np.maximum(shown.max(axis=1, keepdims=True), np.finfo(np.float32).tiny)

    def draw(axes: Axes) -> None:
        axes.imshow(relative, aspect="auto", cmap="Oranges", vmin=0, vmax=1, interpolation="none")
        axes.set(xlabel="word of the note", ylabel=of)
        axes.grid(visible=False)
        axes.tick_params(colors=FAINT)

    return on_axes(name, draw, size=(11.0, 3.2))


def _row(note: ReadNote, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the table, its places replaced by what stands there."""
    words = [
        (" ".join(note.texts[one["note"]][one["begin"] : one["end"]].split()), one["weight"])
        for one in row["words"]
    ]
    return {**row, "words": words}


def _as_read(note: ReadNote) -> list[str]:
    """Each of the notes, its words as dark as the rows of the table make them."""
    weights = np.zeros(len(note.begins))
    chosen = note.attention[[row["representation"] for row in note.rows]]
    if len(chosen):
        weights[: chosen.shape[1]] = chosen.max(axis=0)
    bounds = [*note.note_starts, len(note.begins)]
    found = []
    for text, first, last in zip(note.texts, bounds[:-1], bounds[1:], strict=True):
        begins, ends = note.begins[first:last], note.ends[first:last]
        marked = np.flatnonzero(note.marked[first:last])
        spans = [(int(begins[word]), int(ends[word])) for word in marked]
        found.append(note_as_html(text, begins, ends, weights[first:last], spans))
    return found
