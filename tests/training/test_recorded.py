"""Recorded steps are the plain ones: to the bit on a CPU, where a tape plays the CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any
from unittest.mock import MagicMock, Mock, create_autospec

import pytest
import torch
from torch import nn

from isd_pipeline.models.isd.distillation import assign
from isd_pipeline.training import recorded as recording
from isd_pipeline.training.batches import Batch, Marks, in_few_shapes, rung
from isd_pipeline.training.graphs import CudaGraphs, OneByOne
from isd_pipeline.training.loop import make_optimizer, train_epoch
from isd_pipeline.training.parts import Cut
from isd_pipeline.training.recorded import RecordedSteps, made_ahead
from isd_pipeline.training.settings import TrainingConfig
from tests.models.isd.test_objective import GOLD, objective, small_batch, small_isd
from tests.training.tape import Tape, Tapes

STEADY = TrainingConfig(  # rates that fp32 holds exactly, and the first of them differ
    learning_rate=2.0**-7, warm_up_epochs=2, max_epochs=4, schedule="constant", precision="fp32"
)
GOLDS = (GOLD, [[2], [], [3, 4, 9], [11]])
Made = tuple[nn.Module, list[dict[str, float]]]  # and the figures of two epochs
on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")


class Notes:
    """Batches in two shapes, all different."""

    def __init__(self, n: int = 8) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[Batch]:
        for number in range(self.n):
            batch = small_batch(GOLDS[number % 2])
            first = torch.arange(30) < 2
            marks = Marks(batch.gold[:, :1], first.expand(4, 1, 30) & (batch.gold[:, :1, None] > 3))
            yield replace(batch, tokens=batch.tokens.roll(number, 0), marks=marks)


def epochs(recorder: Any = None, device: str = "cpu", **settings: Any) -> Made:
    """Two epochs with dropout, of 8 and 2 batches; without a recorder plainly."""
    model = small_isd(**{"dropout": 0.2} | settings.pop("model", {})).to(device).train()
    losses = objective(**settings)
    given = (losses, make_optimizer(model, STEADY), STEADY, losses.weights)
    steps = None if recorder is None else RecordedSteps(model, *given, recorder)
    figures = []
    for epoch, n in ((1, 8), (2, 2)):
        torch.manual_seed(epoch)
        figures.append(train_epoch(model, Notes(n), *given, epoch, recorded=steps))
    return model, figures


def assert_same(one: Made, other: Made) -> None:
    assert one[1] == other[1]
    for name, weight in other[0].state_dict().items():
        assert torch.equal(one[0].state_dict()[name], weight), name


@pytest.mark.parametrize(
    "settings",
    [
        {"model": {"learned_temperature": True}, "weights": {"attention": 0.1}},
        {"weights": {"distillation": 0}},
    ],
)
def test_replayed_steps_are_the_plain_ones_to_the_bit(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    """Weights, figures, dropout, rates: 10 steps of two shapes, 6 of them replayed."""
    monkeypatch.setattr(recording, "in_few_shapes", lambda batch: batch)
    monkeypatch.setattr(recording, "rung", lambda size: size)
    tapes = Tapes()
    assert_same(epochs(tapes, **settings), epochs(**settings))
    assert (tapes.recorded, tapes.played) == (2 * 3, 6 * 3)


@pytest.mark.parametrize(
    "read", [lambda one: one.item(), lambda one: one[one > 0], lambda one: one.nonzero()]
)
def test_nothing_recorded_may_be_read_by_the_host(read: Callable[[torch.Tensor], Any]):
    with pytest.raises(AssertionError, match="the host reads"), Tape():
        read(torch.ones(1))


def test_steps_that_are_not_recorded_are_the_same_pieces_called_one_by_one():
    assert_same(epochs(OneByOne()), epochs(Tapes()))


@on_gpu
def test_a_gpu_replays_what_it_would_compute():
    """The same draws: dropout of a graph goes on where the generator stands."""
    one, other = (epochs(recorder, "cuda") for recorder in (OneByOne(), CudaGraphs()))
    for found, expected in zip(one[1], other[1], strict=True):
        assert found == pytest.approx(expected, rel=1e-4)
    for name, weight in other[0].state_dict().items():
        torch.testing.assert_close(one[0].state_dict()[name], weight, atol=1e-3, rtol=1e-3)


def test_torch_is_asked_for_graphs_as_it_wants_to_be(monkeypatch: pytest.MonkeyPatch):
    """One memory and one stream for all; a recording does nothing, so it is replayed at once."""
    done: list[str] = []
    graph = create_autospec(torch.cuda.graph)
    graph.return_value.__enter__.side_effect = lambda *_: done.append("begin")
    graph.return_value.__exit__.side_effect = lambda *_: done.append("end")
    graphs = Mock(side_effect=lambda: Mock(replay=lambda: done.append("replay")))
    for name, fake in (("graph", graph), ("CUDAGraph", graphs), ("graph_pool_handle", Mock())):
        monkeypatch.setattr(torch.cuda, name, fake)
    for name in ("Stream", "stream", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, MagicMock())
    recorder = CudaGraphs()
    with recorder.aside():
        first, _ = (recorder(lambda: done.append("piece")) for _ in range(2))
    first()
    assert done == ["begin", "piece", "end", "replay"] * 2 + ["replay"]
    one, other = (call.args[1:] for call in graph.call_args_list)
    assert one == other == (recorder.pool, recorder.stream)
    recorder.stream.wait_stream.assert_called_once()


# ------------------------------------------------------------------------------------- shapes


def test_lengths_are_rounded_up_to_few():
    assert [rung(size) for size in (1, 2, 3, 5, 64, 65)] == [1, 2, 4, 8, 64, 128]
    assert [rung(size, 4) for size in (1, 5, 9, 1025, 1500, 4000)] == [1, 5, 10, 1280, 1536, 4096]
    lengths = range(257, 4001)
    assert len({rung(length, 4) for length in lengths}) == 16
    assert all(0 <= rung(length, 4) - length < length / 4 for length in lengths)


def test_padding_to_few_shapes_changes_no_loss_and_no_gradient():
    model, found = small_isd().double(), []
    for batch, size in ((next(iter(Notes())), None), (in_few_shapes(next(iter(Notes()))), rung)):
        torch.manual_seed(2)
        losses = objective(weights={"attention": 0.1})
        laid = losses.lay(batch, *([size] if size else []))
        begun, asked = losses.begin(model, laid)
        values = losses.go_on(model, laid, begun)
        partner = torch.from_numpy(assign(asked.detach().numpy()))
        values |= losses.finish(laid, asked, partner)
        gradients = torch.autograd.grad(sum(values.values()), [*weights_of(model)])
        read = (laid.tokens, laid.gold, laid.text.tokens, laid.text.place)
        found.append(([tuple(one.shape) for one in read], values, gradients))
    assert found[0][0] == [(4, 30), (4, 6), (10, 5), (4, 18)]
    assert found[1][0] == [(4, 32), (4, 8), (16, 8), (4, 32)]
    torch.testing.assert_close(found[1][1:], found[0][1:], atol=1e-12, rtol=1e-12)


def weights_of(model: nn.Module) -> Iterator[nn.Parameter]:
    return (weight for weight in model.parameters() if weight.requires_grad)


# -------------------------------------------------------------------------------------- ahead


def test_a_thread_makes_what_comes_next_in_the_same_order_with_the_same_draws():
    def drawn() -> Iterator[float]:
        torch.manual_seed(4)
        for _ in range(9):
            yield torch.rand(()).item()

    assert list(made_ahead(drawn())) == list(drawn())
    made: list[int] = []
    ahead = made_ahead(made.append(number) or number for number in range(9))
    assert list(islice(ahead, 2)) == [0, 1]
    ahead.close()
    assert made[:4] == [0, 1, 2, 3]
    assert len(made) <= 4


def test_what_fails_in_the_thread_fails_where_it_is_waited_for():
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("row 2")

    ahead = made_ahead(broken())
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="row 2"):
        next(ahead)


def test_notes_matched_in_threads_have_the_partners_of_notes_matched_in_turn():
    cosines = torch.randn(9, 12, 12).numpy()
    cosines[0], cosines[1] = 0.0, cosines[1].round()  # ties
    assert (assign(cosines, in_threads=True) == assign(cosines)).all()


# ----------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("losses", "cut", "told"),
    [
        ({}, Cut(accumulate=2), "batches in parts"),
        ({}, Cut(draws="example"), "draws: example"),
        (
            dict.fromkeys(("teacher", "missing", "removal", "distillation"), 0),
            Cut(),
            "steps of ISD",
        ),
    ],
)
def test_what_cannot_be_recorded_is_refused(losses: dict[str, int], cut: Cut, told: str):
    model, made = small_isd(), objective(weights=losses)
    with pytest.raises(ValueError, match=rf"^graphs: .*{told}.*graphs: false"):
        RecordedSteps.of(model, made, make_optimizer(model, STEADY), STEADY, made.weights, cut)
