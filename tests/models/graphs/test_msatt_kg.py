"""MSATT-KG by hand, and against a plain reading of its equations."""

from __future__ import annotations

import pytest
import torch

from isd_pipeline.models.msatt_kg import DenseConv, MSATTKGConfig, ScaleAttention, TreeConvolution
from tests.models.graphs.graph_models import CODE_WIDTH, N_CODES, PARENTS, logits, msatt_kg, notes

close = torch.testing.assert_close


def test_each_scale_sees_one_neighbour_further():
    conv = DenseConv(5, MSATTKGConfig(scales=4, kernel_size=3, channels=6))
    words = torch.randn(1, 11, 5)
    moved = words.clone()
    moved[0, 5] += 1
    is_token = torch.ones(1, 11, dtype=torch.bool)
    changed = (conv(words, is_token) != conv(moved, is_token)).any(dim=-1)[0]
    for scale in range(4):
        assert changed[:, scale].nonzero()[:, 0].tolist() == list(range(4 - scale, 7 + scale))


def test_a_scale_reads_the_words_and_all_scales_before_it():
    conv = DenseConv(5, MSATTKGConfig(scales=3, channels=6))
    assert [one.in_channels for one in conv.convolutions] == [5, 11, 17]


def test_words_weigh_their_scales_by_the_sums_of_their_channels():
    """Sums ln 3 and 0: weights 3/4 and 1/4."""
    attend = ScaleAttention(2)
    with torch.no_grad():
        for layer in (attend.choose[0], attend.choose[2]):
            layer.weight.copy_(torch.eye(2))
            layer.bias.zero_()
    scales = torch.tensor([[3.0, 1.0], [1.0, -1.0]])
    scales[0] *= torch.tensor(3.0).log() / 4
    close(attend(scales[None, None])[0, 0], 0.75 * scales[0] + 0.25 * scales[1])


def test_a_node_hears_from_its_parent_and_the_mean_of_its_children():
    """Nodes 0 and 1 below 2, which is below 3."""
    layer, nodes = TreeConvolution(6), torch.randn(4, 6)
    down, up = layer.from_parent.weight, layer.from_children.weight
    own = layer.own(nodes)
    want = [
        own[0] + down @ nodes[2],
        own[1] + down @ nodes[2],
        own[2] + down @ nodes[3] + up @ (nodes[0] + nodes[1]) / 2,
        own[3] + up @ nodes[2],
    ]
    close(layer(nodes, torch.tensor([2, 2, 3, -1])), torch.stack(want).relu())


@pytest.mark.parametrize(("n_layers", "hears"), [(1, [7, 8]), (2, [5, 6, 7, 8])])
def test_two_layers_bring_word_from_a_codes_siblings(n_layers: int, hears: list[int]):
    """Codes 5, 6, 7 are below node 11, code 8 below 7."""
    model = msatt_kg(graph_layers=n_layers)
    before = model.related_codes()
    with torch.no_grad():
        model.codes[7] += 3
    changed = (model.related_codes() != before).any(dim=1)
    assert changed.nonzero()[:, 0].tolist() == hears


def test_logits_are_those_of_the_equations():
    model, tokens = msatt_kg().double(), notes(6)
    hidden = model.weigh(model.encode(model.words[tokens], tokens != 0))[0]
    related = model.related_codes()
    wanted = []
    for code in range(N_CODES):
        weights = (hidden @ model.to_query(related[code])).softmax(dim=0)
        heard = model.to_score(hidden.T @ weights).relu()
        wanted.append(heard[:CODE_WIDTH] @ model.codes[code] + heard[CODE_WIDTH:] @ related[code])
    close(logits(model, tokens)[0], torch.stack(wanted).detach(), atol=1e-12, rtol=1e-12)


def test_the_tree_is_among_the_weights():
    assert torch.equal(msatt_kg().state_dict()["parents"], PARENTS)


@pytest.mark.parametrize("wrong", [{"scales": 0}, {"graph_layers": 0}])
def test_sizes_that_cannot_be_meant_are_refused(wrong: dict[str, int]):
    with pytest.raises(ValueError, match="is below 1"):
        msatt_kg(**wrong)
