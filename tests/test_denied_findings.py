"""What `benchmarks/corpora/denied_findings.py` takes for a mention, and for a denied one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "corpora" / "denied_findings.py"
ZIP = ROOT.parent / "shared" / "data" / "codiesp" / "codiesp_v4.zip"
sys.path.insert(0, str(SCRIPT.parent))

from denied_findings import FINDINGS, Count, count, mentions, standing  # noqa: E402

FEVER, VOMITING, NODES, *_ = FINDINGS


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("No fever.", [True]),
        ("Denies chills, cough or fever.", [True]),
        ("NEGATIVE FOR FEVER", [True]),
        ("Fever was absent.", [False]),  # what stands behind is not looked at
        ("Afebrile, no feverfew.", []),  # other words
        ("No pain. Fever of 39.", [False]),  # another sentence
        ("No pain; fever of 39.", [False]),
        ("No pain, but fever of 39.", [False]),
        ("Not only fever but pyrexia.", [False, False]),
        ("No one two three four five fever.", [True]),
        ("No one two three four five six fever.", [False]),
        ("Notable fever, nowhere else.", [False]),  # no cue, though it begins as one
        ("Fever at home.\n\nWithout fever now.", [False, True]),
    ],
)
def test_a_mention_is_denied_by_a_cue_before_it_in_its_sentence(text, denied):
    assert mentions(text, FEVER) == denied


def test_words_of_several_parts_are_one_mention_each():
    text = "No lymph nodes or lymphadenopathies. An adenopathy."
    assert mentions(text, NODES) == [True, True, False]


def test_a_report_counts_as_denied_only_where_every_mention_is():
    texts = {
        "a": "No fever.",
        "b": "No fever. Then fever.",
        "c": "Denies fever. No fever.",
        "d": "Well.",
        "e": "Fever.",
    }
    codes = {"a": {"R50.9", "I10"}, "b": {"I10"}, "d": {"R50.9"}, "e": {"R50.81"}}
    assert count(texts, codes, FEVER) == (Count(2, 1), Count(2, 1))
    assert count(texts, codes, VOMITING) == (Count(0, 0), Count(0, 0))


def test_codes_are_counted_as_leaves_inner_nodes_or_unknown():
    told = standing(["I10", "E11", "E11", "Z99.999X"]).split()
    assert told == ["4", "2", "(50.0%)", "1", "(25.0%)"]


@pytest.mark.skipif(not ZIP.exists(), reason="CodiEsp is not here")
def test_the_corpus_gives_the_numbers_that_the_documentation_prints():
    done = subprocess.run([sys.executable, SCRIPT, ZIP], capture_output=True, text=True, check=True)
    rows = [line for line in done.stdout.splitlines() if line]
    page = (ROOT / "docs" / "data.md").read_text()
    printed = {" ".join(row.split()) for row in rows}
    assert "fever R50 41 41 1.00 152 143 0.94" in printed
    assert "as given to reports 11,158 773 ( 6.9%) 162 ( 1.5%)" in printed
    for row in rows[3:10]:
        reports, coded, _, others, of_them, _ = row.split()[-6:]
        assert f"| {coded} of {reports} | {of_them} of {others} |" in page, row
