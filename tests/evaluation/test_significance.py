"""The two tests against slow loops, on equal systems and on unequal ones; Holm by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from isd_pipeline.evaluation.metrics import all_metrics
from isd_pipeline.evaluation.resampling import Bootstrap, Sampling, bootstrap, over_seeds
from isd_pipeline.evaluation.significance import (
    approximate_randomisation,
    holm,
    paired_bootstrap,
)
from isd_pipeline.evaluation.weighted import Predictions, ScoredDocuments

RANDOM = np.random.default_rng(11)
GOLD = sparse.csr_matrix(RANDOM.random((40, 12)) < 0.3)


def system(knows: float, seed: int) -> np.ndarray:
    """Scores that know more or less of the truth."""
    noise = np.random.default_rng(seed).normal(size=GOLD.shape)
    return (noise - 1 + knows * GOLD.toarray()).astype(np.float32)


def both_kinds(scores: np.ndarray) -> tuple[Predictions, ScoredDocuments]:
    return Predictions.of(GOLD, scores), ScoredDocuments.of(GOLD, scores)


def test_the_paired_bootstrap_agrees_with_a_loop():
    a, b = system(2, 1), system(1.5, 2)
    random = np.random.default_rng(4)
    slow = []
    for _ in range(60):
        copies = np.sort(random.integers(40, size=40))
        first, second = (all_metrics(GOLD[copies], scores[copies]) for scores in (a, b))
        slow.append({name: first[name] - second[name] for name in first})
    for mine, theirs in zip(both_kinds(a), both_kinds(b), strict=True):
        found = paired_bootstrap(*(bootstrap(run, replicates=60, seed=4) for run in (mine, theirs)))
        for name, difference in found.items():
            value = all_metrics(GOLD, a)[name] - all_metrics(GOLD, b)[name]
            draws = np.array([row[name] for row in slow])
            low, high = np.quantile(draws, [0.025, 0.975]) - draws.mean() + value
            as_far = sum(abs(draw - draws.mean()) >= abs(value) - 1e-12 for draw in draws)
            expected = (value, low, high, (1 + as_far) / 61)
            assert difference == pytest.approx(expected, abs=1e-9), name


def test_approximate_randomisation_agrees_with_a_loop_that_swaps_documents():
    a, b = [system(2, 1), system(2, 5)], [system(1.7, 2), system(1.7, 6)]
    found = approximate_randomisation(
        [Predictions.of(GOLD, s) for s in a], [Predictions.of(GOLD, s) for s in b], draws=60, seed=4
    ) | approximate_randomisation(
        [ScoredDocuments.of(GOLD, s) for s in a],
        [ScoredDocuments.of(GOLD, s) for s in b],
        draws=60,
        seed=4,
    )
    swapped = np.random.default_rng(4).integers(2, size=(61, 40), dtype=np.int32)[1:] == 1
    slow = [mean_difference(a, b)]
    for swap in swapped[:, :, None]:
        mixed_a = [np.where(swap, y, x) for x, y in zip(a, b, strict=True)]
        mixed_b = [np.where(swap, x, y) for x, y in zip(a, b, strict=True)]
        slow.append(mean_difference(mixed_a, mixed_b))
    for name, (value, p) in found.items():
        differences = np.array([row[name] for row in slow])
        assert value == pytest.approx(differences[0], abs=1e-9), name
        as_far = np.abs(differences[1:]) >= abs(differences[0]) - 1e-12
        assert p == pytest.approx((1 + as_far.sum()) / 61), name


def mean_difference(a: list[np.ndarray], b: list[np.ndarray]) -> dict[str, float]:
    first, second = ([all_metrics(GOLD, scores) for scores in seeds] for seeds in (a, b))
    return {
        name: float(np.mean([m[name] for m in first]) - np.mean([m[name] for m in second]))
        for name in first[0]
    }


def test_a_system_does_not_differ_from_itself():
    for run in both_kinds(system(2, 1)):
        sample = bootstrap(run, replicates=50)
        for difference in paired_bootstrap(sample, sample).values():
            assert difference == (0, 0, 0, 1)
        for value, p in approximate_randomisation([run], [run], draws=50).values():
            assert (value, p) == (0, 1)


def test_a_clear_difference_is_found_from_either_side():
    for good, bad in zip(both_kinds(system(4, 1)), both_kinds(system(0.5, 2)), strict=True):
        names = ("f1_micro", "map") if isinstance(good, Predictions) else ("auc_micro", "auc_macro")
        paired = paired_bootstrap(bootstrap(good, replicates=200), bootstrap(bad, replicates=200))
        randomised = approximate_randomisation([good], [bad], draws=200)
        backwards = approximate_randomisation([bad], [good], draws=200)
        for name in names:
            assert paired[name].p == randomised[name].p == 1 / 201
            assert 0 < paired[name].low < paired[name].difference < paired[name].high
            assert backwards[name] == (pytest.approx(-randomised[name].value), 1 / 201)


def test_between_equal_systems_p_is_about_uniform():
    """Of 100 pairs a share of about 0.1, 0.5, 0.9 has a p value below that."""
    paired, randomised = [], []
    for trial in range(100):
        a, b = (Predictions.of(GOLD, system(1.5, 1000 + 2 * trial + side)) for side in (0, 1))
        samples = (bootstrap(run, replicates=40, seed=trial) for run in (a, b))
        paired.append(paired_bootstrap(*samples)["f1_micro"].p)
        randomised.append(approximate_randomisation([a], [b], draws=40, seed=trial)["f1_micro"].p)
    for p_values in (paired, randomised):
        for level in (0.1, 0.5, 0.9):
            assert np.mean(np.array(p_values) <= level) == pytest.approx(level, abs=0.12)


def test_rare_codes_do_not_make_equal_systems_differ_when_documents_are_swapped():
    """The bootstrap is misled by codes that a draw lacks; what swaps documents loses none."""
    random = np.random.default_rng(0)
    rejected = []
    for trial in range(100):
        gold = sparse.csr_matrix(random.random((40, 80)) < 0.03)
        a, b = (
            Predictions.of(gold, random.normal(size=gold.shape) - 1 + 2 * gold.toarray())
            for _ in "ab"
        )
        p = approximate_randomisation([a], [b], draws=40, seed=trial)["f1_macro_caml"].p
        rejected.append(p <= 0.1)
    assert np.mean(rejected) < 0.18


def test_seeds_are_averaged_before_the_difference_is_taken():
    runs = [bootstrap(Predictions.of(GOLD, system(2, seed)), replicates=30) for seed in range(4)]
    found = paired_bootstrap(over_seeds(runs[:2]), over_seeds(runs[2:]))["f1_micro"]
    micro = [run.observed["f1_micro"] for run in runs]
    assert found.difference == pytest.approx((micro[0] + micro[1] - micro[2] - micro[3]) / 2)


def test_a_metric_of_only_one_system_is_not_compared():
    sampling = Sampling(documents=10, replicates=3, seed=0)
    draws = {"map": np.zeros(3), "p_at_5": np.zeros(3)}
    both = Bootstrap(sampling, {"map": 0.0, "p_at_5": 0.0}, draws)
    one = Bootstrap(sampling, {"map": 0.0}, {"map": np.zeros(3)})
    assert list(paired_bootstrap(both, one)) == ["map"]


def test_runs_that_cannot_be_paired_are_refused():
    run = Predictions.of(GOLD, system(2, 1))
    fewer = Predictions.of(GOLD[:30], system(2, 1)[:30])
    moved = Predictions.of(GOLD[::-1], system(2, 1))
    with pytest.raises(ValueError, match="1 seeds against 2"):
        approximate_randomisation([run], [run, run])
    for other in (fewer, moved):
        with pytest.raises(ValueError, match="runs of other documents"):
            approximate_randomisation([run], [other])
    with pytest.raises(ValueError, match="bootstraps of different replicates"):
        paired_bootstrap(bootstrap(run, replicates=5), bootstrap(run, replicates=5, seed=1))


def test_holm_by_hand():
    """4 x 0.01; 3 x 0.02; 2 x 0.03; 1 x 0.04 raised to what is before it; in the order given."""
    assert holm([0.04, 0.01, 0.02, 0.03]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.01, 0.011, 0.5]) == pytest.approx([0.03, 0.03, 0.5])
    assert holm([0.7, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
