"""Marks carried over to a translation, against a translation that is known word for word."""

import numpy as np
import pytest

from isd_pipeline.data.alignment import Links
from isd_pipeline.data.io.tables import MENTIONS, table_of
from isd_pipeline.data.projection import project, project_mentions
from tests.data.test_alignment import made_up, word

NAMES = [f"n{n}" for n in range(150)]


def links(*pairs):
    first, second, weight = zip(*pairs, strict=True) if pairs else ((), (), ())
    return Links(np.array(first, int), np.array(second, int), np.array(weight, float))


@pytest.mark.parametrize(
    ("pairs", "run"),
    [
        ([(0, 5, 1.0), (1, 4, 1.0)], (4, 6)),  # in the other order
        ([(0, 5, 1.0), (1, 8, 1.0)], (5, 9)),  # 2 - 4 x 0.3 is more than 1 - 0.3
        ([(0, 5, 1.0), (1, 9, 0.9)], (5, 6)),  # 1.9 - 5 x 0.3 is not
        ([(0, 5, 0.4), (0, 6, 0.4)], (5, 7)),  # one word became two
        ([(0, 5, 1.0), (0, 6, 0.1)], (5, 6)),
        ([(0, 5, 0.4)], None),  # 0.4 - 0.3 is less than 0.2
        ([], None),
    ],
)
def test_a_stretch_becomes_the_run_whose_links_outweigh_its_words(pairs, run):
    assert project(links(*pairs)) == run


def carried(rows, *, first, second, names=NAMES):
    """What becomes of rows of note, begin, end and mention."""
    whole = [(note, note, "diagnosis", "R69", *rest) for note, *rest in rows]
    marked, wanted = (dict(zip(names, texts, strict=False)) for texts in (first, second))
    found, counts = project_mentions(table_of(whole, MENTIONS), marked, wanted, set(names))
    assert found.schema == MENTIONS
    cells = [
        (row["note_id"], row["begin"], row["end"], row["mention"]) for row in found.to_pylist()
    ]
    return cells, counts


def test_marks_become_the_words_that_translate_theirs():
    """A word of the made-up language has five letters, so that word n begins at 6 n."""
    first, second, _ = made_up(150, swapped=True, extra=2)
    rows = [("n0", 60, 71, 0), ("n1", 63, 64, 1), ("n2", 0, 5, 2), ("n2", 48, 53, 2)]
    cells, counts = carried(rows, first=first, second=second)
    assert cells == [("n0", 72, 83, 0), ("n1", 78, 83, 1), ("n2", 18, 23, 2), ("n2", 66, 71, 2)]
    assert list(counts.values()) == [3, 0, 0]


def test_parts_that_come_to_stand_side_by_side_are_one():
    first, second, _ = made_up(150, swapped=True)
    together = [("n0", 0, 5, 7), ("n0", 12, 17, 7)]  # words 0 and 2 become 1 and 3
    assert carried(together, first=first, second=second)[0] == [
        ("n0", 6, 11, 7),
        ("n0", 18, 23, 7),
    ]
    touching = [("n0", 0, 5, 7), ("n0", 6, 11, 7)]
    assert carried(touching, first=first, second=second)[0] == [("n0", 0, 11, 7)]


def test_a_mention_that_lost_a_part_is_dropped_and_counted():
    first, second, _ = made_up(150)
    lost = word("b", 7)
    at = {f"n{n}": text.split().index(lost) for n, text in enumerate(second) if lost in text}
    note, place = next(iter(at.items()))
    cut = [" ".join(w for w in text.split() if w != lost) for text in second]
    other = 6 * (place - 4 if place > 4 else place + 4)
    rows = [(note, 6 * place, 6 * place + 5, 0), (note, other, other + 5, 0)]
    assert carried(rows, first=first, second=cut)[0] == []
    cells, counts = carried([*rows, (note, other, other + 5, 1)], first=first, second=cut)
    assert [cell[3] for cell in cells] == [1]
    assert counts == {"mentions_projected": 1, "mentions_dropped": 1, "mentions_of_one_text": 0}


def test_mentions_of_a_note_that_lacks_a_text_are_passed_over_and_counted():
    first, second, _ = made_up(150)
    rows = [("n0", 0, 5, 0), ("n149", 0, 5, 1), ("elsewhere", 0, 5, 2)]
    cells, counts = carried(rows, first=first, second=second[:-1])
    assert cells == [("n0", 0, 5, 0)]
    assert counts == {"mentions_projected": 1, "mentions_dropped": 0, "mentions_of_one_text": 2}


def test_no_mentions_stay_none():
    first, second, _ = made_up(150)
    assert carried([], first=first, second=second) == (
        [],
        {"mentions_projected": 0, "mentions_dropped": 0, "mentions_of_one_text": 0},
    )
