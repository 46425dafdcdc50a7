"""Which experiment is trained on a custom data set: the best recorded one that its minutes allow.

What is known stands in `results/`: runs of every candidate on cohorts of several sizes, each held
against the logistic regression. A data set goes by the cohort that is most like it. Minutes are
those of one core that has other work too, and rough: on a free one it takes half of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from isd_pipeline.catalog.formats import read_json
from isd_pipeline.catalog.results import read_results
from isd_pipeline.config.reading import read_config
from isd_pipeline.config.rows import own_row, system_of
from isd_pipeline.config.sizes import SIZES, SizeSettings
from isd_pipeline.predictors.registry import ENSEMBLE, NETWORK, kind_of
from isd_pipeline.training.settings import TrainingConfig

REGRESSION = "logistic_regression"
METRIC = "f1_micro_tuned"
FEW_CODES = 100
# Minutes a note and a word of it each time a network reads it; of the others a word and a code.
NETWORK_NOTE, NETWORK_WORD = 1e-4, 1.2e-6
PAIRS = {
    "logistic_regression": 4e-9,
    "mention_dictionary": 5e-9,
    "noisy_or": 2e-10,
    "ensemble": 1e-9,
}
READING, RUN = 2.5e-6, 0.15  # minutes a word to prepare, and a run to evaluate


@dataclass(frozen=True)
class Sizes:
    """What a data set is like. `words` are those of the training notes.

    `marked`: coders' marks are there. `described`: titles of codes are in the notes' language.
    """

    notes: int
    codes: int
    words: int
    marked: bool
    described: bool


class Gain(NamedTuple):
    """How much higher micro-F1 was than the regression's, with its 95 % interval, if recorded."""

    difference: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """As it is printed."""
        if self.low is None or self.high is None:
            return f"{self.difference:+.3f} (no interval recorded)"
        return f"{self.difference:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"

    @property
    def worth(self) -> float:
        """The difference; none where the interval holds 0."""
        return 0.0 if self.low is not None and self.low <= 0 else self.difference


@dataclass(frozen=True)
class Regime:
    """Data of a kind, the cohort whose record stands for them, the experiments worth training.

    It is for at least so many training notes and, unless 0, at most so many codes. `marked` data
    need marks, `described` data titles in their language. Without a cohort what is known is
    `OF_FEW_NOTES`.
    `epochs`: what networks are told where the paper's settings would take days.
    """

    name: str
    cohort: str
    experiments: tuple[str, ...]
    notes: int = 0
    codes: int = 0
    marked: bool = False
    described: bool = False
    epochs: int = 0  # where not by the size of the data: as the cohort was trained

    def holds(self, sizes: Sizes) -> bool:
        """Whether a data set is of this kind."""
        few_enough = not self.codes or sizes.codes <= self.codes
        is_as = sizes.marked >= self.marked and sizes.described >= self.described
        return sizes.notes >= self.notes and few_enough and is_as


PAIR, COUNTS, WORDS = "ensemble_pair", "ensemble_words_counts", "ensemble_words"
MARKS, MARKS_AND_TITLES = "ensemble_mentions_words", "ensemble_mentions_descriptions"
FEW_NOTES = 200
# Of the first 100 English training reports of CodiEsp, tested on its 250 test reports.
OF_FEW_NOTES = {
    MARKS_AND_TITLES: Gain(0.262, 0.244, 0.280),
    WORDS: Gain(0.213, 0.194, 0.232),
    MARKS: Gain(0.160, 0.146, 0.177),
}
REGIMES = (  # the first that holds
    Regime(
        *("marks, few codes", "codiesp_es_50", (MARKS, REGRESSION)),
        codes=FEW_CODES,
        marked=True,
    ),
    Regime(
        *("marks, many codes", "codiesp_full", (MARKS_AND_TITLES, MARKS, REGRESSION)),
        notes=FEW_NOTES,
        marked=True,
        described=True,
    ),
    Regime(
        *("marks, many codes, few notes", "", (MARKS_AND_TITLES, MARKS, REGRESSION)),
        marked=True,
        described=True,
    ),
    Regime(
        *("marks, many codes, another language", "codiesp_es_full", (MARKS, REGRESSION)),
        marked=True,
    ),
    Regime(
        "10,000 notes or more",
        "synthetic_30000",
        (PAIR, "bilstm_label_attention", "isd_aligned", REGRESSION),
        notes=10_000,
        epochs=3,
    ),
    Regime(
        "1,500 notes or more",
        "synthetic_3000",
        (PAIR, "bilstm_label_attention", REGRESSION),
        notes=1_500,
    ),
    Regime(
        *("few codes", "codiesp_50", (PAIR, WORDS, REGRESSION)),
        notes=FEW_NOTES,
        codes=FEW_CODES,
    ),
    Regime("few codes, few notes", "", (REGRESSION,), codes=FEW_CODES),
    Regime(
        *("many codes", "codiesp_full", (PAIR, COUNTS, WORDS, REGRESSION)),
        notes=FEW_NOTES,
        described=True,
    ),
    Regime(*("many codes, few notes", "", (WORDS, REGRESSION)), described=True),
    Regime(
        *("many codes, another language", "codiesp_es_full", (COUNTS, REGRESSION)),
        notes=FEW_NOTES,
    ),
    Regime("many codes, few notes, another language", "", (REGRESSION,)),
)


