"""A hospital that counts, to the unit, what MIMIC-III counts.

Its patients draw their codes as any hospital's do. Then the draws are settled: admissions gain
and lose common codes, a few rare codes are exchanged, and patients are given to the splits, until
every figure of MIMIC-III that concerns people and codes is met.

What is settled is a function of the settings alone.
"""

from collections.abc import Sequence
from random import Random

from isd_pipeline.synthetic.census_codes import CodesOfAll
from isd_pipeline.synthetic.census_figures import Figures
from isd_pipeline.synthetic.other_notes import how_many
from isd_pipeline.synthetic.patients import Admission, Patient, Registry, Settled


def settle(registry: Registry, figures: Figures) -> Settled:
    """Change what a hospital drew until it counts `figures`.

    Raises ValueError, naming the figure, where it cannot be met by a hospital of this size.
    """
    dice = Random(f"{registry.settings.seed}/census")
    patients = list(registry)
    with_summary = _those_with_summary(patients, figures, dice)
    splits = _splits(patients, with_summary, figures, dice)
    codeless = _codeless(patients, splits, with_summary, figures, dice)
    kept = sorted(with_summary)
    null = figures.diagnosis_rows_without_code - len(codeless)
    with_null = codeless | {*dice.sample(sorted(with_summary - codeless), null)}
    codes = CodesOfAll(registry, patients, with_summary, codeless, with_null)
    codes.settle(figures, dice)
    second = figures.reports - figures.admissions_with_summary
    others = figures.note_records - figures.reports - figures.addenda
    stays = [stay for patient in patients for stay in patient.admissions]
    return Settled(
        codes=tuple(tuple(found) for found in codes.of),
        with_summary=with_summary,
        with_null_code=with_null,
        second_reports=frozenset(dice.sample(kept, second)),
        addenda=frozenset(dice.sample(kept, figures.addenda)),
        splits=splits,
        other_notes=_other_notes(registry, stays, others, dice),
    )


def _those_with_summary(
    patients: Sequence[Patient], figures: Figures, dice: Random
) -> frozenset[int]:
    every = [stay.number for patient in patients for stay in patient.admissions]
    if figures.admissions_with_summary > len(every):
        raise ValueError(
            f"admissions={len(every)}: too few for {figures.admissions_with_summary} with a summary"
        )
    return frozenset(dice.sample(every, figures.admissions_with_summary))


def _splits(
    patients: Sequence[Patient], with_summary: frozenset[int], figures: Figures, dice: Random
) -> tuple[str, ...]:
    """Whole patients to test, then to dev, as long as they fit; the others are train."""
    splits = ["train"] * len(patients)
    order = dice.sample(range(len(patients)), len(patients))
    room = {"test": figures.test, "dev": figures.dev}
    for number in order:
        size = sum(stay.number in with_summary for stay in patients[number].admissions)
        split = next((name for name, left in room.items() if 0 < size <= left), None)
        if split:
            splits[number] = split
            room[split] -= size
    if any(room.values()):
        raise ValueError(f"no patients are left for {room} more admissions of dev and test")
    return tuple(splits)


def _codeless(
    patients: Sequence[Patient],
    splits: Sequence[str],
    with_summary: frozenset[int],
    figures: Figures,
    dice: Random,
) -> frozenset[int]:
    of_train = [
        stay.number
        for patient in patients
        if splits[patient.number] == "train"
        for stay in patient.admissions
        if stay.number in with_summary
    ]
    return frozenset(dice.sample(of_train, figures.without_code))


def _other_notes(
    registry: Registry, stays: Sequence[Admission], wanted: int, dice: Random
) -> tuple[int, ...]:
    """Notes of other categories of each admission: as drawn, and a few more or fewer."""
    found = [how_many(registry.settings, stay) for stay in stays]
    while missing := wanted - sum(found):
        step = 1 if missing > 0 else -1
        able = [n for n, count in enumerate(found) if count + step >= 0]
        for n in dice.sample(able, min(abs(missing), len(able))):
            found[n] += step
    return tuple(found)
