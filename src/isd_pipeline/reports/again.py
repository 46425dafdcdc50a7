"""The commands that make a page's best system and the page itself again."""

from collections.abc import Iterable, Sequence

Run = tuple[str, str, Sequence[int]]  # cohort, experiment, seeds

DATA = ("extract,preprocess", "embed")  # apart: settings by size follow what was counted


def commands_of(
    cohort: str, best: Run, base_models: Iterable[Run], *, generated: bool
) -> list[tuple[str, str]]:
    """What each command does, and the command, in their order.

    `base_models`: the runs that an ensemble weighs, of this cohort or of others.
    """
    bases = list(base_models)
    cohorts = dict.fromkeys([cohort, *(name for name, _, _ in bases)])
    _, experiment, seeds = best
    return [
        *([("the hospital's files", _kedro("generate", f"cohort={cohort}"))] * generated),
        *((f"the data of {n}", _kedro(of, f"cohort={n}")) for n in cohorts for of in DATA),
        *(
            (f"{name}, which the best system weighs", _of_run((of, name, s)))
            for of, name, s in bases
        ),
        (f"{experiment}, the best system", _of_run(best)),
        ("this page and its tables", _kedro("compare,report", f"cohort={cohort}")),
        (
            "whether a recorded run comes out the same",
            f"isd reproduce {cohort} {experiment} {seeds[0]}",
        ),
        ("what codes new notes", f"isd bundle {cohort} {experiment} --seed {seeds[0]}"),
    ]


def _of_run(run: Run) -> str:
    cohort, experiment, seeds = run
    chosen = f"cohort={cohort},experiment={experiment},seed="
    if len(seeds) == 1:
        return _kedro("train,evaluate,record", f"{chosen}{seeds[0]}")
    command = _kedro("train,evaluate,record", f"{chosen}$seed")
    return f"for seed in {' '.join(map(str, seeds))}; do {command}; done"


def _kedro(stages: str, chosen: str) -> str:
    return f"kedro run --pipelines={stages} --params={chosen}"
