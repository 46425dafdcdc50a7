"""The bootstrap against a slow loop, where its intervals lie, and Student's t by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from isd_pipeline.evaluation.metrics import all_metrics
from isd_pipeline.evaluation.resampling import (
    DIFFERENCE,
    Bootstrap,
    Measured,
    Sampling,
    bootstrap,
    bootstrap_run,
    bootstrap_weights,
    bounded,
    limits_of,
    over_seeds,
    recentred_interval,
)
from isd_pipeline.evaluation.thresholds import tuned_metrics
from isd_pipeline.evaluation.weighted import Predictions, ScoredDocuments


def cohort(documents: int, codes: int, seed: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """A long tail of codes, about eight a document, and scores that know something of them."""
    random = np.random.default_rng(seed)
    rates = 1 / np.arange(1, codes + 1) ** 1.1
    rates = np.minimum(8 * rates / rates.sum(), 0.5)
    gold = random.random((documents, codes)) < rates
    scores = np.log(rates / (1 - rates)) + random.normal(size=gold.shape) + 4 * gold
    return sparse.csr_matrix(gold), scores.astype(np.float32)


def test_it_agrees_with_a_loop_over_repeated_documents():
    gold, scores = cohort(25, 20, seed=3)
    found = bootstrap(Predictions.of(gold, scores), replicates=40, seed=9).replicates
    found |= bootstrap(ScoredDocuments.of(gold, scores), replicates=40, seed=9).replicates
    random = np.random.default_rng(9)
    for draw in range(40):
        copies = np.sort(random.integers(25, size=25))
        slow = all_metrics(gold[copies], scores[copies])
        slow.pop("auc_codes")
        fast = {name: values[draw] for name, values in found.items()}
        assert fast == pytest.approx(slow, abs=1e-9)


def test_what_is_observed_is_what_the_metrics_say():
    gold, scores = cohort(30, 20, seed=1)
    observed = bootstrap(Predictions.of(gold, scores, threshold=0.5), replicates=2).observed
    observed |= bootstrap(ScoredDocuments.of(gold, scores), replicates=2).observed
    expected = all_metrics(gold, scores, threshold=0.5)
    expected.pop("auc_codes")
    assert observed == pytest.approx(expected, abs=1e-12)


def test_a_runs_draws_name_what_is_tuned_and_are_of_the_same_documents():
    gold, scores = cohort(30, 20, seed=1)
    run = bootstrap_run(gold, scores, tuned=1.5, replicates=20, seed=4)
    expected = all_metrics(gold, scores) | tuned_metrics(gold, scores, 1.5)
    assert run.observed == pytest.approx({name: expected[name] for name in run.observed})
    assert {
        "f1_micro",
        "f1_macro_caml_tuned",
        "p_at_8",
        "map",
        "auc_macro",
    } <= run.replicates.keys()
    assert not {"codes_present", "p_at_8_tuned", "auc_macro_tuned"} & run.replicates.keys()
    tuned = bootstrap(Predictions.of(gold, scores, threshold=1.5), replicates=20, seed=4)
    np.testing.assert_array_equal(run.replicates["f1_micro_tuned"], tuned.replicates["f1_micro"])


def test_each_draw_is_of_as_many_documents_and_of_the_seed_alone():
    weights = bootstrap_weights(Sampling(7, 50, seed=2))
    assert (weights.sum(axis=1) == 7).all()
    assert (weights == bootstrap_weights(Sampling(7, 80, seed=2))[:50]).all()
    assert (weights != bootstrap_weights(Sampling(7, 50, seed=3))).any()


def test_documents_are_drawn_alike():
    """Of 40,000 draws of 5 documents each is resampled once a time, with variance 4/5."""
    weights = bootstrap_weights(Sampling(5, 40_000, seed=0))
    assert weights.mean(axis=0) == pytest.approx(np.ones(5), abs=0.03)
    assert weights.var(axis=0) == pytest.approx(np.full(5, 0.8), abs=0.05)


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    """Of a share near one half among D documents: 1.96 standard errors on either side."""
    gold = sparse.csr_matrix(np.arange(400)[:, None] % 2 == 0)
    scores = np.ones((400, 1), dtype=np.float32)
    low, high = bootstrap(Predictions.of(gold, scores), replicates=4000).intervals()["exact_match"]
    assert [low, high] == pytest.approx([0.5 - 0.049, 0.5 + 0.049], abs=0.005)


def test_intervals_lie_around_the_value_also_where_every_draw_lacks_rare_codes():
    gold, scores = cohort(150, 400, seed=5)
    sample = bootstrap(Predictions.of(gold, scores), replicates=200)
    value, draws = sample.observed["f1_macro_caml"], sample.replicates["f1_macro_caml"]
    assert (draws < value).mean() > 0.95  # a percentile interval would lie below the value
    low, high = sample.intervals()["f1_macro_caml"]
    assert low < value < high
    assert high - low == pytest.approx(np.diff(np.quantile(draws, [0.025, 0.975])).item())


def test_intervals_hold_the_mean_of_other_documents_about_as_often_as_they_say():
    names = ("f1_micro", "p_at_5", "f1_macro_caml")
    samples = [
        bootstrap(Predictions.of(*cohort(100, 60, seed)), replicates=80, seed=seed)
        for seed in range(80)
    ]
    for name in names:
        truth = np.mean([sample.observed[name] for sample in samples])
        intervals = [sample.intervals()[name] for sample in samples]
        held = np.mean([low <= truth <= high for low, high in intervals])
        assert 0.8 < held < 0.995, name


def test_a_draw_without_the_metric_is_passed_over():
    draws = np.array([0.2, np.nan, 0.4, 0.6])  # their 2.5th percentile is 0.21, their mean 0.4
    assert recentred_interval(0.5, draws) == pytest.approx((0.5 - 0.19, 0.5 + 0.19))


def test_a_metric_that_the_documents_do_not_have_is_left_out():
    everyone = sparse.csr_matrix(np.ones((3, 2), dtype=bool))
    assert not bootstrap(
        ScoredDocuments.of(everyone, np.zeros((3, 2), dtype=np.float32)), replicates=5
    ).observed


def test_the_mean_over_seeds_is_taken_draw_by_draw():
    runs = [bootstrap(Predictions.of(*cohort(20, 10, seed)), replicates=6) for seed in (1, 2, 3)]
    both = over_seeds(runs)
    micro = [run.replicates["f1_micro"] for run in runs]
    assert both.replicates["f1_micro"][4] == pytest.approx((micro[0] + micro[1] + micro[2])[4] / 3)
    assert both.observed["map"] == pytest.approx(np.mean([run.observed["map"] for run in runs]))


@pytest.mark.parametrize(("documents", "replicates", "seed"), [(21, 6, 0), (20, 7, 0), (20, 6, 1)])
def test_draws_of_other_documents_are_not_averaged(documents, replicates, seed):
    one = bootstrap(Predictions.of(*cohort(20, 10, 1)), replicates=6)
    other = bootstrap(Predictions.of(*cohort(documents, 10, 1)), replicates=replicates, seed=seed)
    with pytest.raises(ValueError, match="bootstraps of different replicates"):
        over_seeds([one, other])


def test_students_interval_by_hand():
    """Of 1, 2, 3: sd 1, t of 2 degrees of freedom 4.3027, over the root of 3."""
    found = Measured.of([1.0, 2.0, 3.0])
    assert (found.mean, found.sd, found.seeds) == (2.0, pytest.approx(1.0), 3)
    assert found.interval == pytest.approx((2 - 2.484138, 2 + 2.484138), abs=1e-6)


def test_one_seed_has_no_interval():
    assert Measured.of([0.5]) == Measured(0.5, None, 1, None)


@pytest.mark.parametrize("values", [[0.929, 1.0, 0.989], [0.0, 0.02, 0.0]])
def test_no_interval_and_no_bar_of_a_share_leaves_0_to_1(values: list[float]) -> None:
    of_seeds = Measured.of(values, limits_of("f1_micro_tuned"))
    low, high = of_seeds.interval
    below, above = of_seeds.spread()
    assert 0 <= low <= of_seeds.mean <= high <= 1
    assert 0 <= of_seeds.mean - below <= of_seeds.mean + above <= 1
    sampling = Sampling(documents=3, replicates=5, seed=0)
    draws = np.array([*values, *values[:2]]) * 2 - values[0]  # far from what was observed
    low, high = Bootstrap(sampling, {"map": values[0]}, {"map": draws}).intervals()["map"]
    assert 0 <= low <= high <= 1
    assert bounded((-1.2, 0.3), DIFFERENCE) == (-1.0, 0.3)


def test_what_is_no_share_has_no_limits() -> None:
    for name in ("attention_words", "threshold_tuned", "predicted_per_document", "auc_codes"):
        assert limits_of(name) is None
    low, high = Measured.of([12.0, 30.0], limits_of("predicted_per_document")).interval
    assert low < 0
    assert high > 1
