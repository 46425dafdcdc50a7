"""The mention dictionary: what coders marked in the training documents, looked for in others.

Three ways to look for a marked phrase give the features of each pair of note and code:

- word for word, the longest first, with folded accents (`exact.py`), and once more by stems;
- by its letters, for what is spelled or inflected otherwise (`similar.py`);
- by its stems within ten words, whatever stands between them (`description_match.py`).

Gradient-boosted trees weigh them. They are fitted on the training documents, each looked at by the
phrases of other training documents alone: its own marks name its own codes too well. (To leave out
nothing but the document itself would tell its codes: every count would be one less for them.) Where
the development documents are training documents too, they are scored by trees that have not seen
them.

Axes: D documents, L codes, E entries (a phrase and a code), F features, N words, K codes asked for.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from torch import Tensor

from isd_pipeline.models.layers.parts import refuse_below, refuse_share
from isd_pipeline.predictors.base import (
    Fitted,
    Options,
    Prediction,
    ReadsWords,
    TokenisedNote,
    TrainingData,
    sum_to_one,
)
from isd_pipeline.predictors.description_match import DescriptionMatch
from isd_pipeline.predictors.linear_fit import NEVER_SEEN
from isd_pipeline.predictors.mentions.exact import ExactMatch, Found
from isd_pipeline.predictors.mentions.phrases import Phrases, Words, collect_phrases, folded
from isd_pipeline.predictors.mentions.similar import Best, SimilarMatch, best_of_codes
from isd_pipeline.predictors.mentions.trees import BoostedTrees, fit_trees
from isd_pipeline.predictors.sparse_arrays import to_numpy, to_tensors, under
from isd_pipeline.shapes import Float, Int
from isd_pipeline.text.mentions import Mentions, of_columns
from isd_pipeline.text.stems import Language, stemmer


@dataclass(frozen=True, kw_only=True)
class MentionConfig:
    """How phrases are looked for, and how the trees are fitted.

    `longest`: words of a phrase. `span`: words of a note that are compared with a phrase by their
    letters; a pair of note and code is looked at where these are at least `least_similarity` alike,
    or where a phrase of the code is found. `trees`, of `depth` splits, are added at `rate`. The
    training documents are looked at in `folds`, each by the phrases of the others.
    """

    longest: int = 12
    span: int = 6
    least_similarity: float = 0.6
    trees: int = 150
    depth: int = 4
    rate: float = 0.07
    folds: int = 10

    def __post_init__(self) -> None:
        refuse_below(self, longest=1, span=1, trees=1, depth=1, folds=2)
        refuse_share(self, "least_similarity")
        if not 0 < self.rate <= 1:
            raise ValueError(f"MentionConfig.rate={self.rate} must be above 0 and at most 1")


def sections(system: str) -> dict[str, type[Any]]:
    """One section."""
    return {"model": MentionConfig}


def fit(system: str, settings: Mapping[str, Any], data: TrainingData, options: Options) -> Fitted:
    """Collect the phrases of the training documents, and learn how far each way is to be believed.

    Raises a ValueError where nobody has marked a word of them for their codes, where there is one
    document alone, and where some of the development documents are training documents but not all.
    """
    started, config = time.monotonic(), settings["model"]
    train, words = data.documents["train"], data.words()
    mentions, gold = data.mentions().of_gold(train), train.label_matrix(len(data.codes))
    if not len(mentions):
        raise ValueError(
            "nobody has marked a word of the training documents for their codes, so there is no "
            "phrase to look for; take a cohort with mentions"
        )
    rows = _rows_in_train(train.ids, data.documents["dev"].ids)
    marked = Marked(words["train"], mentions, gold, Spelling.of(data.language))
    fold = _folds(len(train), config.folds)
    known = _pairs_by_others(marked, fold, config)
    truth = [np.isin(one.codes, gold[n].indices) for n, one in enumerate(known)]
    matches = Matches.of_marked(marked, config)
    fitted = MentionDictionary(matches, _trees(known, truth, config))
    dev, test = (fitted.scores_of(words[split]) for split in ("dev", "test"))
    if len(rows):
        dev = _crossed(fitted, known, truth, fold, config)[rows]
    minutes = (time.monotonic() - started) / 60
    return Fitted(
        to_tensors(fitted.arrays()),
        {"system": system, "model": asdict(config), **fitted.words(), "language": data.language},
        {"minutes": minutes, "on_gpu": 0.0, "phrases": float(len(matches.joined.phrases))},
        scores={"dev": dev, "test": test},
        fingerprints={"mentions": mentions.fingerprint},
    )


class Spelling(NamedTuple):
    """How words are compared: without accents; and without their endings too."""

    folded: Callable[[str], str]
    stem: Callable[[str], str]

    @classmethod
    def of(cls, language: Language) -> "Spelling":
        """The stems of a language."""
        cut = stemmer(language)
        return cls(folded, cache(lambda word: folded(cut(word))))


class Marked(NamedTuple):
    """Training documents: their words, their mentions, their codes [D, L], how words compare."""

    words: Sequence[Words]
    mentions: Mentions
    gold: sparse.csr_matrix
    spelled: Spelling

    def of(self, documents: Int[np.ndarray, " D"]) -> "Marked":
        """Some of them alone."""
        place = np.full(len(self.words), -1)
        place[documents] = np.arange(len(documents))
        columns = self.mentions.columns[:, place[self.mentions.document] >= 0].copy()
        columns[0] = place[columns[0]]
        words = [self.words[n] for n in documents.tolist()]
        return Marked(words, of_columns(columns), self.gold[documents], self.spelled)


class Pairs(NamedTuple):
    """The codes that may be meant in a note, [C], and the features of each, [C, F]."""

    codes: Int[np.ndarray, " C"]
    x: Float[np.ndarray, "C F"]


@dataclass(frozen=True)
class Matches:
    """The ways to look for phrases. joined: the phrases that `similar` and `near` look for.

    frequency: training documents with each code, [L].
    """

    exact: ExactMatch
    stems: ExactMatch
    similar: SimilarMatch
    near: DescriptionMatch
    joined: Phrases = field(repr=False)
    frequency: Float[np.ndarray, " L"] = field(repr=False)
    least: float

    @classmethod
    def of_marked(cls, marked: Marked, config: MentionConfig) -> "Matches":
        """Collect the phrases of training documents, and count in these how far to believe them."""
        words, gold, spelled = marked.words, marked.gold, marked.spelled
        whole, stems, joined = (
            collect_phrases(words, marked.mentions, spell, parts=parts, longest=config.longest)
            for spell, parts in (
                (spelled.folded, True),
                (spelled.stem, False),
                (spelled.folded, False),
            )
        )
        order = np.lexsort([joined.phrase, joined.code])  # as `near` has its names
        by_code = Phrases(joined.phrases, joined.phrase[order], joined.code[order])
        spoken = [" ".join(phrase) for phrase in joined.phrases]
        borders = np.flatnonzero(np.diff(by_code.code)) + 1
        names = [[spoken[n] for n in own] for own in np.split(by_code.phrase, borders)]
        return cls(
            exact=ExactMatch.of_training(whole, words, gold, spelled.folded),
            stems=ExactMatch.of_training(stems, words, gold, spelled.stem),
            similar=SimilarMatch.of_phrases(joined.phrases, config.span),
            near=DescriptionMatch.of_names(names, words, spelled.stem),
            joined=by_code,
            frequency=gold.sum(axis=0).A1.astype(np.float64),
            least=config.least_similarity,
        )

    def pairs(self, words: Words) -> Pairs:
        """The codes that a note may mean."""
        exact, stems = (
            one.features(words, len(self.frequency)) for one in (self.exact, self.stems)
        )
        similar = self._of_codes(self.similar.best(words).similarity[self.joined.phrase])
        near, whole = self.near.by_name(words)
        measures = [self._of_codes(one) for one in (near, whole, near * self.near.totals)]
        x = np.column_stack([exact, stems, similar, *measures, np.log(self.frequency + 0.5)])
        codes = np.flatnonzero((exact[:, 0] >= 0) | (stems[:, 0] >= 0) | (similar >= self.least))
        return Pairs(codes, x[codes])

    def _of_codes(self, by_entry: Float[np.ndarray, " E"]) -> Float[np.ndarray, " L"]:
        return best_of_codes(by_entry, self.joined.code, len(self.frequency))


@dataclass(frozen=True)
class MentionDictionary(ReadsWords):
    """Phrases, and the trees that weigh what is found of them; ready to read."""

    matches: Matches
    trees: BoostedTrees

    def scores_of(self, documents: Sequence[Words]) -> Float[np.ndarray, "D L"]:
        """The log-odds of every code for documents, given as words; float32."""
        scores = [self._scores(self.matches.pairs(words)) for words in documents]
        nothing = np.zeros((0, len(self.matches.frequency)), dtype=np.float32)
        return np.stack(scores) if scores else nothing

    def read(self, note: TokenisedNote, evidence: bool) -> Prediction:
        """One note, every word of it."""
        scores = self._scores(self.matches.pairs(note.words))
        return Prediction(scores, partial(self._evidence, note.words) if evidence else None)

    def scores_by(self, trees: BoostedTrees, pairs: Pairs) -> Float[np.ndarray, " L"]:
        """The scores of one note by other trees."""
        return MentionDictionary(self.matches, trees)._scores(pairs)

    def _scores(self, pairs: Pairs) -> Float[np.ndarray, " L"]:
        scores = np.full(len(self.matches.frequency), NEVER_SEEN)  # where no phrase is found
        if len(pairs.codes):
            scores[pairs.codes] = self.trees(pairs.x)
        return scores.astype(np.float32)

    def _evidence(self, words: Words, codes: Int[np.ndarray, " K"]) -> Float[np.ndarray, "K N"]:
        """The words of each code's phrases, or else the span that is most like one of them."""
        exact, stems = self.matches.exact, self.matches.stems
        found, cut, best = exact.find(words), stems.find(words), self.matches.similar.best(words)
        rows = [self._row(int(code), len(words), found, cut, best) for code in codes]
        total = np.stack(rows) if rows else np.zeros((0, len(words)))
        return sum_to_one(total)

    def _row(
        self, code: int, n_words: int, found: list[Found], cut: list[Found], best: Best
    ) -> Float[np.ndarray, " N"]:
        row = self.matches.exact.evidence(found, code, n_words)
        row += self.matches.stems.evidence(cut, code, n_words)
        own = self.matches.joined.phrase[self.matches.joined.code == code]
        if row.any() or not len(own):
            return row
        phrase = own[best.similarity[own].argmax()]
        if best.similarity[phrase] >= self.matches.least:
            first = best.first[phrase]
            row[first : first + best.length[phrase]] = 1
        return row

    def arrays(self) -> dict[str, np.ndarray]:
        """All but the words, to be kept."""
        made = self.matches
        parts = {
            "exact": made.exact.arrays(),
            "stems": made.stems.arrays(),
            "similar": made.similar.arrays(),
            "near": made.near.arrays(),
            "trees": self.trees.arrays(),
            "joined": {"phrase": made.joined.phrase, "code": made.joined.code},
        }
        flat = {f"{part}.{n}": values for part, of in parts.items() for n, values in of.items()}
        return {"frequency": made.frequency, **flat}

    def words(self) -> dict[str, list[str]]:
        """The words, to be kept: phrases, runs of letters and stems."""
        made = self.matches
        return {
            "phrases": [" ".join(one) for one in made.exact.phrases.phrases],
            "phrases_of_stems": [" ".join(one) for one in made.stems.phrases.phrases],
            "runs": list(made.similar.runs),
            "stems": list(made.near.stems),
        }


