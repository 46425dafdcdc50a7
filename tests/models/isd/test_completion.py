"""What the completion tasks put into the slots, and how often."""

from __future__ import annotations

import torch

from isd_pipeline.models.isd.completion import missing_code, outside, wrong_code

N_CODES = 20
GOLD = [[0, 3, 7, 19], [5], [3, 4], [1, 2, 3, 5, 8, 13]]


def padded(gold: list[list[int]]) -> torch.Tensor:
    longest = max(map(len, gold))
    return torch.tensor([codes + [-1] * (longest - len(codes)) for codes in gold])


def test_the_missing_code_is_masked_and_asked_for():
    task = missing_code(padded(GOLD), N_CODES)
    for row, codes in enumerate(GOLD):
        slots = task.codes[row][task.is_slot[row]].tolist()
        asked = int(task.asked[row])
        assert slots[asked] == N_CODES
        assert int(task.answer[row]) == codes[asked]
        assert [*slots[:asked], codes[asked], *slots[asked + 1 :]] == codes
    assert task.counts.all()  # a note with one code too: its only slot is l_mask


def test_every_gold_code_is_hidden_equally_often():
    torch.manual_seed(0)
    answers = missing_code(padded([[2, 5, 11]] * 6000), N_CODES).answer
    counts = torch.bincount(answers, minlength=N_CODES)[[2, 5, 11]]
    assert counts.sum() == 6000
    assert (counts - 2000).abs().max() < 200  # 5 standard deviations


def test_the_wrong_code_is_drawn_uniformly_outside_the_gold_codes():
    torch.manual_seed(0)
    gold = [0, 1, 4, 8, 9]
    drawn = torch.bincount(outside(padded([gold] * 10000), 10), minlength=10)
    assert not drawn[gold].any()
    assert (drawn[[2, 3, 5, 6, 7]] - 2000).abs().max() < 200


def test_the_wrong_code_stands_last_and_is_asked_for():
    task = wrong_code(padded(GOLD), N_CODES)
    for row, codes in enumerate(GOLD):
        slots = task.codes[row][task.is_slot[row]].tolist()
        assert slots[:-1] == codes
        assert slots[-1] not in codes
        assert int(task.asked[row]) == len(codes)
    assert task.answer.tolist() == [N_CODES] * len(GOLD)


def test_where_every_code_is_gold_none_is_wrong():
    task = wrong_code(padded([list(range(6)), [2]]), 6)
    assert task.counts.tolist() == [False, True]
    assert int(task.codes.max()) < 6
