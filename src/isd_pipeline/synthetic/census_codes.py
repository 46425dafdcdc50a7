"""The codes of a hospital's admissions, changed until their rows and labels are those asked for.

The labels are counted by the pipeline's own rule (`data.codes.labels`), so that CAML's faults are
among what is met: zeros that are lost, and one code under two labels.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

import pyarrow as pa

from isd_pipeline.data.codes import icd
from isd_pipeline.data.codes.labels import Labels, label_documents
from isd_pipeline.data.io.tables import CODES, stream_table, table_of
from isd_pipeline.synthetic.census_figures import Figures
from isd_pipeline.synthetic.patients import Admission, Patient, Registry

COMMON = 60  # admissions with a summary: a code of so many may gain and lose some of them
MEAN_LABELS = 15.9  # of the admissions with a summary, as the paper counts
ROUNDS = 40  # of exchanges; each meets the figure or comes nearer to it


def _distinct(labels: pa.Table) -> set[str]:
    return {label for row in labels["labels"].to_pylist() for label in row}


class CodesOfAll:
    """The codes of every admission, and the changes that bring their counts to the figures.

    `of`: of each admission, by its number, the positions of its codes in the population.
    """

    def __init__(
        self,
        registry: Registry,
        patients: Sequence[Patient],
        with_summary: frozenset[int],
        codeless: frozenset[int],
        with_null_code: frozenset[int],
    ) -> None:
        self.registry = registry
        self.population = registry.population.codes
        self.stays = [stay for patient in patients for stay in patient.admissions]
        self.subjects = [p.subject_id for p in patients for _ in p.admissions]
        self.of = [[] if s.number in codeless else list(s.codes) or [0] for s in self.stays]
        self.with_null_code, self.with_summary = with_null_code, with_summary
        self.inside = sorted(with_summary - codeless)
        self.outside = [s.number for s in self.stays if s.number not in with_summary]
        self.held = Counter(code for n in self.inside for code in self.of[n])

    def settle(self, figures: Figures, dice: Random) -> None:
        """Meet the figures in this order, for each step leaves alone what those before have met.

        Raises ValueError, naming the figure, where one cannot be met.
        """
        self._to_rows(figures, dice)
        self._to_clean_labels(figures, dice)
        self._to_caml_labels(figures, dice)
        self._to_labels_of_all(figures, dice)

    # rows

    def _to_rows(self, figures: Figures, dice: Random) -> None:
        """Common codes are added and taken away: procedures first outside, for no note tells."""
        named = figures.diagnosis_rows - figures.diagnosis_rows_without_code
        few = len(self.outside) // 10
        self._resize(self.outside, icd.PROCEDURE, few, dice)
        self._resize(self.inside, icd.PROCEDURE, figures.procedure_rows - few, dice)
        labels = round(MEAN_LABELS * len(self.inside))
        procedures = sum(self._is(code, icd.PROCEDURE) for n in self.inside for code in self.of[n])
        least = len(self.outside)  # every admission keeps a row
        inside = min(labels - procedures, named - least)
        self._resize(self.inside, icd.DIAGNOSIS, inside, dice)
        self._resize(self.outside, icd.DIAGNOSIS, named - inside, dice)

    def _resize(self, numbers: list[int], system: str, wanted: int, dice: Random) -> None:
        """Add or take common codes of a system until these admissions have `wanted` rows."""
        missing = wanted - sum(self._rows(n, system) for n in numbers)
        last = None
        while missing and missing != last:
            last = missing
            for n in dice.sample(numbers, len(numbers)):
                if not missing:
                    return
                before = self._rows(n, system)
                (self._give if missing > 0 else self._take)(n, system, abs(missing), dice)
                missing -= self._rows(n, system) - before
        if missing:
            raise ValueError(f"{system} rows: {missing:+d} cannot be met by common codes")

    def _rows(self, number: int, system: str) -> int:
        """Rows of the code table, repeats too."""
        if system == icd.DIAGNOSIS:
            return sum(self._is(code, system) for code in self.of[number])
        entered = self.registry.entered(self._stay(number))
        return sum(code.system == system for _, code in entered)

    def _give(self, number: int, system: str, most: int, dice: Random) -> None:
        for _ in range(20):
            code = self.registry.population.draw(self.stays[number].service, dice.random)
            fits = self._is(code, system) and self.held[code] >= COMMON
            if fits and code not in self.of[number]:
                before = self._rows(number, system)
                self._add(number, code)
                if self._rows(number, system) - before <= most:
                    return
                self._remove(number, code)

    def _take(self, number: int, system: str, most: int, dice: Random) -> None:
        if len(self.of[number]) < 2:
            return
        for code in reversed(self.of[number]):
            rare = number in self.with_summary and self.held[code] < COMMON
            if self._is(code, system) and not rare:
                before, place = self._rows(number, system), self.of[number].index(code)
                self._remove(number, code)
                if 0 < before - self._rows(number, system) <= most:
                    return
                self._add(number, code, place)

    # distinct labels of the admissions with a summary

    def _to_clean_labels(self, figures: Figures, dice: Random) -> None:
        wanted = {
            icd.DIAGNOSIS: figures.diagnosis_labels,
            icd.PROCEDURE: figures.clean_labels - figures.diagnosis_labels,
        }
        for system, labels in wanted.items():
            used = [c for c, n in self.held.items() if n and self._is(c, system)]
            if len(used) < labels:
                for code in self._unused(system, dice, labels - len(used)):
                    self._exchange_common(code, dice)
            for code in sorted(used, key=lambda c: (self.held[c], c))[: max(0, len(used) - labels)]:
                self._drop(code, dice)

    def _unused(self, system: str, dice: Random, wanted: int) -> list[int]:
        """So many codes that no admission has."""
        free = self._free(system)
        if len(free) < wanted:
            raise ValueError(
                f"code_pool={len(self.population)}: {wanted} more {system} codes are needed, "
                f"{len(free)} are left"
            )
        return dice.sample(free, wanted)

    def _exchange_common(self, new: int, dice: Random, among: list[int] | None = None) -> None:
        """One admission has `new` in the place of a common code of its system."""
        system = self.population[new].system
        numbers = self.inside if among is None else among
        while True:
            number = dice.choice(numbers)
            able = [c for c in self.of[number] if self._is(c, system) and self.held[c] >= COMMON]
            if able:
                self._replace(number, dice.choice(able), new)
                return

    def _drop(self, old: int, dice: Random) -> None:
        """A common code of its system stands in its place, in every admission that has it."""
        for number, codes in enumerate(self.of):
            if old in codes:
                self._replace(number, old, self._common(number, self.population[old].system, dice))

    def _common(self, number: int, system: str, dice: Random) -> int:
        common = [c for c, n in self.held.items() if n >= COMMON and self._is(c, system)]
        return dice.choice([c for c in common if c not in self.of[number]])

    # distinct labels in CAML's space

    def _to_caml_labels(self, figures: Figures, dice: Random) -> None:
        """One code under two labels there becomes one, or a rare procedure is exchanged."""
        for _ in range(ROUNDS):
            found = self._labelled()
            missing = figures.caml_labels - len(_distinct(found.table))
            if not missing:
                return
            twins = self._twins(found.table) if missing < 0 else {}
            if twins:
                self._join(twins, -missing, dice)
                continue
            for _ in range(abs(missing)):
                self._exchange_procedure(missing < 0, dice)
        raise ValueError(f"caml_labels={figures.caml_labels} was not met in {ROUNDS} rounds")

    def _join(self, twins: dict[int, list[int]], wanted: int, dice: Random) -> None:
        """Codes lose the label `66.` of the first procedures where the others have `66.0`."""
        common = (c for c, n in self.held.items() if n >= COMMON)
        plain = [c for c in common if (label := self._caml(c)) and str(float(label)) == label]
        for code in sorted(twins, key=lambda one: (len(twins[one]), one))[:wanted]:
            for number in twins[code]:
                free = [c for c in plain if c not in self.of[number]]
                self._replace(number, code, dice.choice(free))

    def _twins(self, labels: pa.Table) -> dict[int, list[int]]:
        """The procedures that have both labels, and the admissions where the first one stands."""
        distinct, found = _distinct(labels), dict[int, list[int]]()
        number_of = {str(stay.hadm_id): stay.number for stay in self.stays}
        for document, of in zip(*(column.to_pylist() for column in labels.columns), strict=True):
            for code in self.of[number_of[document]]:
                label = self._caml(code)
                decimal = str(float(label)) if label else None
                if label in of and decimal != label and decimal in distinct:
                    found.setdefault(code, []).append(number_of[document])
        return found

    def _exchange_procedure(self, merging: bool, dice: Random) -> None:
        """A rare procedure for an unused one: one label less where that one's is known already.

        Otherwise one label more: of a procedure that shared its label, for one whose label is new.
        """
        used = [c for c, n in self.held.items() if n and self._is(c, icd.PROCEDURE)]
        holders = Counter(map(self._caml, used))
        once = [c for c in used if self.held[c] == 1]
        old = [c for c in once if (holders[self._caml(c)] == 1) == merging]
        new = [c for c in self._free(icd.PROCEDURE) if (self._caml(c) in holders) == merging]
        if not old or not new:
            raise ValueError("caml_labels: no rare procedure is left to be exchanged")
        gone = dice.choice(sorted(old))
        number = next(n for n in self.inside if gone in self.of[n])
        self._replace(number, gone, dice.choice(sorted(new)))

    def _caml(self, code: int) -> str | None:
        known = self.population[code]
        return icd.caml_procedure(known.code) if known.system == icd.PROCEDURE else None

    def _free(self, system: str) -> list[int]:
        """Codes that no admission has."""
        anywhere = {code for codes in self.of for code in codes}
        return [c for c in range(len(self.population)) if c not in anywhere and self._is(c, system)]

    def _labelled(self) -> Labels:
        """CAML's labels of the admissions with a summary, by the pipeline's own rule."""
        columns = [pa.array(one, pa.string()) for one in zip(*self._table_rows(), strict=True)]
        order = sorted(self.with_summary, key=lambda n: (self.subjects[n], self.stays[n].hadm_id))
        owners = [(str(self.stays[n].hadm_id), str(self.subjects[n])) for n in order]
        documents = table_of(owners, pa.schema([CODES.field(n) for n in range(2)]))
        return label_documents(stream_table(pa.table(columns, schema=CODES)), documents, "caml")

    def _table_rows(self) -> Iterator[tuple[str, str, str, str | None]]:
        """Of DIAGNOSES_ICD, then of PROCEDURES_ICD, in the order of the files."""
        for system in (icd.DIAGNOSIS, icd.PROCEDURE):
            for number, stay in enumerate(self.stays):
                ids = (str(stay.hadm_id), str(self.subjects[number]), system)
                for _, code in self.registry.entered(self._stay(number)):
                    if code.system == system:
                        yield (*ids, code.code)
                if number in self.with_null_code and system == icd.DIAGNOSIS:
                    yield (*ids, None)

    # distinct labels of all admissions

    def _to_labels_of_all(self, figures: Figures, dice: Random) -> None:
        """Codes that no note tells of are given to admissions without a summary, or taken."""
        for _ in range(ROUNDS):
            found = self._labelled().counts["caml_labels_before_filtering"]
            missing = figures.caml_labels_before_filtering - found
            if not missing:
                return
            if missing > 0:
                for code in self._unused(icd.DIAGNOSIS, dice, missing):
                    self._exchange_common(code, dice, self.outside)
            else:
                only = {c for n in self.outside for c in self.of[n] if not self.held[c]}
                able = sorted(c for c in only if self._is(c, icd.DIAGNOSIS))
                for code in able[:-missing]:
                    self._drop(code, dice)
        raise ValueError(
            f"caml_labels_before_filtering={figures.caml_labels_before_filtering} was not met"
        )

    # one code of one admission

    def _is(self, code: int, system: str) -> bool:
        return self.population[code].system == system

    def _stay(self, number: int) -> Admission:
        return replace(self.stays[number], codes=tuple(self.of[number]))

    def _add(self, number: int, code: int, place: int | None = None) -> None:
        self.of[number].insert(len(self.of[number]) if place is None else place, code)
        self._count(number, code, 1)

    def _remove(self, number: int, code: int) -> None:
        self.of[number].remove(code)
        self._count(number, code, -1)

    def _replace(self, number: int, old: int, new: int) -> None:
        place = self.of[number].index(old)
        self._remove(number, old)
        self._add(number, new, place)

    def _count(self, number: int, code: int, by: int) -> None:
        if number in self.with_summary:
            self.held[code] += by