def load(
    settings: Mapping[str, Any], weights: Mapping[str, Tensor], device: str = "cpu"
) -> MentionDictionary:
    """What was fitted; raises a ValueError where settings and weights do not fit."""
    arrays, spelled = to_numpy(weights), Spelling.of(settings["language"])
    config = MentionConfig(**settings["model"])
    names = ("exact", "stems", "similar", "near", "joined", "trees")
    of = {name: under(name, arrays, ".") for name in names}
    matches = Matches(
        exact=ExactMatch.of_arrays(of["exact"], settings["phrases"], spelled.folded),
        stems=ExactMatch.of_arrays(of["stems"], settings["phrases_of_stems"], spelled.stem),
        similar=SimilarMatch.of_arrays(of["similar"], settings["runs"], config.span),
        near=DescriptionMatch.of_arrays(of["near"], settings["stems"], spelled.stem),
        joined=Phrases((), of["joined"]["phrase"], of["joined"]["code"]),
        frequency=arrays["frequency"],
        least=config.least_similarity,
    )
    return MentionDictionary(matches, BoostedTrees.of_arrays(of["trees"]))


def _folds(n_documents: int, most: int) -> Int[np.ndarray, " D"]:
    """The fold of each training document, by chance; none is empty."""
    if n_documents < 2:
        raise ValueError(
            f"{n_documents} training document: each is looked at by the phrases of others, so "
            "there must be two at least"
        )
    return np.random.default_rng(0).permutation(n_documents) % most


