"""Discharge summaries: the sections of a real one, the mentions in their places, and filler.

A summary is as long as its codes ask for: a share of its words bears on codes, and filler makes
up the rest. Where each mention stands is kept while the text grows.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random

from isd_pipeline.synthetic import vocabulary
from isd_pipeline.synthetic.filler import count_words, lines
from isd_pipeline.synthetic.mentions import (
    SILENT,
    WORDS_PER_MENTION,
    Mention,
    mean_mentions,
    mentions_of,
)
from isd_pipeline.synthetic.patients import Admission, Patient, Registry
from isd_pipeline.synthetic.typing_errors import noise, put_between

ADDENDA, SECOND_REPORTS = 0.085, 0.046  # per admission with a summary, as in MIMIC-III
LINE = 78  # columns
FIXED_WORDS = 105  # of a report: titles, first lines, and what the last lines of sections overshoot
SHORTEST = 0.3  # of the mean length
# Each section's share of the filler words.
SHARES = {"story": 0.14, "exam": 0.10, "labs": 0.24, "course": 0.18, "before": 0.08, "after": 0.14,
          "instructions": 0.12}  # fmt: skip

WITH_NOISE = ("story", "exam", "course", "instructions")  # filler that takes words besides


@dataclass(frozen=True)
class Note:
    """A discharge summary or an addendum; `evidence` is (code, begin, end), code point offsets."""

    description: str  # "Report" or "Addendum"
    text: str
    evidence: tuple[tuple[int, int, int], ...]


class _Draft:
    """A text that grows at its end and remembers where the codes stand in it."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self.evidence: list[tuple[int, int, int]] = []

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def mention(self, mention: Mention) -> None:
        begin = self.length + len(mention.before)
        if mention.code is not None:
            self.evidence.append((mention.code, begin, begin + len(mention.phrase)))
        self.add(mention.before + mention.phrase + mention.after)

    def block(self, title: str, items: Iterable[Mention | str], glue: str, empty: str = "") -> None:
        """A titled section; `empty` stands where there is no item."""
        self.add(title)
        start = self.length
        waiting: list[str] = []  # filler, to be added at once; "" stands for a mention just added
        for item in items:
            if isinstance(item, str):
                waiting.append(item)
            else:
                self.add(glue.join([*waiting, ""]))
                self.mention(item)
                waiting = [""]
        self.add(glue.join(waiting))
        if self.length == start:
            self.add(empty)
        self.add("\n\n")

    def note(self, description: str) -> Note:
        return Note(description, wrapped("".join(self.parts)), tuple(self.evidence))


