"""A look calls notes like those of dev as usual, others not, and says nothing of any note."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy import sparse
from scipy.special import expit

from isd_pipeline.__main__ import main
from isd_pipeline.coding.bundle import Bundle, read_bundle, write_bundle
from isd_pipeline.coding.usual import Rate, Usual, usual_codes, usual_words
from isd_pipeline.coding.view_bundle import write_view_bundle
from isd_pipeline.desk import watching
from isd_pipeline.desk.decisions import DecisionLog
from isd_pipeline.desk.incoming import Incoming, Part, incoming
from isd_pipeline.desk.watching import BOUNDS, CHANCE, Look, look
from tests.coding.test_views import made
from tests.coding.tiny import CODES, WORDS, bundle_of
from tests.desk.decided import decided

DEV, CUT = 250, 0.0
RATES = np.array([0.5, 0.3, 0.15, 0.05, 0.02])


class Hospital:
    """Notes of random words, and a model that is right as often as it says."""

    def __init__(self, seed: int, *, known: float = 0.9, length: int = 30, rates=RATES) -> None:
        self.random = np.random.default_rng(seed)
        self.known, self.length, self.rates = known, length, rates

    def texts(self, count: int) -> list[str]:
        sizes = self.random.poisson(self.length, count) + 1
        words = np.array([*WORDS, "unheard"])
        each = [
            (1 - self.known) if word == "unheard" else self.known / len(WORDS) for word in words
        ]
        return [" ".join(self.random.choice(words, size, p=each)) for size in sizes]

    def scores(self, count: int) -> np.ndarray:
        """Log-odds [count, 5], above 0 as often as the code's rate says."""
        above = self.random.random((count, 5)) < self.rates
        size = self.random.gamma(2.0, 1.0, (count, 5))
        return np.where(above, size, -size)

    def gold(self, scores: np.ndarray) -> np.ndarray:
        return self.random.random(scores.shape) < expit(scores)


def bundle_at(seed: int) -> Bundle:
    """A bundle whose dev notes are of such a hospital."""
    dev, plain = Hospital(seed), replace(bundle_of(), threshold_tuned=CUT, temperature=1.0)
    words = [text.split() for text in dev.texts(DEV)]
    tokens = [plain.vocabulary.encode(of_note) for of_note in words]
    scores = dev.scores(DEV)
    codes = usual_codes(
        *(sparse.csr_matrix(dev.gold(scores)), scores),
        **{"cut": CUT, "temperature": 1.0, "codes": CODES, "revision": "icd9"},
    )
    usual = Usual(DEV, usual_words(words, tokens, plain.vocabulary.unknown), codes)
    return replace(plain, usual=usual, sha256="b" * 64)


def answers_of(scores: np.ndarray) -> list[dict[str, Any]]:
    return [
        {
            **{"id": f"n{n}", "threshold": 0.5, "problem": None, "truncated_at": None},
            **{"caution": [], "model": {"name": "tiny-isd-3", "sha256": "b" * 64}},
            "codes": [
                {"code": code, "score": float(expit(s)), "above_threshold": bool(s > CUT)}
                for code, s in zip(CODES.codes, row, strict=True)
            ],
        }
        for n, row in enumerate(scores)
    ]


def look_at(bundle: Bundle, hospital: Hospital, count: int = 100) -> Look:
    part = Part("", bundle)
    part.texts.extend(hospital.texts(count))
    part.answers.extend(answers_of(hospital.scores(count)))
    return look(Incoming(bundle, (part,), ()))


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return bundle_at(0)


def test_looks_at_notes_of_the_same_kind_seldom_differ() -> None:
    """Each against dev notes of its own: 1 in 100 is promised, and 4 of 60 are luck of 0.3 %."""
    looks = [look_at(bundle_at(2 * n), Hospital(2 * n + 1)) for n in range(60)]
    assert sum(bool(one.unusual) for one in looks) <= 3
    assert len(looks[0].measures) >= 10


@pytest.mark.parametrize(
    ("other", "name"),
    [
        ({"known": 0.75}, "known words"),
        ({"length": 60}, "words of a note"),
        ({"rates": np.array([0.5, 0.3, 0.15, 0.05, 0.5])}, "code 99.15"),
        ({"rates": np.array([0.0, 0.3, 0.15, 0.05, 0.02])}, "code 038.9"),
        ({"rates": RATES / 6}, "highest score"),
    ],
)
def test_a_shift_is_told_by_its_name(bundle: Bundle, other: dict[str, Any], name: str) -> None:
    names = [one.name for one in look_at(bundle, Hospital(7, **other)).unusual]
    assert name in names