def _pairs_by_others(
    marked: Marked, fold: Int[np.ndarray, " D"], config: MentionConfig
) -> list[Pairs]:
    """The pairs of each training document, by the phrases of the documents of other folds."""
    pairs: list[Pairs] = [None] * len(fold)  # type: ignore[list-item]
    for k in range(fold.max() + 1):
        matches = Matches.of_marked(marked.of(np.flatnonzero(fold != k)), config)
        for n in np.flatnonzero(fold == k).tolist():
            pairs[n] = matches.pairs(marked.words[n])
    return pairs


def _trees(
    known: Sequence[Pairs], truth: Sequence[np.ndarray], config: MentionConfig
) -> BoostedTrees:
    return fit_trees(
        np.concatenate([one.x for one in known]),
        np.concatenate(truth),
        trees=config.trees,
        depth=config.depth,
        rate=config.rate,
    )


def _rows_in_train(train: np.ndarray, dev: np.ndarray) -> Int[np.ndarray, " D"]:
    """The rows of the development documents among the training documents; none, or all."""
    place = {document: n for n, document in enumerate(train.tolist())}
    rows = [place[document] for document in dev.tolist() if document in place]
    if rows and len(rows) < len(dev):
        raise ValueError(f"{len(rows)} of {len(dev)} documents of dev are in train as well")
    return np.array(rows, dtype=np.int64)


def _crossed(
    fitted: MentionDictionary,
    known: Sequence[Pairs],
    truth: Sequence[np.ndarray],
    fold: Int[np.ndarray, " D"],
    config: MentionConfig,
) -> Float[np.ndarray, "D L"]:
    """Scores of the training documents, each by trees that have not seen it."""
    scores = np.empty((len(known), len(fitted.matches.frequency)), dtype=np.float32)
    for k in range(fold.max() + 1):
        others = np.flatnonzero(fold != k).tolist()
        trees = _trees([known[n] for n in others], [truth[n] for n in others], config)
        for n in np.flatnonzero(fold == k).tolist():
            scores[n] = fitted.scores_by(trees, known[n])
    return scores