class Candidate(NamedTuple):
    """An experiment that may be trained: how long it takes, what it has gained elsewhere."""

    experiment: str
    minutes: float
    gain: Gain | None


@dataclass(frozen=True)
class Plan:
    """What is trained, in this order, the chosen experiment last; and what else there was."""

    regime: Regime
    chosen: Candidate
    experiments: tuple[str, ...]
    others: tuple[Candidate, ...]
    embeds: bool


def settings_of(regime: Regime) -> dict[str, Any]:
    """What the cohort's section says of its settings; of most nothing: they follow the size."""
    if not regime.epochs:
        return {}
    codes = {"epochs": 5, "width": 128, "normalised": False}
    return {
        "profile": "some_documents",
        "embed": {"words": {"epochs": 5}, "codes": codes},
        "train": {"training": {"max_epochs": regime.epochs}},
    }


def regime_of(sizes: Sizes) -> Regime:
    """What kind of data these are."""
    return next(one for one in REGIMES if one.holds(sizes))


def plan(sizes: Sizes, minutes: float, parameters: Mapping[str, Any], results: Path) -> Plan:
    """The candidate with the highest recorded gain of those that fit into the minutes.

    Raises a ValueError where none fits, which says how many minutes the shortest takes.
    """
    regime = regime_of(sizes)
    found = [
        Candidate(name, minutes_of(name, sizes, parameters), gain(regime.cohort, name, results))
        for name in regime.experiments
    ]
    fitting = [one for one in found if one.minutes <= minutes]
    if not fitting:
        least = min(found, key=lambda one: one.minutes)
        raise ValueError(
            f"--minutes {minutes:g} are too few for {sizes.notes:,} training notes of "
            f"{sizes.codes:,} codes: {least.experiment} takes about {least.minutes:.1f}, and "
            "nothing shorter is known to be worth it"
        )
    # of equals the shortest
    chosen = max(fitting, key=lambda one: (one.gain.worth if one.gain else 0.0, -one.minutes))
    trained = tuple(dict.fromkeys(_with_base_models(chosen.experiment, parameters)))
    cheap = minutes_of(REGRESSION, sizes, parameters) + chosen.minutes <= minutes
    if REGRESSION not in trained and cheap:
        trained = (REGRESSION, *trained)
    return Plan(
        *(regime, chosen, trained),
        others=tuple(one for one in found if one is not chosen),
        embeds=any(_is_network(one, parameters) for one in trained),
    )


def gain(cohort: str, experiment: str, results: Path) -> Gain | None:
    """What is known of an experiment against the regression: of a cohort, or of few notes."""
    if experiment == REGRESSION:
        return None
    if not cohort:
        return OF_FEW_NOTES.get(experiment)
    path = results / cohort / "comparisons.json"
    for table in read_json(path).values() if path.exists() else ():
        for row in table["rows"] if table["reference"] == REGRESSION else ():
            if (row["experiment"], row["metric"]) == (experiment, METRIC):
                return Gain(row["difference"], row["low"], row["high"])
    means = {name: _mean(name, cohort, results) for name in (experiment, REGRESSION)}
    known = [value for value in means.values() if value is not None]
    return Gain(known[0] - known[1]) if len(known) == len(means) else None


def _mean(experiment: str, cohort: str, results: Path) -> float | None:
    runs = read_results(results / cohort)
    found = [one.metrics["test"][METRIC] for one in runs if one.experiment == experiment]
    return sum(found) / len(found) if found else None


def minutes_of(experiment: str, sizes: Sizes, parameters: Mapping[str, Any]) -> float:
    """About how long it takes to prepare the notes, and to train and evaluate an experiment."""
    names = dict.fromkeys(_with_base_models(experiment, parameters))
    trained = sum(_training_minutes(name, sizes, parameters) + RUN for name in names)
    return 0.3 + READING * sizes.words + trained


def _training_minutes(name: str, sizes: Sizes, parameters: Mapping[str, Any]) -> float:
    system = system_of(parameters, name)
    if kind_of(system) == NETWORK:
        once = NETWORK_NOTE * sizes.notes + NETWORK_WORD * sizes.words
        return once * _epochs(sizes, parameters)
    return PAIRS[system] * sizes.words * sizes.codes


def _epochs(sizes: Sizes, parameters: Mapping[str, Any]) -> int:
    """How often a network reads the notes, at most, by the settings of their kind or size."""
    if epochs := regime_of(sizes).epochs:
        return epochs
    rows = (read_config(SizeSettings, row, SIZES) for row in parameters["sizes"].values())
    profile = next((one.profile for one in rows if one.holds(sizes.notes, sizes.codes)), "")
    training = (parameters["profiles"].get(profile) or {}).get("training") or {}
    return int(training.get("max_epochs", TrainingConfig().max_epochs))


def _is_network(name: str, parameters: Mapping[str, Any]) -> bool:
    return kind_of(system_of(parameters, name)) == NETWORK


def _with_base_models(name: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    """An ensemble's base models, then itself."""
    if kind_of(system_of(parameters, name)) == ENSEMBLE:
        model = own_row(parameters, name)["model"]
        yield from model["base_models"]
    yield name
