"""A stacked ensemble: several predictors' scores and the code descriptions found, weighed together.

    z_dl = b + sum_f w_f x_dlf

with the same few weights w for all codes, fitted on the dev split by logistic regression (stacked
generalisation, Wolpert, 1992). Each base model was trained on the training split alone, so that
on dev it is as sure of itself as it will be on a new note. Which codes a note has is still decided
code by code; only how far each source is to be believed is learned here.

Axes: D documents, L codes, F features, K codes asked for, N words of a note.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from torch import Tensor

from isd_pipeline.models.layers.parts import refuse_below
from isd_pipeline.predictors import registry
from isd_pipeline.predictors.base import (
    Evidence,
    Fitted,
    Options,
    Prediction,
    Predictor,
    ReadsWords,
    Scores,
    Sources,
    TokenisedNote,
    TrainingData,
    sum_to_one,
)
from isd_pipeline.predictors.description_match import DescriptionMatch, Match
from isd_pipeline.predictors.linear_fit import NEVER_SEEN
from isd_pipeline.predictors.sparse_arrays import to_numpy, to_tensors, under
from isd_pipeline.shapes import Float, Int
from isd_pipeline.text.stems import stemmer

LOG = logging.getLogger(__name__)
LEAST = -12.0  # a score below says no more than this one
DESCRIPTIONS, FREQUENCY = "descriptions", "frequency"  # sources beside the base models
OWN = "ensemble"  # before the names of its own weights, where its base models' are beside them


@dataclass(frozen=True, kw_only=True)
class EnsembleConfig:
    """`base_models` are experiments, with their runs of the same seed (a baseline has one run).

    Two of them may be views, COHORT/EXPERIMENT: runs of two cohorts over the same documents.
    With `every_seed` a base model's scores are the means over all its runs (only seeds that every
    network among them has), so that the ensemble has one run where they have several.
    `descriptions` adds what `DescriptionMatch` finds. `cost` is C, the inverse of the penalty. The
    dev split gets its own scores from `folds` fits, each without the documents it scores, so that
    a threshold can be tuned on them. At most about `pairs` pairs of note and code are fitted: all
    that are true, and a sample of the others, weighed up.
    """

    base_models: tuple[str, ...]
    descriptions: bool = True
    every_seed: bool = False
    cost: float | int = 1.0
    folds: int = 5
    pairs: int = 4_000_000

    def __post_init__(self) -> None:
        refuse_below(self, folds=2, pairs=1)
        if not self.cost > 0:
            raise ValueError(f"EnsembleConfig.cost={self.cost} must be above 0")
        names = self.base_models
        if len(set(names)) < len(names) or not (names or self.descriptions):
            raise ValueError(f"base_models={list(names)}: one or more experiments, each once")

    @property
    def views(self) -> bool:
        """Whether the base models are runs of cohorts that they name."""
        return any("/" in name for name in self.base_models)


def sections(system: str) -> dict[str, type[Any]]:
    """One section: what is weighed, and how it is fitted."""
    return {"model": EnsembleConfig}


def fit(system: str, settings: Mapping[str, Any], data: TrainingData, options: Options) -> Fitted:
    """Weigh on dev, score dev and test; nothing is trained on the training split here."""
    started, config = time.monotonic(), settings["model"]
    of_base = {name: _mean_scores(runs) for name, runs in data.base_scores.items()}
    words = dict(data.words())
    of_train = words.pop("train")
    match = description_match(of_train, data) if config.descriptions else None
    del of_train  # half a gigabyte at MIMIC's size; the features of a split are another
    train, dev = (data.documents[one].label_matrix(len(data.codes)) for one in ("train", "dev"))
    frequency = train.sum(axis=0).A1.astype(np.float64)

    def known(split: str) -> Float[np.ndarray, "D L F"]:
        of_split = [one[split] for one in of_base.values()]
        return features(of_split, None if match is None else match(words[split]), frequency)

    scores, weights = _weigh(known("dev"), dev, config, data, options.seed)
    fitted = Ensemble(tuple(of_base), weights, frequency, match)
    runs = {name: list(of_seeds) for name, of_seeds in data.base_scores.items()}
    seeds = max([1, *map(len, runs.values())])
    minutes = (time.monotonic() - started) / 60
    return Fitted(
        to_tensors(fitted.arrays()),
        kept_settings(config, fitted, data.language) | {"runs": runs},
        {"minutes": minutes, "on_gpu": 0.0, "seeds": float(seeds)},
        scores={"dev": scores, "test": weights.score(known("test"))},
    )


def _weigh(
    dev: Float[np.ndarray, "D L F"],
    gold: sparse.csr_matrix,
    config: EnsembleConfig,
    data: TrainingData,
    seed: int,
) -> tuple[Float[np.ndarray, "D L"], "Weights"]:
    """Scores of dev and the weights; of a last training the first's, for here dev trains too."""
    if data.first is None:
        return cross_fit(dev, gold, config, seed)
    weights = Weights.of_arrays(to_numpy(data.first().weights))
    return weights.score(dev), weights


