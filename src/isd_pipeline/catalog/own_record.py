"""The record of this machine alone, `data/results/COHORT`, held against the one in git.

The demonstration writes this one: on a processor that rounds otherwise its numbers are others, and
files in git are to change when somebody asks for it, not when somebody looks around.
"""

from pathlib import Path

from isd_pipeline.catalog.results import RUNS, Run, read_results

IN_GIT, OWN = "results", "data/results"
SHOWN = "f1_micro_tuned"


def record_of(cohort: str, root: Path = Path()) -> Path:
    """Where the runs of a cohort are recorded: on this machine alone if there is such a record."""
    own = root / OWN / cohort
    return own if (own / RUNS).exists() else root / IN_GIT / cohort


def against_git(cohort: str, root: Path = Path()) -> str:
    """One sentence: whether this machine's numbers are those in git; "" where either is lacking."""
    own, in_git = (read_results(root / place / cohort) for place in (OWN, IN_GIT))
    recorded = {run.key: run for run in in_git}
    both = [(run, recorded[run.key]) for run in own if run.key in recorded]
    if not both:
        return ""
    where = f"those recorded in {IN_GIT}/{cohort}"
    if any(_of_other_data(*pair) for pair in both):
        return f"The runs are of other data than {where}, and not comparable with them."
    others = [_beside(*pair) for pair in both if not _is_same(*pair)]
    if not others:
        return f"All {len(both)} runs are the same to the bit as {where}."
    return (
        f"{len(both) - len(others)} of {len(both)} runs are the same to the bit as {where}; of the "
        f"others micro-F1 is {', '.join(others)}. Another processor or other code does that."
    )


def _of_other_data(one: Run, other: Run) -> bool:
    """Whether their documents, codes or words differ, as far as both say what they were."""
    marks, known = one.fingerprints or {}, other.fingerprints or {}
    return any(marks[name] != known[name] for name in marks.keys() & known)


def _is_same(one: Run, other: Run) -> bool:
    """Every metric is equal, and the weights where both are known."""
    known = one.weights is not None and other.weights is not None
    return one.content == other.content and (not known or one.weights == other.weights)


def _beside(own: Run, recorded: Run) -> str:
    here, there = (run.metrics["test"].get(SHOWN, float("nan")) for run in (own, recorded))
    return f"{here:.4f} for {there:.4f} ({own.experiment})"