def test_a_difference_that_is_certain_and_small_is_as_usual(bundle: Bundle) -> None:
    """Much data makes anything significant."""
    found = look_at(bundle, Hospital(7, known=0.89), 2000)
    known = next(one for one in found.measures if one.name == "known words")
    assert known.away < BOUNDS["distance"]
    assert not found.differs(known)


def test_a_few_cautions_are_usual_and_many_are_not(bundle: Bundle) -> None:
    answers = answers_of(Hospital(5).scores(100))
    for count, is_unusual in ((2, False), (12, True)):
        for answer in answers[:count]:
            answer["caution"] = [{"kind": "other_language"}]
        part = Part("", bundle)
        part.answers.extend(answers)
        names = [one.name for one in look(Incoming(bundle, (part,), ())).unusual]
        assert ("caution other_language" in names) is is_unusual


def reviews(log: DecisionLog, answers: Sequence[dict[str, Any]], accept: float) -> None:
    """Every code above the threshold accepted by chance, then signed off."""
    random = np.random.default_rng(3)
    made = []
    for answer in answers:
        of_note = {"note": answer["id"], "bundle_sha256": "b" * 64}
        for code in answer["codes"]:
            if code["above_threshold"]:
                verdict = "accepted" if random.random() < accept * code["score"] else "rejected"
                scored = {"score": code["score"], "threshold": 0.5}
                made.append(decided(verdict, code["code"], **of_note, **scored))
        made.append(decided("signed_off", None, **of_note))
    log.append(*made)


@pytest.mark.parametrize(("accept", "is_unusual"), [(1.0, False), (0.4, True)])
def test_acceptance_is_held_against_what_dev_has_right(
    bundle: Bundle, tmp_path: Path, accept: float, is_unusual: bool
) -> None:
    log, answers = DecisionLog(tmp_path / "log.sqlite"), answers_of(Hospital(9).scores(120))
    reviews(log, answers, accept)
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in answers))
    found = look(incoming(bundle, path, None, log.entries()))
    accepted = [one for one in found.measures if one.name.startswith("accepted of ")]
    assert {one.name for one in accepted} >= {
        "accepted of scores 0.8-1.0",
        "accepted of chapter 001-139 infectious",
    }
    assert any(map(found.differs, accepted)) is is_unusual


def test_an_acceptance_rate_is_the_one_by_hand(bundle: Bundle, tmp_path: Path) -> None:
    log, answers = DecisionLog(tmp_path / "log.sqlite"), answers_of(np.full((30, 5), -1.0))
    scored = {"score": 0.9, "threshold": 0.5, "bundle_sha256": "b" * 64}
    for n in range(30):  # a third is rejected; what is undone, unsure or of others does not count
        note = scored | {"note": f"n{n}"}
        log.append(decided("accepted" if n % 3 else "rejected", "038.9", **note))
        log.append(decided("rejected", "486", **note), decided("undone", "486", **note))
        log.append(decided("unsure", "780.60", **note))
    log.append(decided("rejected", "038.9", **scored | {"note": "elsewhere"}))
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in answers))
    found = look(incoming(bundle, path, None, log.entries()))
    band = next(one for one in found.measures if one.name == "accepted of scores 0.8-1.0")
    assert (band.found, band.of) == (20 / 30, 30)
    assert "1 reviews of notes without an answer" in found.told
    assert "codes not suggested" not in {one.name for one in found.measures}


def isd(*words: object) -> Result:
    return CliRunner().invoke(main, ["watch", *map(str, words)])


@pytest.fixture
def folder(bundle: Bundle, tmp_path: Path) -> Path:
    """A bundle on disk, and what `isd code` said of notes of its kind."""
    sha256 = write_bundle(bundle, tmp_path / "bundle")
    hospital = Hospital(1)
    texts, answers = hospital.texts(60), answers_of(hospital.scores(60))
    with (tmp_path / "notes.jsonl").open("w") as file:
        file.writelines(json.dumps({"id": f"n{n}", "text": t}) + "\n" for n, t in enumerate(texts))
    with (tmp_path / "a.jsonl").open("w") as file:
        told = ({**one, "model": {"name": "", "sha256": sha256}} for one in answers)
        file.writelines(json.dumps(one) + "\n" for one in told)
    assert read_bundle(tmp_path / "bundle").usual == bundle.usual
    return tmp_path