def kept_settings(config: EnsembleConfig, fitted: "Ensemble", language: str) -> dict[str, Any]:
    """All but the arrays, as JSON; `language` is that of the stems."""
    kept: dict[str, Any] = {"system": "ensemble", "model": asdict(config), "language": language}
    return kept if fitted.match is None else kept | {"stems": list(fitted.match.stems)}


def description_match(train: Sequence[Sequence[str]], data: TrainingData) -> DescriptionMatch:
    """What finds the codes' descriptions and synonyms, tokenised as the notes are."""
    from isd_pipeline.data.codes.hierarchy import names_of
    from isd_pipeline.text.tokens import words_in

    names = [
        [" ".join(words_in(name, data.tokeniser)) for name in of_code]
        for of_code in names_of(data.codes, data.revision)
    ]
    return DescriptionMatch.of_names(names, train, stemmer(data.language))


def _mean_scores(runs: Mapping[int, Callable[[], Scores]]) -> Scores:
    """A base model's scores: of one run, or the mean over several."""
    of_seeds = [read() for read in runs.values()]
    return {split: np.mean([one[split] for one in of_seeds], axis=0) for split in ("dev", "test")}


class Weights(NamedTuple):
    """z = bias + weights x; means: of the features of the pairs that were fitted. float64 [F]."""

    weights: np.ndarray
    means: np.ndarray
    bias: float

    def score(self, x: Float[np.ndarray, "D L F"]) -> Float[np.ndarray, "D L"]:
        """Document by document, so that nothing as large as all pairs is made in double."""
        rows = [one.astype(np.float64) @ self.weights + self.bias for one in x]
        return np.stack(rows).astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """To be kept."""
        return {**self._asdict(), "bias": np.array([self.bias])}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Weights":
        """The opposite; other arrays may stand beside these."""
        return cls(arrays["weights"], arrays["means"], float(arrays["bias"][0]))


