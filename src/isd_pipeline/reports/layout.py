"""What the rows and columns of a table of experiments are."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The experiments that are a table's rows, and the one that the others are tested against.

    `metrics` are its columns; without them they are those of the paper's Tables 1 to 4.
    """

    title: str
    experiments: tuple[str, ...]
    reference: str
    metrics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.reference not in self.experiments:
            raise ValueError(f"reference: {self.reference} is not among the experiments")

    def columns(self, k: int) -> tuple[str, ...]:
        """The metrics shown; the tables of the paper have P@5 of some cohorts, P@8 of others."""
        of_paper = ("auc_macro", "auc_micro", "f1_macro_caml", "f1_micro", f"p_at_{k}")
        return self.metrics or of_paper
