"""The words that weigh most, as stretches of the note: what a coder is shown for a code.

Axes: N words of a note.
"""

from dataclasses import dataclass

import numpy as np

from isd_pipeline.shapes import Float, Int
from isd_pipeline.text.scopes import Cue

# Of 30 pairs, the one whose words agreed best with planted evidence (docs/coding.md).
WORDS = 10  # that are shown for a code, at most
LEAST = 0.25  # of the heaviest word's weight: what is lighter is not shown


@dataclass(frozen=True)
class Span:
    """A stretch of a note: code points [begin, end), and the weight of its words together.

    `view` is the language of the text that it is of, where a note may have several. `context` says
    what it stands for, if not simply for a finding of the patient; `section`, under what heading.
    """

    begin: int
    end: int
    weight: float
    view: str | None = None
    context: tuple[Cue, ...] = ()
    section: str | None = None


def spans(
    weights: Float[np.ndarray, " N"], begins: Int[np.ndarray, " N"], ends: Int[np.ndarray, " N"]
) -> list[Span]:
    """The heaviest words, those that follow each other as one stretch, in the note's order.

    At most `WORDS` words, none lighter than `LEAST` of the heaviest; of equals the earlier. As the
    weights of a code sum to 1, those of its stretches sum to the share of attention that is shown.
    """
    order = np.argsort(-weights, kind="stable")[:WORDS]
    least = LEAST * weights.max(initial=0.0)
    shown = np.sort(order[(weights[order] >= least) & (weights[order] > 0)])
    gaps = np.flatnonzero(np.diff(shown) > 1) + 1
    return [
        Span(int(begins[run[0]]), int(ends[run[-1]]), min(1.0, float(weights[run].sum())))
        for run in np.split(shown, gaps)
        if len(run)
    ]