@dataclass(frozen=True)
class Ensemble:
    """A fitted ensemble: what it weighs, and how. frequency: training notes with each code, [L]."""

    base_models: tuple[str, ...]
    weights: Weights
    frequency: Float[np.ndarray, " L"] = field(repr=False)
    match: DescriptionMatch | None = field(repr=False)

    def features(
        self, scores: Mapping[str, Float[np.ndarray, "D L"]], words: Sequence[Sequence[str]]
    ) -> Float[np.ndarray, "D L F"]:
        """Of documents: each base model's scores, and the words of each."""
        match = None if self.match is None else self.match(words)
        return features([scores[name] for name in self.base_models], match, self.frequency)

    def sources(
        self, x: Float[np.ndarray, "L F"], codes: Int[np.ndarray, " K"]
    ) -> dict[str, Float[np.ndarray, " K"]]:
        """What each source adds to the scores of some codes of a note, in log-odds.

        It is counted from a pair whose features are the means of those fitted: what is above 0
        is evidence for the code. The sum is a score less the same number for all.
        """
        parts = (x[codes].astype(np.float64) - self.weights.means) * self.weights.weights
        names = _sources(self.base_models, descriptions=self.match is not None)
        return {
            name: parts[:, [n for n, of in enumerate(names) if of == name]].sum(axis=1)
            for name in dict.fromkeys(names)
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """All but words and names of base models, to be kept."""
        of_match = {} if self.match is None else self.match.arrays()
        return {
            **self.weights.arrays(),
            "frequency": self.frequency,
            **{f"{DESCRIPTIONS}.{part}": values for part, values in of_match.items()},
        }

    @classmethod
    def of_arrays(
        cls,
        arrays: Mapping[str, np.ndarray],
        base_models: Sequence[str],
        stems: Sequence[str] | None,
        stem: Callable[[str], str],
    ) -> "Ensemble":
        """The opposite of `arrays`; `stems` are None where descriptions are not weighed."""
        weights = Weights.of_arrays(arrays)
        if len(weights.weights) != len(_sources(base_models, descriptions=stems is not None)):
            raise ValueError(
                f"{len(weights.weights)} weights do not fit {len(base_models)} base models"
            )
        parts = under(DESCRIPTIONS, arrays, ".")
        match = None if stems is None else DescriptionMatch.of_arrays(parts, stems, stem)
        return cls(tuple(base_models), weights, arrays["frequency"], match)


@dataclass(frozen=True)
class EnsemblePredictor(ReadsWords):
    """A fitted ensemble and its base models, ready to read."""

    ensemble: Ensemble
    base: Mapping[str, Predictor]

    def read(self, note: TokenisedNote, evidence: bool) -> Prediction:
        """One note, by every base model; evidence of each source that adds to a code's score."""
        found = {name: one.read(note, evidence) for name, one in self.base.items()}
        x = self.ensemble.features(
            {name: one.scores[None] for name, one in found.items()}, [note.words]
        )
        sources = partial(self.ensemble.sources, x[0])
        parts = {name: one.evidence for name, one in found.items()}
        if self.ensemble.match is not None:
            parts[DESCRIPTIONS] = partial(self.ensemble.match.evidence, note.words)
        together = partial(_together, parts, sources, len(note.words)) if evidence else None
        return Prediction(self.ensemble.weights.score(x)[0], together, sources)


def load(
    settings: Mapping[str, Any], weights: Mapping[str, Tensor], device: str = "cpu"
) -> EnsemblePredictor:
    """The ensemble with its base models, whose settings and weights stand beside its own."""
    base_models, stems = settings["model"]["base_models"], settings.get("stems")
    arrays, stem = to_numpy(under(OWN, weights)), stemmer(settings["language"])
    base = {
        name: registry.load(of_base, under(name, weights), device)
        for name, of_base in settings["base_models"].items()
    }
    return EnsemblePredictor(Ensemble.of_arrays(arrays, base_models, stems, stem), base)


def _together(
    parts: Mapping[str, Evidence | None],
    sources: Sources,
    n_words: int,
    codes: Int[np.ndarray, " K"],
) -> Float[np.ndarray, "K N"]:
    """The evidence of each source that adds to a code's score, by how much it adds.

    How frequent a code is stands in no word, and a source may have no evidence for a code: the
    rest then make up the whole.
    """
    total, adds = np.zeros((len(codes), n_words)), sources(codes)
    for name, added in adds.items():
        evidence = None if name == FREQUENCY else parts[name]
        if evidence is not None:
            total += np.maximum(added, 0)[:, None] * evidence(codes)
    return sum_to_one(total)


def features(
    scores: Sequence[Float[np.ndarray, "D L"]],
    match: Match | None,
    frequency: Float[np.ndarray, " L"],
) -> Float[np.ndarray, "D L F"]:
    """What is known of each pair of note and code, float32 [D, L, F].

    Of each system its score, and whether it has never seen the code (`NEVER_SEEN`); of its
    descriptions the three measures, the first to the fourth power too, for one that stands there
    in full; how often the code is in the training notes, and how that and the first go together.
    """
    often = np.log(frequency + 0.5).astype(np.float32)
    made: list[Callable[[], np.ndarray]] = [partial(np.maximum, one, LEAST) for one in scores]
    made += [partial(np.less_equal, one, NEVER_SEEN) for one in scores]
    if match is not None:
        made += [partial(np.asarray, one) for one in match]
        made += [partial(np.power, match.near, 4), partial(np.multiply, match.near, often)]
    made.append(lambda: often)
    shape = scores[0].shape if scores else match.near.shape  # type: ignore[union-attr]
    x = np.empty((*shape, len(made)), dtype=np.float32)
    for n, column in enumerate(made):  # one after the other: all together are gigabytes
        x[..., n] = column()
    return x


def _sources(base_models: Sequence[str], *, descriptions: bool) -> list[str]:
    """Whose each of the `features` is."""
    return [*base_models, *base_models, *([DESCRIPTIONS] * 5 if descriptions else []), FREQUENCY]


def cross_fit(
    dev: Float[np.ndarray, "D L F"], gold: sparse.csr_matrix, config: EnsembleConfig, seed: int
) -> tuple[Float[np.ndarray, "D L"], Weights]:
    """Scores of dev, each by a fit that has not seen its document; the weights by all of dev."""
    if len(dev) < 2:
        raise ValueError(
            "the dev split has 1 document; an ensemble, which learns on dev, needs 2 or more"
        )
    folds = min(config.folds, len(dev))
    if folds < config.folds:
        LOG.warning(
            "folds=%d, but the dev split has %d documents: each is scored by a fit of the others, "
            "and so few say little",
            *(config.folds, len(dev)),
        )
    truth = gold.toarray().astype(bool)
    if truth.all() or not truth.any():
        LOG.warning(
            "of %d pairs of note and code on dev %s is true: nothing says how far a source is to "
            "be believed, so the ensemble weighs none and scores all alike",
            *(truth.size, "each" if truth.all() else "none"),
        )
    fold = np.random.default_rng(seed).permutation(len(dev)) % folds
    crossed = np.empty(truth.shape, dtype=np.float32)
    for k in range(folds):
        fitted = _fit(dev[fold != k], truth[fold != k], config, seed)
        crossed[fold == k] = fitted.score(dev[fold == k])
    return crossed, _fit(dev, truth, config, seed)


def _fit(x: np.ndarray, truth: np.ndarray, config: EnsembleConfig, seed: int) -> Weights:
    """A logistic regression over pairs, on features of mean 0 and deviation 1."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    if truth.all() or not truth.any():
        return _constant(x, truth)
    pairs, times = _sample(truth.ravel(), config.pairs, seed)
    scaler, model = StandardScaler(), LogisticRegression(C=config.cost, max_iter=1000)
    known = scaler.fit_transform(x.reshape(-1, x.shape[-1])[pairs].astype(np.float64))
    model.fit(known, truth.ravel()[pairs], sample_weight=times)
    weights = model.coef_[0] / scaler.scale_
    return Weights(weights, scaler.mean_, float(model.intercept_[0] - weights @ scaler.mean_))


def _constant(x: np.ndarray, truth: np.ndarray) -> Weights:
    """Where all pairs are alike no source tells more than another: all get their log-odds.

    Half a pair is added on either side.
    """
    n_true, means = np.count_nonzero(truth), x.reshape(-1, x.shape[-1]).mean(axis=0)
    bias = np.log((n_true + 0.5) / (truth.size - n_true + 0.5))
    return Weights(np.zeros(x.shape[-1]), means.astype(np.float64), float(bias))


def _sample(truth: np.ndarray, at_most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the pairs to fit, and what each counts for."""
    true, false = np.flatnonzero(truth), np.flatnonzero(~truth)
    kept = min(len(false), max(1, at_most - len(true)))
    drawn = np.sort(np.random.default_rng(seed).choice(false, kept, replace=False))
    weights = np.concatenate([np.ones(len(true)), np.full(kept, len(false) / kept)])
    return np.concatenate([true, drawn]), weights
