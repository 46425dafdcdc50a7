"""HyperCore by hand, and against a plain reading of its equations."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import sparse

from isd_pipeline.embeddings.graphs import LARGEST_NORM
from isd_pipeline.models.hypercore import CoGraph, Links, ToBall
from tests.models.graphs.graph_models import N_CODES, hypercore, links, logits, notes

close = torch.testing.assert_close


def test_links_are_the_sparse_matrix():
    matrix, nodes = links(), torch.randn(N_CODES, 3, requires_grad=True)
    found, want = Links(matrix)(nodes), torch.from_numpy(matrix.toarray()) @ nodes
    close(found, want)
    given = torch.randn_like(found)
    close(torch.autograd.grad(found, nodes, given)[0], torch.autograd.grad(want, nodes, given)[0])


def test_the_graph_is_among_the_weights():
    ours, other = hypercore(), hypercore()
    for name in ("starts", "columns", "shares"):
        assert f"cooccurrence.links.{name}" in ours.state_dict()
    assert not any(name.startswith("cooccurrence.links") for name, _ in ours.named_parameters())
    torch.nn.init.zeros_(other.cooccurrence.links.shares)
    other.load_state_dict(ours.state_dict())
    close(logits(other, notes(5)), logits(ours, notes(5)))


def test_each_layer_of_the_co_graph_reaches_one_step_further():
    """Three codes in a chain, 0 - 1 - 2."""
    links = sparse.csr_matrix([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]])
    codes = torch.randn(3, 4)
    moved = codes + torch.tensor([[0.0], [0.0], [1.0]])
    for n_layers, reached in ((1, [1, 2]), (2, [0, 1, 2])):
        graph = CoGraph(links, 4, 5, n_layers)
        changed = (graph(codes) != graph(moved)).any(dim=1)
        assert changed.nonzero()[:, 0].tolist() == reached


def test_a_place_in_the_ball_by_hand():
    """Norm sigma(ln 3) = 3/4, direction (3, 4) / 5."""
    place = ToBall(2, 2)
    with torch.no_grad():
        place.direction.weight.copy_(torch.eye(2))
        place.direction.bias.zero_()
        place.norm.weight.zero_()
        place.norm.bias.fill_(math.log(3))
    close(place(torch.tensor([[6.0, 8.0]])), torch.tensor([[0.45, 0.6]]))


def test_no_vector_is_placed_outside_the_ball():
    place = ToBall(4, 3)
    norms = place(1e6 * torch.randn(50, 4)).norm(dim=-1)
    assert norms.max() <= LARGEST_NORM + 1e-7
    assert norms.isfinite().all()


def test_logits_are_those_of_the_equations():
    model, tokens = hypercore().double(), notes(6)
    hidden = model.encode(model.words[tokens], tokens != 0)[0]
    related = model.cooccurrence(model.codes)
    wanted = []
    for code in range(N_CODES):
        weights = (model.to_key(hidden).tanh() @ model.codes[code]).softmax(dim=0)
        found = hidden.T @ weights
        place, own = model.to_ball(found), model.hyperbolic[code]
        room = (1 - place @ place) * (1 - own @ own)
        near = -torch.acosh(1 + 2 * (place - own).square().sum() / room)
        joined = model.join(torch.cat([found, related[code], near[None]])).tanh()
        wanted.append(model.score.weight[code] @ joined + model.score.bias[code])
    close(logits(model, tokens)[0], torch.stack(wanted).detach(), atol=1e-12, rtol=1e-12)


def test_the_hierarchy_is_heard():
    model, tokens = hypercore(), notes(6)
    before = logits(model, tokens)
    model.hyperbolic.neg_()
    assert (logits(model, tokens) - before).abs().min() > 1e-5


@pytest.mark.parametrize("wrong", [{"filters": 0}, {"graph_layers": 0}])
def test_sizes_that_cannot_be_meant_are_refused(wrong: dict[str, int]):
    with pytest.raises(ValueError, match="is below 1"):
        hypercore(**wrong)
