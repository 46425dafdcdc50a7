"""What the screen shows of a note and its answer: rows for the page, numbers for its script.

Of a stretch of evidence its context (a denied finding, a relative's) and section are shown, of a
code what all its evidence is and the rules of the code book, of the answer its cautions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from isd_pipeline.coding.caution import sentence
from isd_pipeline.coding.codebook import Codebook, Listed
from isd_pipeline.coding.coder import Answer, Suggestion
from isd_pipeline.coding.evidence import Span
from isd_pipeline.coding.page import texts_of
from isd_pipeline.desk.entries import Entry, State
from isd_pipeline.desk.outline import outline
from isd_pipeline.desk.review import open_codes
from isd_pipeline.desk.worklist import Filed

RARE = 10  # training documents: with fewer a code's score rests on little
STRENGTHS = 4
INSTRUCTIONS = {"code_first": "Code first", "use_additional_code": "Use an additional code"}


@dataclass(frozen=True)
class Row:
    """A suggested code on the page."""

    listed: Listed
    score: float
    warnings: tuple[str, ...]
    instructions: tuple[str, ...]
    sources: tuple[tuple[str, float], ...]

    @property
    def is_rare(self) -> bool:
        """Whether few training documents have it."""
        return self.listed.seen < RARE


Chapter = tuple[str, list[Row]]


def chapters(answer: Answer, codebook: Codebook, *, above: bool) -> list[Chapter]:
    """The suggestions on one side of the threshold by chapter; that of the likeliest code first."""
    rows = [
        Row(
            codebook[code.code],
            code.score,
            tuple(_warnings(code)),
            tuple(_instructions(code)),
            _sources(code.sources),
        )
        for code in answer.codes
        if code.above_threshold is above
    ]
    order = {name: n for n, name in enumerate(dict.fromkeys(row.listed.chapter for row in rows))}
    rows.sort(key=lambda row: order[row.listed.chapter])
    return [(name, list(of)) for name, of in groupby(rows, key=lambda row: row.listed.chapter)]


def _sources(sources: dict[str, float] | None) -> tuple[tuple[str, float], ...]:
    return tuple((name.replace("_", " "), adds) for name, adds in (sources or {}).items())


def _warnings(code: Suggestion) -> Iterator[str]:
    """What speaks against a code: all its evidence is denied, or the code book excludes it."""
    if code.evidence_only:
        yield f"all its evidence is {' or '.join(code.evidence_only)}"
    excluded: dict[str, list[str]] = {}
    for rule in code.rules or ():
        match rule["kind"]:
            case "unknown":
                nearest = f"; it has {rule['nearest']}" if rule["nearest"] else ""
                yield f"not in {rule['book']}{nearest}"
            case "not_billable":
                leaves = ", ".join(leaf["code"] for leaf in rule["leaves"])
                yield f"not billable; below it stand {rule['leaf_count']} codes that are: {leaves}"
            case "excludes1":
                excluded.setdefault(rule["with"], []).append(rule["source"])
    for other, sources in excluded.items():
        yield f"not together with {other} (Excludes1 of {', '.join(sources)})"


def _instructions(code: Suggestion) -> Iterator[str]:
    """What the code book wants beside a code."""
    for rule in code.rules or ():
        if rule["kind"] == "code_first" or rule["kind"] == "use_additional_code":
            suggested = ", ".join(rule["suggested"])
            told = f"{INSTRUCTIONS[rule['kind']]} ({rule['source']}): {rule['note']}"
            yield f"{told} Suggested: {suggested}." if suggested else told


def caution(answer: Answer) -> list[str]:
    """How the note is unlike those that the bundle knows."""
    return [sentence(one) for one in answer.caution or ()]


def texts(filed: Filed, answer: Answer) -> list[dict[str, Any]]:
    """The texts of a note as the script needs them."""
    found = texts_of(filed.note, answer)
    return [
        {
            "view": view,
            "text": text,
            "unread": _unread(answer, view, len(found)),
            "outline": [heading._asdict() for heading in outline(text, view)],
        }
        for view, text in found.items()
    ]


def _unread(answer: Answer, view: str | None, texts: int) -> int | None:
    """From where on a text was not read; of two the remark says which it was."""
    if texts == 1 or f"{view} was not read whole" in (answer.remark or ""):
        return answer.truncated_at
    return None


def evidence(answer: Answer) -> dict[str, list[dict[str, Any]]]:
    """The stretches of each code, each with a strength from 1 to 4 beside its weight."""
    return {code.code: [*_spans(code.evidence)] for code in answer.codes}


def _spans(spans: Sequence[Span]) -> Iterator[dict[str, Any]]:
    heaviest = max((span.weight for span in spans), default=0.0)
    for span in spans:
        strength = -int(-STRENGTHS * span.weight // heaviest) if heaviest else 1
        yield asdict(span) | {"strength": max(1, strength)}


def standing(state: State, answer: Answer, codebook: Codebook) -> dict[str, Any]:
    """Where the review stands, as the script needs it."""
    return {
        "last": state.last,
        "open": open_codes(answer, state),
        "signed_off": state.signed_off and _by(state.signed_off),
        "codes": {
            code: _by(entry) | _of(entry, codebook, code) for code, entry in state.codes.items()
        },
    }


def _by(entry: Entry) -> dict[str, Any]:
    return {"who": entry.who, "time": entry.time}


def _of(entry: Entry, codebook: Codebook, code: str) -> dict[str, Any]:
    return {
        "decision": entry.decision,
        "number": entry.number,
        "marked": [place._asdict() for place in entry.evidence] if entry.marked else [],
        "title": codebook[code].called if code in codebook else "",
    }
