"""What a model read: its attention as places in the note, and how concentrated it is.

Axes: L codes, K of them, Q shared representations, N words of a note, D width, S spans of text.

A word stands for its window: the convolution lets the state of a word see its neighbours. What
the winner attends to is not the whole reason for a score: decoder layers mix the representations
with each other and read the note once more.
"""

import html
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isd_pipeline.models.system import ReadsByCode
from isd_pipeline.shapes import Bool, Float, Int


@dataclass(frozen=True)
class Reading:
    """One note as a model read it.

    scores: [L], logits.  winners: [L], which row of `attention` scored each code; -1 where that row
    was not asked for.  attention: [Q, N], one distribution over the note's words a shared
    representation, or a code that reads for itself.
    """

    scores: Float[np.ndarray, " L"]
    winners: Int[np.ndarray, " L"]
    attention: Float[np.ndarray, "Q N"]

    def attention_of(self, code: int) -> Float[np.ndarray, " N"]:
        """The weights over the words behind the score of one code."""
        if self.winners[code] < 0:
            raise ValueError(f"code {code}: its attention was not asked for")
        return self.attention[self.winners[code]]


def shares_representations(model: nn.Module) -> bool:
    """Whether codes have no attention of their own but are won by a shared representation."""
    return getattr(model, "shares_representations", False)


def read_note(model: Any, tokens: Int[np.ndarray, " N"]) -> Reading:
    """Read one note, given as token ids, by an ISD; the model is left in the mode it was in.

    Without shared representations (`per_label`) each code is its own winner, and `attention` as
    large as L x N: `code_attention` gives it of some codes, and of any other model.
    """
    with at_rest(model):
        words, _ = _on_device(model, tokens, None)
        output = model(words, words != 0, want_attention=True)
        if shares_representations(model):
            winners = winning_query(output.shared, model.codes)[0]
        else:
            winners = torch.arange(output.logits.shape[1])
        logits, attention = output.logits[0].float(), output.attention[0].float()
    return Reading(logits.cpu().numpy(), winners.cpu().numpy(), attention.cpu().numpy())


def code_attention(
    model: nn.Module,
    tokens: Int[np.ndarray, " N"],
    codes: Int[np.ndarray, " K"],
    sentences: Int[np.ndarray, " X"] | None = None,
) -> Float[np.ndarray, "K N"]:
    """What some codes attend to in a note that is read alone; every row sums to 1.

    It is the attention that the forward pass has, of these codes, without the [L, N] of all. A
    CNN has none: in its stead stands what each word's window adds to the code's score, where that
    is more than nothing; a row of a code for which no window is evidence is 0.

    `sentences`: the words at which they begin, for a system that reads them (`System.sentences`).
    A model whose codes attend to no word is refused by a ValueError.
    """
    if not isinstance(model, ReadsByCode):
        raise ValueError(f"{type(model).__name__} has no attention of its codes to the words")
    with at_rest(model):
        words, told = _on_device(model, tokens, sentences)
        asked = torch.from_numpy(codes.astype(np.int64)).to(words.device)
        attention = model.attention_of(words, words != 0, asked, **told)
        found: np.ndarray = attention.float().cpu().numpy()
    return found


def read_codes(
    model: nn.Module,
    tokens: Int[np.ndarray, " N"],
    threshold: float,
    sentences: Int[np.ndarray, " X"] | None = None,
) -> Reading:
    """`read_note` where codes read for themselves: attention of those scored above `threshold`."""
    with at_rest(model):
        words, told = _on_device(model, tokens, sentences)
        scores: np.ndarray = model(words, words != 0, **told).logits[0].float().cpu().numpy()
    return reading_of_predicted(
        scores, threshold, lambda codes: code_attention(model, tokens, codes, sentences)
    )


def reading_of_predicted(
    scores: Float[np.ndarray, " L"],
    threshold: float,
    attend: Callable[[Int[np.ndarray, " K"]], Float[np.ndarray, "K N"]],
) -> Reading:
    """What codes scored above `threshold` read, as `attend` gives it of the codes it is asked for.

    A row for each, the likeliest first; the winner of every other code is -1.
    """
    order = np.argsort(-scores, kind="stable")
    predicted = order[: int((scores > threshold).sum())]
    winners = np.full(len(scores), -1)
    winners[predicted] = np.arange(len(predicted))
    return Reading(scores, winners, attend(predicted))


