"""What the rows and columns of a table are: of our experiments, and of systems that others made."""

from dataclasses import dataclass, field


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


@dataclass(frozen=True, kw_only=True)
class PublishedFigures:
    """What was printed of one system by an official task's rules; None is what was not.

    year: of the system.  source: where the figures stand.  derived: the source prints a difference
    to another figure, from which they follow.
    """

    year: int
    source: str
    map: float | None = None
    f1: float | None = None
    derived: bool = False

    def __post_init__(self) -> None:
        if self.map is None and self.f1 is None:
            raise ValueError("neither map nor f1 is given; leave the system out")


@dataclass(frozen=True, kw_only=True)
class PublishedTask:
    """The published systems of one official task, by name. text: what they read, in words."""

    title: str
    text: str
    systems: dict[str, PublishedFigures] = field(default_factory=dict)
