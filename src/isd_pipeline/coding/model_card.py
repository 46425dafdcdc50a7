"""The card of a bundle: what it was trained on, how well it did, what it is for and what not.

Written beside the bundle as MODEL_CARD.md, and in short over every page of coded notes. What an
older bundle does not say is called so; nothing is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isd_pipeline.coding.bundle import Bundle
    from isd_pipeline.coding.view_bundle import ViewBundle

FIGURES = {
    "f1_micro_tuned": "micro-F1, tuned threshold",
    "f1_macro_per_code_present_tuned": "macro-F1 over the codes of test, tuned threshold",
    "precision_micro_tuned": "precision, tuned threshold",
    "recall_micro_tuned": "recall, tuned threshold",
    "p_at_8": "precision of the eight highest codes",
    "map": "mean average precision",
    "auc_micro": "micro-AUC",
}
FEW = 10  # training notes; a code of fewer is seldom found
TOY = "Toy: trained on synthetic notes. It shows how the tool works and codes no patient's note."
NOT_SAID = "not said: this bundle was made before bundles said it"
USE = "Suggestions for a coder's eye. A qualified coder decides on every code."
LIMITS = (
    "It has not been tried in a hospital, and is no medical device.",
    "Notes of another hospital, kind, time or language than its own are coded worse.",
    "It knows its own codes alone: another code is never suggested.",
    "Marked words are what the model looked at. They are not proof.",
    "A score is a probability as far as dev notes tell; it holds for notes like those.",
)


@dataclass(frozen=True)
class ShortCard:
    """What stands over a page of coded notes: terms with what is said of them, and the toy's stamp.

    `usual` is how many codes above the threshold half of the dev notes had at most, None where the
    bundle does not know.
    """

    name: str
    toy: str
    lines: tuple[tuple[str, str], ...]
    usual: int | None


def short_card(bundle: Bundle | ViewBundle) -> ShortCard:
    """The card in five lines."""
    data = bundle.trained_on
    known = f"{_data(bundle)}; {_notes(bundle)}"
    unknown = f"the cohort {bundle.cohort}; what notes, how many, in which language is {NOT_SAID}"
    lines = (
        ("trained on", known if data else unknown),
        ("codes", _codes(bundle) if data else f"{len(bundle.codes):,}"),
        ("test", _figure(bundle, "f1_micro_tuned")),
        ("limits", "a coder decides on every code; notes unlike its own are coded worse"),
        ("terms of the training notes", data.licence if data else "not said"),
    )
    return ShortCard(bundle.name, _toy(bundle), lines, usual_number(bundle))


def usual_number(bundle: Bundle | ViewBundle) -> int | None:
    """How many codes half of the dev notes had at most, rounded up and at least 1."""
    if bundle.usual is None:
        return None
    return max(1, math.ceil(bundle.usual.codes.per_note.median))


def card_markdown(bundle: Bundle | ViewBundle) -> str:
    """The whole card. It has no date and no path, so that the same run gives the same card."""
    data, toy = bundle.trained_on, _toy(bundle)
    parts = [
        f"# Model card: {_plain(bundle.name)}\n",
        *([f"**{toy}**\n"] if toy else []),
        f"{USE}\n",
        "## What it is\n",
        _listed(
            ("run", f"cohort `{_plain(bundle.cohort)}`, experiment `{_plain(bundle.experiment)}`"),
            ("seed", str(bundle.seed)),
            ("system", f"`{bundle.system}`"),
            ("made by", f"isd_pipeline {bundle.version}"),
            ("reads", _reads(bundle)),
            ("suggests", _suggests(bundle)),
        ),
        "## What it was trained on\n",
        _listed(
            ("data set", _data(bundle)),
            ("language", _plain(_language(bundle))),
            ("synthetic", _synthetic(bundle)),
            ("notes", _notes(bundle)),
            ("split", data.split if data else NOT_SAID),
            ("codes", _codes(bundle)),
            ("notes a code", _notes_a_code(bundle)),
            ("terms of the training notes", _plain(data.licence) if data else NOT_SAID),
            ("use of the bundle", bundle.data_use),
        ),
        f"## How well it did on its test notes, seed {bundle.seed}\n",
        _figures(bundle),
        "## Limits\n",
        "".join(f"- {line}\n" for line in (*LIMITS, *_own_limits(bundle))),
    ]
    return "\n".join(parts)


def _toy(bundle: Bundle | ViewBundle) -> str:
    return TOY if bundle.trained_on and bundle.trained_on.synthetic else ""


def _data(bundle: Bundle | ViewBundle) -> str:
    data = bundle.trained_on
    if data is None:
        return f"the cohort {_plain(bundle.cohort)}; what notes these are is {NOT_SAID}"
    return f"{data.source} ({_plain(bundle.cohort)}), {data.language}"


def _language(bundle: Bundle | ViewBundle) -> str:
    if bundle.trained_on:
        return bundle.trained_on.language
    seen = bundle.usual and bundle.usual.words and bundle.usual.words.language
    return f"{NOT_SAID}; its dev notes read as `{seen}`" if seen else NOT_SAID


def _synthetic(bundle: Bundle | ViewBundle) -> str:
    if bundle.trained_on is None:
        return NOT_SAID
    return "yes: all notes were generated" if bundle.trained_on.synthetic else "no"


def _notes(bundle: Bundle | ViewBundle) -> str:
    if bundle.trained_on is None:
        return f"how many notes is {NOT_SAID}"
    notes = bundle.trained_on.notes
    return ", ".join(f"{notes[name]:,} {name}" for name in ("train", "dev", "test"))


def _codes(bundle: Bundle | ViewBundle) -> str:
    count = f"{len(bundle.codes):,}"
    if bundle.trained_on is None:
        return f"{count}; of which system is {NOT_SAID}"
    systems = bundle.trained_on.systems.items()
    return f"{count}: " + ", ".join(f"{number:,} {_plain(name)}" for name, number in systems)


def _notes_a_code(bundle: Bundle | ViewBundle) -> str:
    counts = sorted(bundle.training_counts)
    return f"{counts[len(counts) // 2]:,} in the median, from {counts[0]:,} to {counts[-1]:,}"


def _figure(bundle: Bundle | ViewBundle, metric: str) -> str:
    if metric not in bundle.metrics:
        return "–"
    intervals = bundle.trained_on.intervals if bundle.trained_on else {}
    bounds = intervals.get(metric)
    told = f" [{bounds[0]:.3f}, {bounds[1]:.3f}]" if bounds else ", its interval not in the bundle"
    return f"{FIGURES[metric]} {bundle.metrics[metric]:.3f}{told}, seed {bundle.seed}"


def _figures(bundle: Bundle | ViewBundle) -> str:
    data = bundle.trained_on
    intervals = data.intervals if data else {}
    rows = [
        (name, bundle.metrics[metric], intervals.get(metric))
        for metric, name in FIGURES.items()
        if metric in bundle.metrics
    ]
    if not rows:
        return "No figures are in the bundle.\n"
    lines = [
        f"| {name} | {value:.3f} | {f'{bounds[0]:.3f} to {bounds[1]:.3f}' if bounds else '–'} |"
        for name, value, bounds in rows
    ]
    said = "95 % intervals by bootstrap over the test notes"
    if not intervals:
        said = "No intervals: " + ("bootstrap draws were not there" if data else NOT_SAID)
    head = ["| metric | value | 95 % interval |", "|---|--:|--:|"]
    return "\n".join([*head, *lines, "", f"{said}.", ""])


def _reads(bundle: Bundle | ViewBundle) -> str:
    views = getattr(bundle, "views", None)
    if views:
        return f"one report in {' and '.join(views)}, or either alone"
    limit = getattr(bundle, "max_tokens", None)
    return "the whole note" if limit is None else f"the first {limit:,} words of a note"


def _suggests(bundle: Bundle | ViewBundle) -> str:
    usual = usual_number(bundle)
    return f"usually {usual} codes a note" if usual else f"how many codes a note is {NOT_SAID}"


def _own_limits(bundle: Bundle | ViewBundle) -> Iterator[str]:
    counts = bundle.training_counts
    if few := sum(count < FEW for count in counts):
        rare = f"{few:,} of its {len(counts):,} codes have fewer than {FEW} training notes"
        yield f"{rare} and are seldom found."
    if limit := getattr(bundle, "max_tokens", None):
        yield f"A network in it does not read beyond {limit:,} words; answers say where it stopped."


def _listed(*rows: tuple[str, str]) -> str:
    return "".join(f"- {name}: {said}\n" for name, said in rows)


def _plain(text: str) -> str:
    """A name with nothing in it that Markdown or a browser would read as more than a name."""
    return "".join(sign if sign not in "<>|[]`*\n\r" else " " for sign in text)
