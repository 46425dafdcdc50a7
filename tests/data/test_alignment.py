"""Links between two versions of a text: those of a made-up language, whose words are known."""

import numpy as np
import pytest

from isd_pipeline.data.alignment import LETTERS, align

RANDOM = np.random.default_rng(1)
SPELLINGS = 300


def word(language, number):
    return f"{language}{number:03}x"


def made_up(documents, *, swapped=False, extra=0):
    """Documents of a made-up language, their translations, and which word became which.

    Where `swapped`, each two neighbours change their places. `extra` words of no counterpart begin
    each translation.
    """
    first, second, links = [], [], []
    for _ in range(documents):
        numbers = RANDOM.integers(0, SPELLINGS, size=60)
        places = np.arange(60) ^ 1 if swapped else np.arange(60)
        first.append(" ".join(word("a", n) for n in numbers))
        added = [word("c", n) for n in RANDOM.integers(0, SPELLINGS, size=extra)]
        second.append(" ".join([*added, *(word("b", n) for n in numbers[places])]))
        links.append(np.argsort(places) + extra)
    return first, second, links


def best_of_words(found):
    """Of each first word the second word with the best link, -1 where there is none."""
    best = np.full(len(found.first.word), -1)
    order = np.argsort(found.links.weight, kind="stable")
    best[found.links.first[order]] = found.links.second[order]
    return best


@pytest.mark.parametrize(("swapped", "extra"), [(False, 0), (True, 0), (True, 9)])
def test_words_of_a_known_translation_are_linked_to_their_own(swapped, extra):
    first, second, links = made_up(150, swapped=swapped, extra=extra)
    found = align(first, second, np.ones(150, dtype=bool))
    told = np.concatenate([n * (60 + extra) + own for n, own in enumerate(links)])
    assert (best_of_words(found) == told).mean() > 0.99


def test_what_was_left_out_of_a_translation_is_linked_to_nothing():
    first, second, _ = made_up(150)
    lost = word("a", 7)
    cut = [" ".join(w for w in text.split() if w != word("b", 7)) for text in second]
    found = align(first, cut, np.ones(150, dtype=bool))
    where = np.flatnonzero([w == lost for text in first for w in text.split()])
    assert len(where) > 10
    assert found.links.weight[np.isin(found.links.first, where)].sum() < 0.1 * len(where)


def test_links_stay_within_documents_and_weigh_at_most_one():
    first, second, _ = made_up(20, swapped=True)
    found = align(first, second, np.ones(20, dtype=bool))
    document = found.second.document[found.links.second]
    assert (found.first.document[found.links.first] == document).all()
    assert 0 < found.links.weight.min() <= found.links.weight.max() <= 1 + 1e-6
    assert (np.diff(found.links.first) >= 0).all()


def test_the_same_texts_give_the_same_links():
    first, second, _ = made_up(20)
    one, again = (align(first, second, np.ones(20, dtype=bool)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one.links, again.links, strict=True))


def test_translations_are_learned_from_the_documents_named_alone():
    """A document that is only aligned changes nothing in the others, whatever it says."""
    first, second, _ = made_up(40)
    learned = np.arange(40) < 39
    one = align(first, second, learned)
    other = align(first, [*second[:-1], " ".join(second[-1].split()[::-1])], learned)
    inside = (one.links.first < 39 * 60, other.links.first < 39 * 60)
    for a, b in zip(one.links, other.links, strict=True):
        np.testing.assert_allclose(a[inside[0]], b[inside[1]], rtol=1e-6)


def test_places_are_those_of_the_text_and_accents_and_endings_do_not_part_words():
    found = align(["Él, lesiónes!"], ["el lesion"], np.ones(1, dtype=bool))
    assert found.first.places.tolist() == [[0, 2], [4, 12]]
    assert found.first.word.tolist() == found.second.word.tolist()
    assert len("lesion") == LETTERS


@pytest.mark.parametrize(("first", "second"), [([], []), ([""], ["word"]), (["word"], [""])])
def test_texts_without_words_have_no_links(first, second):
    found = align(first, second, np.ones(len(first), dtype=bool))
    assert not len(found.links.first)


def test_documents_without_their_other_version_are_refused():
    with pytest.raises(ValueError, match="2 first texts, 1 second, 2 learned_from"):
        align(["a", "b"], ["a"], np.ones(2, dtype=bool))
