"""Promises of the compared systems' losses: values by hand, each description read once."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from isd_pipeline.models.caml import (
    CAML,
    DRCAML,
    CAMLConfig,
    DescribedPrediction,
    DescriptionConfig,
    description_distance,
)
from isd_pipeline.models.laat import JointLAAT, JointLAATConfig, LevelledPrediction, groups_of
from isd_pipeline.models.prediction import Prediction, PredictionConfig
from isd_pipeline.training.batches import Batch

close = torch.testing.assert_close
TITLES = torch.tensor([[3, 4], [5, 0], [6, 7], [0, 0]])
BATCH = Batch(
    tokens=torch.tensor([[1, 2, 3], [4, 5, 0], [6, 0, 0]]),
    gold=torch.tensor([[0, 2], [2, -1], [-1, -1]]),
    rows=np.arange(3),
)


def dr_caml() -> DRCAML:
    torch.manual_seed(0)
    return DRCAML(CAMLConfig(width=3, kernel_size=2, dropout=0.0), torch.randn(10, 4), 4)


def test_prediction_is_the_mean_binary_cross_entropy():
    model = dr_caml()
    losses = Prediction(PredictionConfig())(model, BATCH)
    gold = torch.tensor([[1.0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    logits = model(BATCH.tokens, BATCH.is_token).logits
    close(losses, {"prediction": F.binary_cross_entropy_with_logits(logits, gold)})


def test_the_distance_sums_over_each_notes_codes_and_means_over_notes_and_width():
    model = dr_caml()
    vectors, described = model.code_vectors(), model.describe(TITLES)
    of_code = [(vectors[code] - described[code]).square().mean() for code in range(4)]
    want = ((of_code[0] + of_code[2]) + of_code[2] + 0) / 3
    close(description_distance(model, BATCH.gold, TITLES), want)


def test_each_distinct_description_is_read_once_in_one_call():
    model, seen = dr_caml(), []
    model.describe.register_forward_hook(lambda _, given, __: seen.append(given[0].tolist()))
    description_distance(model, BATCH.gold, TITLES)
    assert seen == [[[3, 4], [6, 7]]]


def test_notes_without_codes_are_no_distance_from_any_description():
    model = dr_caml()
    distance = description_distance(model, torch.full((2, 1), -1), TITLES)
    distance.backward()
    assert distance.item() == 0


def test_lambda_0_is_caml_and_reads_no_description():
    model = dr_caml()
    plain = CAML(CAMLConfig(width=3, kernel_size=2, dropout=0.0), torch.zeros(10, 4), 4)
    plain.load_state_dict(model.caml.state_dict())
    objective = DescribedPrediction(DescriptionConfig(description=0), TITLES)
    losses = objective(model, BATCH)
    close(losses, Prediction(PredictionConfig())(plain, BATCH))
    losses["prediction"].backward()
    assert all(parameter.grad is None for parameter in model.describe.parameters())


def test_the_description_loss_moves_descriptions_and_classifiers_together():
    model = dr_caml()
    objective = DescribedPrediction(DescriptionConfig(description=10), TITLES)
    assert objective.config.weights == {"prediction": 1.0, "description": 10.0}
    objective(model, BATCH)["description"].backward()
    assert model.code_vectors().grad[[0, 2]].any()
    assert not model.code_vectors().grad[[1, 3]].any()
    assert all(parameter.grad.any() for parameter in model.describe.parameters())
    assert model.caml.words.weight.grad is None  # its words are its own


def test_a_note_has_the_categories_of_its_codes_each_once():
    gold = torch.tensor([[0, 1, 3], [2, -1, -1], [-1, -1, -1]])
    found = groups_of(gold, torch.tensor([4, 4, 0, 2]))
    assert [set(note.tolist()) - {-1} for note in found] == [{4, 2}, {0}, set()]
    assert (found == 4).sum() == 1


def test_both_levels_are_one_mean_over_all_outputs():
    torch.manual_seed(0)
    sizes = JointLAATConfig(width=3, attention_width=2, projection=2, dropout=0.0)
    model = JointLAAT(sizes, torch.randn(10, 4), n_codes=4, n_categories=3)
    losses = LevelledPrediction(torch.tensor([0, 0, 1, 2]))(model, BATCH)
    output = model(BATCH.tokens, BATCH.is_token)
    gold = torch.tensor(  # of the codes, then of the categories
        [[1.0, 0, 1, 0, 1, 1, 0], [0, 0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0]]
    )
    together = torch.cat([output.logits, output.categories], dim=1)
    want = F.binary_cross_entropy_with_logits(together, gold)
    close(losses["prediction"] + losses["categories"], want)