class Summarist:
    """Writes the notes of a discharge."""

    def __init__(self, registry: Registry) -> None:
        settings = registry.settings
        self.registry = registry
        self.lines = lines()
        self.mean_mentions = mean_mentions(settings)
        told = settings.codes_per_admission * (1 - SILENT) * self.mean_mentions * WORDS_PER_MENTION
        self.words_per_evidence = min(1 / settings.evidence_share, settings.words / told)

    def notes(self, patient: Patient, admission: Admission) -> list[Note]:
        """The report, seldom a second one, sometimes an addendum, of an admission."""
        dice = Random(f"{self.registry.settings.seed}/summary/{admission.number}")
        mentions = mentions_of(admission, self.registry, self.mean_mentions, dice)
        later: list[Note] = []
        more = ((SECOND_REPORTS, "Report", 0.35), (ADDENDA, "Addendum", 0.15))
        for chance, description, share in more:
            if self._has_another(admission, description, dice.random() < chance):
                told = (m for m in mentions if m.section in ("story", "course"))
                moved = [m for m in told if dice.random() < share]
                kept = set(map(id, moved))
                mentions = [m for m in mentions if id(m) not in kept]
                later.append(self._later(description, moved, dice))
        return [self._report(patient, admission, mentions, dice), *later]

    def _has_another(self, admission: Admission, description: str, drawn: bool) -> bool:
        settled = self.registry.settled
        if settled is None:
            return drawn
        those = settled.addenda if description == "Addendum" else settled.second_reports
        return admission.number in those

    def _report(
        self, patient: Patient, admission: Admission, mentions: list[Mention], dice: Random
    ) -> Note:
        random = dice.random
        placed: dict[str, list[Mention]] = defaultdict(list)
        for mention in mentions:
            placed[mention.section].append(mention)
        wanted = self._filler_words(mentions, dice, SHORTEST, FIXED_WORDS)
        fill = {of: self._fill(of, int(wanted * share), random) for of, share in SHARES.items()}
        self._add_words(fill, admission)
        fill["story"].insert(0, _age(patient, admission))

        def mixed(lines: str, mentions: str = "") -> list[Mention | str]:
            return _mixed(fill[lines], placed[mentions or lines], random)

        draft = _Draft()
        draft.add(_head(patient, admission, random))
        draft.block("Major Surgical or Invasive Procedure:\n", placed["operations"], "\n", "None")
        draft.block("History of Present Illness:\n", mixed("story"), " ")
        draft.block("Past Medical History:\n", placed["past"], "\n", "As per the history above.")
        draft.block("Social History:\n", self.lines["SOCIAL"].pick(1, random)[0], "\n")
        draft.block("Family History:\n", placed["family"], "\n", "Noncontributory")
        draft.block("Physical Exam:\n", fill["exam"], "\n")
        draft.block("Pertinent Results:\n", mixed("labs", "results"), "\n")
        draft.block("Brief Hospital Course:\n", mixed("course"), " ")
        draft.block("Medications on Admission:\n", fill["before"], "\n", "None")
        after = [f"{n}. {item}" for n, item in enumerate(fill["after"], start=1)]
        draft.block("Discharge Medications:\n", after, "\n", "None")
        draft.block("Discharge Disposition:\n", [_one(vocabulary.DISPOSITIONS, random)], "\n")
        draft.block("Discharge Diagnosis:\n", placed["final"], "\n", "See hospital course")
        draft.block("Discharge Condition:\n", [_one(vocabulary.CONDITIONS, random)], "\n")
        draft.block("Discharge Instructions:\n", mixed("instructions"), "\n")
        draft.add(f"Completed by:[**{admission.discharged.isoformat()}**]")
        return draft.note("Report")

    def _add_words(self, fill: dict[str, list[str]], admission: Admission) -> None:
        """Words that belong to no sentence, between those of the filler.

        Their dice are their own, so that a report without them is the same but for them.
        """
        settings, settled = self.registry.settings, self.registry.settled
        dice = Random(f"{settings.seed}/words/{admission.number}")
        words = list(settled.words.get(admission.number, ())) if settled else []
        if settings.noise:
            words += noise(fill["course"], round(settings.noise * settings.words), dice.random)
        # Only where lines are: one more would put the mentions elsewhere; the exam has none.
        able = [section for section in WITH_NOISE if fill[section]] or ["exam"]
        for word in words:
            put_between(fill[dice.choice(able)], word, dice.random)

    def _later(self, description: str, mentions: list[Mention], dice: Random) -> Note:
        """A note that goes on where the report stopped, without repeating it."""
        wanted = max(40, self._filler_words(mentions, dice, shortest=0, fixed=15))
        draft = _Draft()
        draft.add(
            "Name:  [**Known lastname **],[**Known firstname **]       "
            "Unit No:   [**Numeric Identifier 1**]\n\n"
        )
        fill = self._fill("course", wanted, dice.random)
        draft.block(f"{description}:\n", _mixed(fill, mentions, dice.random), " ")
        draft.add("Completed by:[**Name6 (MD) 1102**]")
        return draft.note(description)

    def _filler_words(
        self, mentions: list[Mention], dice: Random, shortest: float, fixed: int
    ) -> int:
        """As many as make the evidence its share of the words, give or take a sixth."""
        evidence = sum(count_words(m.phrase) for m in mentions if m.code is not None)
        used = sum(sum(map(count_words, (m.before, m.phrase, m.after))) for m in mentions) + fixed
        whole = evidence * self.words_per_evidence * dice.lognormvariate(0, 0.15)
        return int(max(whole, shortest * self.registry.settings.words) - used)

    def _fill(self, section: str, words: int, random: Callable[[], float]) -> list[str]:
        kind = "MEDICATIONS" if section in ("before", "after") else section.upper()
        return self.lines[kind].pick(words, random)[0]


def _mixed(
    fill: Sequence[str], mentions: Sequence[Mention], random: Callable[[], float]
) -> list[Mention | str]:
    """The mentions anywhere among the filler; the first line of filler stays first."""
    found: list[Mention | str] = list(fill)
    for mention in mentions:
        found.insert(1 + int(random() * len(found)), mention)
    return found


def _head(patient: Patient, admission: Admission, random: Callable[[], float]) -> str:
    dates = (
        f"[**{admission.admitted}**]              Discharge Date:   [**{admission.discharged}**]"
    )
    return (
        f"Admission Date:  {dates}\n\nDate of Birth:  [**{patient.born}**]             "
        f"Sex:   {patient.sex}\n\nService: {admission.service}\n\n"
        f"Allergies:\n{_one(vocabulary.ALLERGIES, random)}\n\n"
        f"Attending:[**First Name3 (LF) {int(random() * 900) + 100}**]\n"
        f"Chief Complaint:\n{_one(vocabulary.COMPLAINTS, random)}\n\n"
    )


def _age(patient: Patient, admission: Admission) -> str:
    years = (admission.admitted - patient.born).days // 365
    sex = {"F": "female", "M": "male"}[patient.sex]
    if years == 0:
        return f"Baby [**Known lastname **] is a newborn {sex} infant admitted to the nursery."
    if years >= 90:
        return f"[**Age over 90 **] year old {sex} admitted from home."
    return f"This is a {years} year old {sex}."


def wrapped(text: str) -> str:
    """Lines of at most LINE columns; a blank becomes a line feed, so that no offset changes."""
    found: list[str] = []
    for line in text.split("\n"):
        start = 0
        while len(line) - start > LINE:
            cut = line.rfind(" ", start + 1, start + LINE + 1)
            if cut < 0:
                break
            found.append(line[start:cut])
            start = cut + 1
        found.append(line[start:])
    return "\n".join(found)


def _one(choices: Sequence[str], random: Callable[[], float]) -> str:
    return choices[int(random() * len(choices))]
