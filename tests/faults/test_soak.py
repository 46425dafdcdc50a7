"""The verdict over hours of rounds tells what grows from what stays."""

from __future__ import annotations

import pytest

from tests.faults.soak import ALLOWED, table, verdict

ROUND: dict[str, float] = {"seconds": 1.0, "mlflow": 9.0, **dict.fromkeys(ALLOWED, 100.0)}


def rounds(count: int = 40, **growth: float) -> list[dict[str, float]]:
    """Rounds whose figures grow by so much each; the first is out of line, as caches fill."""
    grown = [
        {name: value + n * growth.get(name, 0.0) for name, value in ROUND.items()}
        for n in range(count)
    ]
    return [dict.fromkeys(ROUND, 0.0), *grown[1:]]


def test_what_stays_is_no_fault_and_mlflow_may_grow() -> None:
    assert verdict(rounds(mlflow=1e6)) == []
    assert "| tenth 10 |" in table(rounds())


@pytest.mark.parametrize("name", list(ALLOWED))
def test_each_figure_that_grows_is_named(name: str) -> None:
    by = 0.1 + ALLOWED[name] / 30
    [fault] = verdict(rounds(**{name: by}))
    assert fault.startswith(f"{name} grew from ")
    assert not verdict(rounds(**{name: ALLOWED[name] / 40}))


def test_a_few_rounds_tell_nothing() -> None:
    assert "too few" in verdict(rounds(9))[0]
