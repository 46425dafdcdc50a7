"""How well the context of findings is read, on the synthetic hospital's mentions; what it costs.

    python benchmarks/context.py --admissions 300
    python benchmarks/context.py --bundle bundles/codiesp_full-ensemble_isd-1 --notes notes.csv

The hospital says of each summary which codes it names, and where; it also names codes that are not
the patient's: denied, ruled out, a relative's, for later. `PLANTED` says what each of its sentences
for these means. A mention of a code of the patient means none of it, but for the codes of a family
history. Of each kind: mentions that mean it, mentions marked with it, precision and recall, also
with the cues of both languages at once. Historical findings are left out: none is planted.

The last line: which share of the mentions are the patient's own if all are shown alike, and if
those are set apart that are marked as denied or a relative's. With a bundle, how much longer
coding takes with the context than without.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from measuring import cpu_seconds

from isd_pipeline.synthetic import HospitalSettings
from isd_pipeline.synthetic.frames import DENIED
from isd_pipeline.synthetic.mentions import Mention, mentions_of
from isd_pipeline.synthetic.patients import Admission, Registry
from isd_pipeline.synthetic.summaries import Note, Summarist
from isd_pipeline.text.context import Context
from isd_pipeline.text.cues import LANGUAGES

D, F, H, U = KINDS = ("denied", "family", "hypothetical", "uncertain")
PLANTED: dict[str, dict[str, tuple[set[str], ...]]] = {
    "diagnosis": {
        "story": ({D},) * 6,
        "family": ({F}, {F}, {F}, {F}, {D, F}, {F}, {F}),
        "results": ({D},) * 5,
        "course": ({D, U}, {D}, {U}, {D, U}, {D}, {D}),
        "instructions": ({H}, {H}),
    },
    "procedure": {"course": ({D},) * 5, "instructions": ({H}, {D})},
}
FAMILY_HISTORY = ("V16", "V17", "V18", "V19")  # codes
Kinds = set[str]


class Planted(NamedTuple):
    """A mention at code points [begin, end) of its note, and the kinds that its sentence means."""

    begin: int
    end: int
    kinds: Kinds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--admissions", type=int, default=300)
    parser.add_argument("--words", type=int, default=HospitalSettings.words)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--notes", type=Path)
    options = parser.parse_args()
    if options.bundle:
        print(f"ratio {slower(options.bundle, options.notes):.3f} of the time without context")
        return
    sizes = {"admissions": options.admissions, "words": options.words, "seed": options.seed}
    summaries = list(planted(HospitalSettings(**sizes, other_notes=0)))
    report(summaries)


def report(summaries: list[tuple[str, list[Planted]]]) -> None:
    """Print the table of summaries with their mentions."""
    meant = [mention.kinds for _, mentions in summaries for mention in mentions]
    found, both = (marked(summaries, languages) for languages in ((None,), LANGUAGES))
    print(f"{len(meant):,} mentions in {len(summaries):,} notes")
    print(f"{'':13}{'planted':>8}{'marked':>8}{'precision':>11}{'recall':>8}{'both languages':>19}")
    for kind in KINDS:
        counts = f"{count(meant, kind):8,}{count(found, kind):8,}"
        (p, r), (p2, r2) = (agreement(meant, kinds, kind) for kinds in (found, both))
        print(f"{kind:13}{counts}{p:11.3f}{r:8.3f}{p2:12.3f}{r2:7.3f}")
    own = [not kinds & {D, F} for kinds in meant]
    kept = [one for one, kinds in zip(own, found, strict=True) if not kinds & {D, F}]
    print(
        f"ratio of mentions that are the patient's: {sum(own) / len(own):.3f} of all, "
        f"{sum(kept) / len(kept):.3f} of those not set apart; kept {sum(kept) / sum(own):.3f}"
    )


def count(mentions: list[Kinds], kind: str) -> int:
    return sum(kind in kinds for kinds in mentions)


def agreement(meant: list[Kinds], found: list[Kinds], kind: str) -> tuple[float, float]:
    """Precision and recall of a kind."""
    both = sum(kind in a and kind in b for a, b in zip(meant, found, strict=True))
    return both / max(count(found, kind), 1), both / max(count(meant, kind), 1)


def marked(
    summaries: list[tuple[str, list[Planted]]], languages: tuple[str | None, ...]
) -> list[Kinds]:
    """The kinds that each mention is marked with by the cues of some languages; None: found."""
    kinds: list[Kinds] = []
    for text, mentions in summaries:
        contexts = [Context(text, language) for language in languages]
        for begin, end, _ in mentions:
            kinds.append({cue.kind for context in contexts for cue in context.of(begin, end)})
    return kinds


def planted(settings: HospitalSettings) -> Iterator[tuple[str, list[Planted]]]:
    """The text of each note of the hospital, with its mentions."""
    registry = Registry(settings)
    summarist = Summarist(registry)
    for patient in registry:
        for admission in patient.admissions:
            if admission.has_summary:
                decoys = decoys_of(admission, summarist)
                for note in summarist.notes(patient, admission):
                    yield note.text, [*own(note, registry), *placed(note.text, decoys)]


def own(note: Note, registry: Registry) -> Iterator[Planted]:
    """Mentions of codes that the patient has."""
    for code, begin, end in note.evidence:
        key = registry.population.codes[code].key
        yield Planted(begin, end, {F} if key.startswith(FAMILY_HISTORY) else set())


def decoys_of(admission: Admission, summarist: Summarist) -> list[Mention]:
    """Mentions of other codes: the summarist's, drawn again with the same dice."""
    registry = summarist.registry
    dice = Random(f"{registry.settings.seed}/summary/{admission.number}")
    mentions = mentions_of(admission, registry, summarist.mean_mentions, dice)
    return [mention for mention in mentions if mention.code is None]


def placed(text: str, decoys: list[Mention]) -> Iterator[Planted]:
    """The decoys that stand in a text, each at a place of its own."""
    unbroken, taken = text.replace("\n", " "), set[int]()
    for decoy in decoys:
        sentence = decoy.before + decoy.phrase + decoy.after
        place = unbroken.find(sentence)
        while place in taken:
            place = unbroken.find(sentence, place + 1)
        if place >= 0:
            taken.add(place)
            begin = place + len(decoy.before)
            yield Planted(begin, begin + len(decoy.phrase), means(decoy))


def means(decoy: Mention) -> Kinds:
    """The kinds of the sentence that a decoy stands in."""
    for system, places in DENIED.items():
        for _, section, frames in places:
            if section == decoy.section and (decoy.before, decoy.after) in frames:
                return PLANTED[system][section][frames.index((decoy.before, decoy.after))]
    raise ValueError(f"a sentence of section {decoy.section} that PLANTED does not know")


def slower(bundle: Path, notes: Path) -> float:
    """How many times as long coding takes with context as without: the median of five pairs."""
    from isd_pipeline.coding import coder as coding
    from isd_pipeline.coding.notes import read_notes

    coder, read = coding.Coder.open(bundle), list(read_notes(notes))
    with_context = coding.in_context
    coder.code(read)

    def seconds(in_context: Callable[..., Any]) -> float:
        coding.in_context = in_context  # type: ignore[attr-defined]
        return cpu_seconds(lambda: coder.code(read))

    without = lambda answer, texts: answer  # noqa: E731
    ratios = sorted(seconds(with_context) / seconds(without) for _ in range(5))
    return ratios[2]


if __name__ == "__main__":
    main()