def test_the_command_tells_by_its_exit_status_and_by_a_page(folder: Path) -> None:
    bundle, answers, notes = (folder / name for name in ("bundle", "a.jsonl", "notes.jsonl"))
    usual = isd(bundle, answers, "--notes", notes)
    assert usual.exit_code == 0, usual.output
    told = json.loads((folder / "a.jsonl.watch.json").read_text())
    assert told["as_usual"]
    assert told["counts"]["notes"] == 60
    assert (told["level"], told["bounds"]) == (CHANCE / len(told["measures"]), BOUNDS)
    notes.write_text(notes.read_text().replace("fever", "ZZCANARY"))
    other = isd(bundle, answers, "--notes", notes, "--to", folder / "other.html")
    assert other.exit_code == 1
    assert "differs: known words, usual 0.9" in other.output
    page = (folder / "other.html").read_text()
    assert "<script" not in page
    assert "known words" in page
    for written in (page, (folder / "other.json").read_text(), other.output):
        assert "ZZCANARY" not in written
        assert '"n7"' not in written
    alone = isd(bundle, answers, "--to", folder / "alone.html")
    assert "0 notes given: words and lengths are not compared" in alone.output
    assert isd(bundle, answers).exit_code == 2  # stands there already


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "0 answers: of fewer than 20 nothing can be said"),
        ("{}\n", "line 1: no answer of `isd code`"),
        ("[" * 100_000, "line 1: no answer of `isd code`"),
        (json.dumps(answers_of(np.zeros((1, 5)))[0]) + "\n", "line 1: an answer of another bundle"),
    ],
)
def test_what_cannot_be_read_is_one_line(folder: Path, content: str, line: str) -> None:
    (folder / "a.jsonl").write_text(content)
    refused = isd(folder / "bundle", folder / "a.jsonl")
    assert (refused.exit_code, refused.output.count("\n")) == (2, 1)
    assert line in refused.output
    assert not (folder / "a.jsonl.watch.html").exists()


def test_of_many_codes_that_differ_the_furthest_are_named(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST", 2)
    found = look_at(bundle, Hospital(7, rates=np.array([0.9, 0.9, 0.3, 0.9, 0.3])))
    codes = [one for one in found.unusual if one.name.startswith("code ")]
    assert [one.name for one in codes] == ["code 786.50", "code 486"]


def test_a_record_that_was_changed_is_refused(folder: Path) -> None:
    log = DecisionLog(folder / "log.sqlite")
    log.append(decided(), decided("rejected", "486"))
    with closing(sqlite3.connect(log.path)) as rows:
        rows.execute("DROP TRIGGER no_UPDATE")
        rows.execute("UPDATE decisions SET decision = 'accepted' WHERE number = 2")
        rows.commit()
    refused = isd(folder / "bundle", folder / "a.jsonl", "--decisions", log.path)
    assert refused.exit_code == 2
    assert "row 2: changed" in refused.output


def test_a_bundle_that_keeps_nothing_of_dev_says_how_to_make_one(folder: Path) -> None:
    sha256 = write_bundle(replace(bundle_of(), threshold_tuned=CUT), folder / "old")
    text = (folder / "a.jsonl").read_text()
    before = json.loads(text.splitlines()[0])["model"]["sha256"]
    (folder / "a.jsonl").write_text(text.replace(before, sha256))
    refused = isd(folder / "old", folder / "a.jsonl")
    assert refused.exit_code == 2
    assert "keeps nothing of its dev notes; make it again with `isd bundle`" in refused.output


def test_answers_at_another_threshold_have_no_code_rates(bundle: Bundle) -> None:
    part = Part("", bundle)
    answers = answers_of(Hospital(1).scores(60))
    part.answers.extend({**one, "threshold": 0.7} for one in answers)
    found = look(Incoming(bundle, (part,), ()))
    assert not [one for one in found.measures if one.name.startswith(("code", "share"))]
    assert any("not coded at the tuned threshold" in line for line in found.told)


def test_two_views_are_watched_by_which_texts_were_read(bundle: Bundle, tmp_path: Path) -> None:
    usual = bundle.usual
    assert usual is not None
    views = {name: replace(one, usual=usual) for name, one in made().views.items()}
    both = replace(made(), views=views, usual=replace(usual, words=None))
    sha256 = write_view_bundle(both, tmp_path / "views")
    answers = answers_of(Hospital(1).scores(60))
    for n, answer in enumerate(answers):
        answer["model"], answer["views"] = {"sha256": sha256}, [["es"], ["en"], ["es", "en"]][n % 3]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in answers))
    found = look(incoming(replace(both, sha256=sha256), path))
    assert {one.part for one in found.measures} == {"es", "en", "es+en"}


def test_rates_of_few_codes_are_not_compared() -> None:
    from isd_pipeline.desk.watching import _rates

    part = Part("", bundle_of())
    assert not list(_rates("x", part, Rate(100, 50, 0.01), Rate(19, 1, 0.01)))
    [one] = _rates("x", part, Rate(100, 50, 0.03), Rate(100, 90, 0.04))
    assert (one.usual, one.found, one.away) == (0.5, 0.9, pytest.approx(0.4))
