"""How to train: the settings of the loop."""

from dataclasses import dataclass, field

LEFT_OUT = "left out of an artifact's settings where it is the default"  # it came after the others


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How to train; the defaults are the paper's, or the authors' code's where it is silent.

    `patience` counts epochs without a better `metric` on the development set, after the warm-up.
    `bf16` holds on a GPU; a CPU always computes in fp32. `mention_notes` is the share of the
    mentions that an epoch also reads as short notes, each with `mention_context` words on either
    side (`training/mention_notes.py`). `keep: last` keeps the last epoch's weights and has no
    patience: for a training whose development documents train as well. `accumulate` computes a
    batch in so many parts, one after another, for little memory; the step is the whole batch's.
    `draws`: random numbers (dropout, codes to complete) are drawn for the batch as a whole, or for
    each example by itself, as they always are where a batch is in parts. `graphs` has a GPU repeat
    recorded steps (`training/recorded.py`); on a CPU the same pieces are called one by one.
    """

    learning_rate: float | int = 3e-4
    weight_decay: float | int = 0.0
    batch_size: int = 32
    max_epochs: int = 200
    warm_up_epochs: float | int = 5
    schedule: str = "linear"  # to 0 at the end of max_epochs; or constant
    clip: float | int = 10.0  # of the norm of all gradients together
    patience: int = 10
    metric: str = "dev_f1_micro"
    max_tokens: int = 4000
    precision: str = "bf16"
    keep: str = "best"
    mention_notes: float | int = 0.0
    mention_context: int = 10
    accumulate: int = field(default=1, metadata={LEFT_OUT: True})
    draws: str = field(default="batch", metadata={LEFT_OUT: True})
    graphs: bool = field(default=False, metadata={LEFT_OUT: True})

    def __post_init__(self) -> None:
        positive = ("learning_rate", "batch_size", "max_epochs", "clip", "patience", "max_tokens")
        for name in (*positive, "accumulate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)} must be above 0")
        for name in ("weight_decay", "warm_up_epochs", "mention_notes", "mention_context"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}={getattr(self, name)} must be 0 or more")
        choices = {"schedule": ("linear", "constant"), "precision": ("bf16", "fp32")}
        choices |= {"keep": ("best", "last"), "draws": ("batch", "example")}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r} must be one of {known}")
        if self.mention_notes > 1:
            raise ValueError(f"mention_notes={self.mention_notes} is a share: 1 at most")
        if self.warm_up_epochs >= self.max_epochs:
            raise ValueError(
                f"warm_up_epochs={self.warm_up_epochs} leaves nothing of "
                f"max_epochs={self.max_epochs} to train at the full rate"
            )
