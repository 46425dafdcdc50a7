"""As many words, and as many rare ones, as MIMIC-III's summaries hold: which note gets which.

A first pass writes every summary and counts its words by CAML's rule. The words that are missing
are then made, typing errors all of them, and given to as many documents as their kind asks for;
common words fill up what is missing of the total.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from isd_pipeline.data.quality.published_counts import MIMIC3_COHORTS, MIMIC3_WORDS
from isd_pipeline.synthetic.patients import Registry
from isd_pipeline.synthetic.summaries import Summarist
from isd_pipeline.synthetic.typing_errors import misspellings
from isd_pipeline.text.tokens import tokenize_all

AT_ONCE = 256  # documents whose words are counted together
KNOWN = 3  # training documents that make a word one of the vocabulary
TWICE = 0.25  # of the words that are not: two training documents and not one
TAIL = 0.7  # of the documents of a word in the vocabulary: the larger, the more have many
MOST = 500  # documents that a made word stands in
COMMON_WORDS = 400  # those that fill up


@dataclass(frozen=True, kw_only=True)
class WordFigures:
    """What all summaries together are to count; `vocabulary`: words of three training documents."""

    tokens: int
    types: int
    train_types: int
    vocabulary: int


def mimic3_words() -> WordFigures:
    """Those of MIMIC-III, as CAML's programs count them."""
    cohort = MIMIC3_COHORTS["full", "caml"]
    return WordFigures(
        tokens=int(MIMIC3_WORDS["tokens"].value),
        types=int(MIMIC3_WORDS["types"].value),
        train_types=int(cohort["source_types"].value),
        vocabulary=int(cohort["vocabulary"].value),
    )


@dataclass
class _Counted:
    """The words of a hospital's summaries: of train by documents, and of dev and test alone."""

    train: Counter[str]
    others: set[str]
    tokens: int


def words_to_add(registry: Registry, figures: WordFigures) -> dict[int, tuple[str, ...]]:
    """The words that each admission's report has to hold besides, by the admission's number.

    Raises ValueError, naming the figure, where the summaries have more than it already.
    """
    numbers: dict[bool, list[int]] = {True: [], False: []}
    for patient in registry:
        stays = [stay.number for stay in patient.admissions if stay.has_summary]
        numbers[patient.split == "train"] += stays
    counted = _count(registry)
    known = [word for word, documents in counted.train.items() if documents >= KNOWN]
    others = len(counted.others - counted.train.keys())
    vocabulary = _missing("vocabulary", figures.vocabulary, len(known))
    rare = _missing("train_types", figures.train_types, len(counted.train) + vocabulary)
    unseen = _missing("types", figures.types, figures.train_types + others)
    dice = Random(f"{registry.settings.seed}/rare words")
    new = _new_words(counted, vocabulary + rare + unseen, dice)
    added: dict[int, list[str]] = {number: [] for of in numbers.values() for number in of}
    for n, word in enumerate(new):
        of_train = n < vocabulary + rare
        documents = _documents(n < vocabulary, dice) if of_train else 1
        for number in dice.sample(numbers[of_train], min(documents, len(numbers[of_train]))):
            added[number].append(word)
    _fill_up(added, _missing("tokens", figures.tokens, counted.tokens + _size(added)), known, dice)
    return {number: tuple(words) for number, words in added.items()}


def _count(registry: Registry) -> _Counted:
    counted = _Counted(Counter(), set(), 0)
    waiting: dict[bool, list[list[str]]] = {True: [], False: []}
    for is_train, texts in _documents_of(registry):
        waiting[is_train].append(texts)
        if len(waiting[is_train]) == AT_ONCE:
            _count_some(waiting.pop(is_train), is_train, counted)
            waiting[is_train] = []
    for is_train, some in waiting.items():
        _count_some(some, is_train, counted)
    return counted


def _documents_of(registry: Registry) -> Iterator[tuple[bool, list[str]]]:
    """Of every admission with a summary, whether it is of train, and the texts of its notes."""
    summarist = Summarist(registry)
    for patient in registry:
        for stay in patient.admissions:
            if stay.has_summary:
                texts = [note.text for note in summarist.notes(patient, stay)]
                yield patient.split == "train", texts


def _count_some(documents: list[list[str]], is_train: bool, counted: _Counted) -> None:
    """One text a document: a blank parts its notes, as when CAML joins them."""
    if not documents:
        return
    found = tokenize_all([" ".join(texts) for texts in documents], "caml")
    counted.tokens += len(found)
    words = found.words.dictionary.to_pylist()
    if not is_train:
        counted.others.update(words)
        return
    each = found.words.indices.to_numpy()
    for begin, end in zip(found.starts[:-1], found.starts[1:], strict=True):
        counted.train.update(words[n] for n in set(each[begin:end].tolist()))


def _missing(name: str, wanted: int, found: int) -> int:
    if found > wanted:
        raise ValueError(f"{name}: the summaries have {found:,} already, {wanted:,} are wanted")
    return wanted - found


def _new_words(counted: _Counted, wanted: int, dice: Random) -> list[str]:
    """So many typing errors that no summary holds, all different."""
    used = counted.train.keys() | counted.others
    found: dict[str, None] = {}
    errors = misspellings(sorted(counted.train), dice.random)
    while len(found) < wanted:
        word = next(errors)
        if word not in used:
            found[word] = None
    return list(found)


def _documents(is_known: bool, dice: Random) -> int:
    if not is_known:
        return 2 if dice.random() < TWICE else 1
    return min(MOST, int(KNOWN * (1 - dice.random()) ** -TAIL))


def _size(added: dict[int, list[str]]) -> int:
    return sum(map(len, added.values()))


def _fill_up(added: dict[int, list[str]], missing: int, known: Sequence[str], dice: Random) -> None:
    """Common words, as many to each admission, give or take one."""
    common = [word for word in known if word.isalpha()][:COMMON_WORDS]
    for place, number in enumerate(sorted(added)):
        share = missing // len(added) + (place < missing % len(added))
        added[number] += dice.choices(common, k=share)
