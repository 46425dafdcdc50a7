"""What came in: the answers of `isd code`, with the notes and the decisions where they are given.

A bundle of two views is watched in parts, by which texts an answer read: each language alone is its
own bundle's, and both together are the ensemble's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from isd_pipeline.coding.bundle import VIEWS_FORMAT, Bundle, format_of, read_bundle
from isd_pipeline.coding.coder import Note
from isd_pipeline.coding.usual import known_share
from isd_pipeline.coding.view_bundle import ViewBundle, read_view_bundle
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.desk.decisions import DecisionLog
from isd_pipeline.desk.entries import Entry, State, state_of

SAME = 1e-6  # thresholds that differ by no more are one


@dataclass(frozen=True)
class Part:
    """The answers that one model gave, the texts that it read, and where their review stands.

    `name` is empty but of two views. `states` are those of notes that have answers here.
    """

    name: str
    bundle: Bundle | ViewBundle
    answers: list[dict[str, Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    states: list[State] = field(default_factory=list)

    @property
    def codes(self) -> CodeIndex:
        """Those that may be suggested."""
        return self.bundle.codes

    @property
    def revision(self) -> str:
        """Which ICD they are of."""
        if isinstance(self.bundle, ViewBundle):
            return next(iter(self.bundle.views.values())).revision
        return self.bundle.revision

    @property
    def coded(self) -> list[dict[str, Any]]:
        """The answers that have codes."""
        return [answer for answer in self.answers if answer["problem"] is None]

    @property
    def is_tuned(self) -> bool:
        """Whether all were given at the tuned threshold, as the dev notes' were."""
        tuned = float(expit(self.bundle.threshold_tuned / self.bundle.temperature))
        return all(abs(answer["threshold"] - tuned) < SAME for answer in self.answers)

    def of_texts(self) -> tuple[list[float], list[int]]:
        """Of each text the share of known words, and how many words it has; none of two views."""
        if isinstance(self.bundle, ViewBundle):
            return [], []
        vocabulary = self.bundle.vocabulary
        read = [vocabulary.read(text) for text in self.texts]
        return [known_share(tokens, vocabulary.unknown) for tokens in read], [*map(len, read)]


@dataclass(frozen=True)
class Incoming:
    """All that came in. `passed_over` says of what was given how much was not used, and why."""

    bundle: Bundle | ViewBundle
    parts: tuple[Part, ...]
    passed_over: tuple[str, ...]


def open_bundle(folder: Path) -> Bundle | ViewBundle:
    """A bundle of either kind, without making its model ready."""
    return read_view_bundle(folder) if format_of(folder) == VIEWS_FORMAT else read_bundle(folder)


def entries_of(record: Path) -> list[Entry]:
    """The rows of a record of decisions; raises a ValueError where one does not hold."""
    log = DecisionLog(record)
    if fault := log.verify():
        raise ValueError(f"{record}: {fault}; take a record that is as it was written")
    return log.entries()


def incoming(
    bundle: Bundle | ViewBundle,
    answers: Path,
    notes: Iterator[Note] | None = None,
    entries: Sequence[Entry] = (),
) -> Incoming:
    """Sort what came in by the part that it is of.

    Raises a ValueError where the file holds no answers, or some of another bundle.
    """
    parts = _parts(bundle)
    of_note: dict[str, Part] = {}
    for answer in _answers(answers, bundle.sha256):
        part = parts.get("+".join(answer.get("views") or ()))
        if part is not None:  # of two views a note without a text that could be read is of none
            part.answers.append(answer)
            of_note[answer["id"]] = part
    passed = _place_texts(notes or iter(()), of_note, parts)
    passed += _place_states(entries, of_note, bundle.sha256)
    return Incoming(bundle, tuple(parts.values()), tuple(passed))


def _parts(bundle: Bundle | ViewBundle) -> dict[str, Part]:
    if isinstance(bundle, Bundle):
        return {"": Part("", bundle)}
    views = {name: Part(name, one) for name, one in bundle.views.items()}
    both = "+".join(views)
    return {**views, both: Part(both, bundle)}


def _answers(path: Path, sha256: str) -> Iterator[dict[str, Any]]:
    if path.suffix.lower() != ".jsonl":
        raise ValueError(f"{path}: give the .jsonl that `isd code` wrote")
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                answer = json.loads(line)
                made_by = answer["model"]["sha256"]
                _ = [answer[name] for name in ("id", "codes", "threshold", "problem")]
            except (ValueError, TypeError, KeyError, RecursionError):
                raise ValueError(f"{path}, line {number}: no answer of `isd code`") from None
            if made_by != sha256:
                raise ValueError(
                    f"{path}, line {number}: an answer of another bundle, SHA-256 {made_by[:12]}; "
                    "watch each bundle with its own answers"
                )
            yield answer


def _place_texts(
    notes: Iterator[Note], of_note: Mapping[str, Part], parts: Mapping[str, Part]
) -> list[str]:
    """Each text to the part of its language, where the note has an answer."""
    without = 0
    for note in notes:
        if note.id not in of_note:
            without += 1
            continue
        for text in (note, *note.others):
            part = parts.get(text.language or "", of_note[note.id])
            part.texts.append(text.text)
    return [f"{without} notes without an answer"] if without else []


def _place_states(entries: Sequence[Entry], of_note: Mapping[str, Part], sha256: str) -> list[str]:
    """Where the review of each text stands, to the part that answered for it."""
    by_text: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        by_text.setdefault((entry.note, entry.text_sha256), []).append(entry)
    without = other = 0
    for (note, _), of_text in by_text.items():
        if note not in of_note:
            without += 1
        elif any(entry.bundle_sha256 != sha256 for entry in of_text):
            other += 1
        else:
            of_note[note].states.append(state_of(of_text))
    counted = {"reviews of notes without an answer": without, "reviews of another bundle": other}
    return [f"{count} {what}" for what, count in counted.items() if count]


def suggested(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Which codes are above the threshold in each coded note, and with which score: [D, L]."""
    position = {code: n for n, code in enumerate(part.codes.codes)}
    shape = (len(part.coded), len(position))
    above, scores = np.zeros(shape, dtype=bool), np.zeros(shape)
    for row, answer in enumerate(part.coded):
        for code in (one for one in answer["codes"] if one["code"] in position):
            above[row, position[code["code"]]] = code["above_threshold"]
            scores[row, position[code["code"]]] = code["score"]
    return above, scores