@contextmanager
def at_rest(model: nn.Module) -> Iterator[None]:
    """The model as it reads, without dropout or gradient; left in the mode it was in."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)


def _on_device(
    model: nn.Module, tokens: Int[np.ndarray, " N"], sentences: Int[np.ndarray, " X"] | None
) -> tuple[Int[Tensor, "1 N"], dict[str, Tensor]]:
    """The words of one note, where the model is, and which of them it is told begin a sentence.

    Sentences behind the last word were not read.
    """
    device = next(model.parameters()).device
    words = torch.from_numpy(tokens.astype(np.int64))[None].to(device)
    if sentences is None:
        return words, {}
    begins = torch.zeros_like(words, dtype=torch.bool)
    read = sentences[sentences < len(tokens)].astype(np.int64)
    begins[0, torch.from_numpy(read).to(device)] = True
    return words, {"begins": begins}


def winning_query(
    shared: Float[Tensor, "B Q D"], codes: Float[Tensor, "L D"]
) -> Int[Tensor, "B L"]:
    """Which shared representation matches each code best, the first of equals: Eqs. 6 and 11."""
    return torch.stack([(codes @ note.mT).argmax(dim=1) for note in shared])


@dataclass(frozen=True)
class Windows:
    """The stretch of text around each word of a document, in the order of the words.

    note: [N], which of the document's notes it lies in.  begins, ends: [N], code points there.
    """

    note: Int[np.ndarray, " N"]
    begins: Int[np.ndarray, " N"]
    ends: Int[np.ndarray, " N"]

    def touch(
        self,
        note: Int[np.ndarray, " S"],
        begins: Int[np.ndarray, " S"],
        ends: Int[np.ndarray, " S"],
    ) -> Bool[np.ndarray, " N"]:
        """Which windows share a character with any of some spans; its mean is what chance hits."""
        same = self.note[:, None] == np.asarray(note)[None, :]
        after, before = self.begins[:, None] < ends, self.ends[:, None] > begins
        touched: np.ndarray = (same & after & before).any(axis=1)
        return touched


def windows_around(
    begins: Int[np.ndarray, " N"],
    ends: Int[np.ndarray, " N"],
    reach: int,
    note_starts: Sequence[int] = (0,),
    after: int | None = None,
) -> Windows:
    """Each word with `reach` words on either side, not beyond its own note.

    Args:
        begins, ends: of the words, within their own note, as `text/tokens.py` gives them.
        reach: half of the longest kernel, `max(kernel_sizes) // 2`, is what the encoder sees.
        note_starts: the number of each note's first word.
        after: the words behind it where they are not `reach`, as in the window of an even kernel.
    """
    begins, ends = np.asarray(begins), np.asarray(ends)
    first, last = words_seen(len(begins), reach, note_starts, after)
    return Windows(_note_of_words(len(begins), note_starts), begins[first], ends[last])


def words_seen(
    n_words: int, reach: int, note_starts: Sequence[int] = (0,), after: int | None = None
) -> tuple[Int[np.ndarray, " N"], Int[np.ndarray, " N"]]:
    """The first and the last word that each word's window holds, within its own note.

    Notes may begin beyond the last word: those that a truncated document has lost.
    """
    word, note = np.arange(n_words), _note_of_words(n_words, note_starts)
    starts = np.asarray(note_starts)
    last = np.minimum(np.append(starts[1:], n_words), n_words) - 1
    behind = word + (reach if after is None else after)
    return np.maximum(word - reach, starts[note]), np.minimum(behind, last[note])


def _note_of_words(n_words: int, note_starts: Sequence[int]) -> Int[np.ndarray, " N"]:
    return np.searchsorted(np.asarray(note_starts), np.arange(n_words), side="right") - 1


def top_words(weights: Float[np.ndarray, " N"], count: int, apart: int = 1) -> list[int]:
    """The heaviest words, heaviest first, each at least `apart` words from those before it.

    With `apart = 2 * reach + 1` no two windows share a word. Of equals the earlier word is taken.
    """
    chosen: list[int] = []
    for word in np.argsort(-weights, kind="stable").tolist():
        if len(chosen) == count:
            break
        if all(abs(word - other) >= apart for other in chosen):
            chosen.append(word)
    return chosen


def attention_sd(weights: Float[np.ndarray, "... N"], length: int = 4_000) -> np.ndarray:
    """Standard deviation of each distribution over a note padded to `length`, [...].

    Table 6 of Zhou et al. (2021) is its mean over queries and notes at 4,000 words. Padding has
    weight 0 and counts, so the same attention gives another number at another length.
    """
    if weights.shape[-1] > length:
        raise ValueError(f"a note of {weights.shape[-1]} words does not fit length={length}")
    squares = np.square(weights, dtype=np.float64).sum(axis=-1)
    deviation: np.ndarray = np.sqrt(np.maximum(squares / length - 1 / length**2, 0.0))
    return deviation


def attention_entropy(weights: Float[np.ndarray, "... N"]) -> np.ndarray:
    """Entropy of each distribution in nats, [...], whatever the padding.

    Its exponential is how many words are read, if all of them were read alike.
    """
    exact = weights.astype(np.float64)
    logs = np.log(exact, where=exact > 0, out=np.zeros_like(exact))
    entropy: np.ndarray = 0.0 - (exact * logs).sum(axis=-1)
    return entropy


def note_as_html(
    text: str,
    begins: Int[np.ndarray, " N"],
    ends: Int[np.ndarray, " N"],
    weights: Float[np.ndarray, " N"],
    spans: Sequence[tuple[int, int]] = (),
) -> str:
    """The note with each word the darker the heavier it is, and some spans underlined.

    The text is escaped and otherwise unchanged: what is made of a real note is a real note, and
    stays in the folder where that must stay.
    """
    heat, underlined = np.zeros(len(text)), np.zeros(len(text), dtype=bool)
    top = max(weights.max(initial=0.0), np.finfo(np.float32).tiny)
    for begin, end, weight in zip(begins, ends, weights, strict=True):
        heat[begin:end] = round(float(weight / top), 1)  # ten shades
    for begin, end in spans:
        underlined[begin:end] = True
    changes = (heat[1:] != heat[:-1]) | (underlined[1:] != underlined[:-1])
    edges = [0, *(np.flatnonzero(changes) + 1).tolist(), len(text)]
    pieces = [
        _piece(text[begin:end], heat[begin], bool(underlined[begin]))
        for begin, end in pairwise(edges)
        if begin < end
    ]
    return f'<div style="white-space: pre-wrap; line-height: 1.6">{"".join(pieces)}</div>'


def _piece(text: str, heat: float, underlined: bool) -> str:
    style = f"background: rgba(240, 120, 20, {heat:.1f}); " if heat else ""
    style += "border-bottom: 3px solid #2f6fce" if underlined else ""
    return f'<span style="{style}">{html.escape(text)}</span>' if style else html.escape(text)
