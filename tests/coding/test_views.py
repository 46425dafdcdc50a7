"""Two views of one report: each alone is its own model's, both are weighed, and which is told."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isd_pipeline.coding import batch
from isd_pipeline.coding.answers import COLUMNS, LAST
from isd_pipeline.coding.bundle import read_bundle, refuse_folder, write_bundle
from isd_pipeline.coding.coder import SEVERAL, Coder, Note
from isd_pipeline.coding.notes import read_notes
from isd_pipeline.coding.view_bundle import ViewBundle, read_view_bundle, write_view_bundle
from isd_pipeline.coding.view_coder import ViewCoder
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.tensor_files import sealed
from isd_pipeline.predictors.ensemble import Weights
from isd_pipeline.text.vocabulary import Vocabulary
from tests.coding.tiny import CODES, bundle_of

SPANISH = (
    *("aguda", "con", "de", "dolor", "el", "fiebre", "la", "neumonía", "paciente", "sepsis"),
    *("torácico", "tos", "y"),
)
ES = "La paciente, con fiebre y dolor torácico; sepsis."
EN = "The fever of Ärztin: chest pain, and sepsis."
BOTH = Note("7", ES, language="es", others=(Note("7", EN, language="en"),))
COUNTS = (9, 7, 5, 3, 0)
WEIGHTS = Weights(np.array([0.7, 0.4, -5.0, -5.0, 0.3]), np.array([-0.5, 0.2, 0, 0, 1.1]), -0.25)


def made(max_tokens: int = 12) -> ViewBundle:
    es = replace(
        bundle_of("caml"),
        vocabulary=Vocabulary(SPANISH),
        threshold_tuned=-0.125,
        temperature=1.5,
        cohort="tiny_es",
    )
    return ViewBundle(
        cohort="tiny_es",
        experiment="two_views",
        seed=3,
        views={"es": es, "en": bundle_of(max_tokens=max_tokens)},
        weights=WEIGHTS,
        training_counts=COUNTS,
        threshold_tuned=0.375,
        temperature=0.8,
        fingerprints={"codes": CODES.fingerprint},
        metrics={"f1_micro": 0.5},
    )


@pytest.fixture(scope="module")
def coder() -> ViewCoder:
    return ViewCoder(made())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_view_bundle(made(), tmp_path / "bundle")
    return tmp_path / "bundle"


def log_odds(bundle: ViewBundle, language: str, text: str) -> np.ndarray:
    coder = Coder(bundle.views[language])
    return coder.read(coder.words([Note("n", text)])[0], False).scores.astype(np.float64)


def test_both_texts_are_scored_by_the_weighed_sum_and_told_on_the_ensembles_scale() -> None:
    bundle = made()
    (answer,) = ViewCoder(bundle).code([BOTH])
    es, en = log_odds(bundle, "es", ES), log_odds(bundle, "en", EN)
    odds = 0.7 * es + 0.4 * en + 0.3 * np.log(np.array(COUNTS) + 0.5) - 0.25
    expected = dict(zip(CODES.codes, 1 / (1 + np.exp(-odds / 0.8)), strict=True))
    assert {code.code: code.score for code in answer.codes} == pytest.approx(expected, rel=1e-5)
    assert answer.threshold == pytest.approx(1 / (1 + np.exp(-0.375 / 0.8)))
    assert {code.code for code in answer.codes if code.above_threshold} == {
        code for code, z in zip(CODES.codes, odds, strict=True) if z > 0.375
    }
    assert (answer.views, answer.remark) == (("es", "en"), None)
    assert answer.model.name == "tiny_es-two_views-3"


def test_what_each_view_adds_is_told_under_its_language() -> None:
    bundle = made()
    (answer,) = ViewCoder(bundle).code([BOTH])
    es, en = log_odds(bundle, "es", ES), log_odds(bundle, "en", EN)
    for code in answer.codes:
        n = CODES.position(code.code)
        added = {
            "es": 0.7 * (es[n] + 0.5),
            "en": 0.4 * (en[n] - 0.2),
            "frequency": 0.3 * (np.log(COUNTS[n] + 0.5) - 1.1),
        }
        assert code.sources == pytest.approx(added, abs=1e-5)


@pytest.mark.parametrize(("language", "text"), [("es", ES), ("en", EN)])
@pytest.mark.parametrize("threshold", ["tuned", 0.5])
def test_one_text_alone_has_its_own_bundles_answer_to_the_bit(
    folder: Path, language: str, text: str, threshold: str | float
) -> None:
    (answer,) = Coder.open(folder).code([Note("n", text, language=language)], threshold=threshold)
    (own,) = Coder.open(folder / language).code([Note("n", text)], threshold=threshold)
    codes = [
        replace(code, evidence=tuple(replace(span, view=None) for span in code.evidence))
        for code in answer.codes
    ]
    assert tuple(codes) == own.codes
    assert answer.threshold == own.threshold
    assert (answer.views, answer.remark) == ((language,), None)
    assert {span.view for code in answer.codes for span in code.evidence} == {language}
    assert answer.model.sha256 == read_view_bundle(folder).sha256 != own.model.sha256


def test_evidence_of_both_stands_in_the_text_it_names(coder: ViewCoder) -> None:
    (answer,) = coder.code([BOTH])
    texts, words = {"es": ES, "en": EN}, {"es": SPANISH, "en": bundle_of().vocabulary.words}
    shown = [span for code in answer.codes for span in code.evidence]
    assert {span.view for span in shown} == {"es", "en"}
    for span in shown:
        found = re.findall(r"\w+", texts[span.view][span.begin : span.end].lower())
        assert {found[0], found[-1]} <= {*words[span.view]}
    for code in answer.codes:
        sums = {
            view: sum(span.weight for span in code.evidence if span.view == view) for view in texts
        }
        assert sum(sums.values()) < 1.0001
        for view in texts:  # a text that lowers the score is no evidence for the code
            assert (sums[view] > 0) == (code.sources[view] > 0)
    (plain,) = coder.code([BOTH], evidence=False)
    assert tuple(replace(code, evidence=()) for code in answer.codes) == plain.codes


def test_the_order_of_the_texts_moves_nothing(coder: ViewCoder) -> None:
    turned = Note("7", EN, language="en", others=(Note("7", ES, language="es"),))
    assert coder.code([BOTH]) == coder.code([turned])


@pytest.mark.parametrize(("language", "text"), [("es", ES), ("en", EN)])
def test_a_language_that_is_not_given_is_that_of_the_known_words_and_is_told(
    coder: ViewCoder, language: str, text: str
) -> None:
    guessed, given = coder.code([Note("n", text), Note("n", text, language=language)])
    assert replace(guessed, remark=None) == given
    shares = {"es": "100 % es, 12 % en", "en": "12 % es, 100 % en"}[language]
    told = f"no language was given; by known words ({shares}) it is {language}"
    assert guessed.remark == told


def test_a_text_that_cannot_be_read_is_left_out_and_the_other_coded_alone(
    coder: ViewCoder,
) -> None:
    for empty in (Note("7", " ", language="es"), Note("7", "", "not UTF-8", language="es")):
        answer, alone = coder.code(
            [replace(empty, others=BOTH.others), Note("7", EN, language="en")]
        )
        assert answer.remark == f"es is left out: {empty.fault or 'the note is empty'}"
        assert replace(answer, remark=None) == alone
        assert alone.views == ("en",)


def test_a_note_of_which_no_text_can_be_read_says_why(coder: ViewCoder) -> None:
    texts = {"": "the note is empty", "12": "the note has no words, only numerals and signs"}
    alone = coder.code([Note("n", text) for text in texts])
    assert [(one.problem, one.views, one.codes) for one in alone] == [
        (problem, (), ()) for problem in texts.values()
    ]
    (both,) = coder.code([Note("n", "", language="es", others=(Note("n", "12", language="en"),))])
    assert both.problem == "; ".join(
        f"{view}: {problem}" for view, problem in zip(("es", "en"), texts.values(), strict=True)
    )
    assert (both.views, both.codes, both.truncated_at) == ((), (), None)


def test_where_a_text_was_not_read_to_its_end_the_view_is_named() -> None:
    (answer,) = ViewCoder(made(max_tokens=3), long_notes="cut").code([BOTH])
    assert answer.remark == "en was not read whole"
    assert answer.truncated_at == EN.index("Ärztin") - 1


def test_texts_of_no_or_one_language_are_refused(coder: ViewCoder) -> None:
    for languages in (("es", None), ("es", "es"), ("es", "fr")):
        first, second = (Note("n", "fiebre", language=one) for one in languages)
        with pytest.raises(ValueError, match="each in one language, of es and en, and say which"):
            coder.code([replace(first, others=(second,))])
    with pytest.raises(ValueError, match="`tuned` or a score from 0 to 1 is wanted"):
        coder.code([], threshold=2.0)


def test_a_bundle_of_one_view_says_that_it_reads_one_text() -> None:
    (answer,) = Coder(bundle_of()).code([BOTH])
    assert (answer.problem, answer.codes, answer.views) == (SEVERAL, (), None)


# The folder


def test_a_bundle_of_views_is_read_as_it_was_written(tmp_path: Path) -> None:
    bundle = made()
    digest = write_view_bundle(bundle, tmp_path / "a")
    again = read_view_bundle(tmp_path / "a")
    assert again.sha256 == digest == write_view_bundle(made(), tmp_path / "b")
    for name in ("name", "training_counts", "threshold_tuned", "temperature", "metrics"):
        assert getattr(again, name) == getattr(bundle, name)
    for here, there in zip(again.weights, bundle.weights, strict=True):
        assert np.array_equal(here, there)
    other = Weights(WEIGHTS.weights, WEIGHTS.means, np.nextafter(WEIGHTS.bias, 0.0))
    assert write_view_bundle(replace(bundle, weights=other), tmp_path / "c") != digest
    assert read_bundle(tmp_path / "a/es").name == "tiny_es-caml-3"
    refuse_folder(tmp_path / "a", force=True)


FILES = [
    "bundle.json",
    *(f"{view}/{file}" for view in ("es", "en") for file in ("bundle.json", "weights.safetensors")),
]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_one_changed_byte_anywhere_is_refused_by_the_name_of_its_file(
    folder: Path, name: str, part: float
) -> None:
    content = bytearray((folder / name).read_bytes())
    content[int(part * len(content))] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name}: .*make it again with `isd bundle`"):
        Coder.open(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name}: missing, so the bundle is incomplete"):
        Coder.open(folder)


def test_a_whole_bundle_in_the_place_of_another_is_refused(folder: Path) -> None:
    write_bundle(replace(read_bundle(folder / "es"), threshold_tuned=1.0), folder / "es")
    with pytest.raises(ValueError, match="es: another bundle stands there; copy it again"):
        Coder.open(folder)


@pytest.mark.parametrize("name", ["../es", "/es", "es/../../es", "..", "es\0", "C:\\es", "..\\es"])
def test_a_bundle_names_nothing_outside_of_itself(folder: Path, name: str) -> None:
    record = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    record["views"][0]["language"] = name
    of_books = json.loads((folder / "es/bundle.json").read_text(encoding="utf-8"))
    of_books["books"] = {f"{name}/x": "0" * 64}
    for path, forged in ((folder, record), (folder / "es", of_books)):
        rest = {key: value for key, value in forged.items() if key != "sha256"}
        (path / "bundle.json").write_text(json.dumps(sealed(rest, "sha256")), encoding="utf-8")
        with pytest.raises(ValueError, match="names a file outside of itself"):
            Coder.open(path)


def test_a_reader_of_bundles_of_one_view_refuses_it_in_a_line(folder: Path) -> None:
    """As an isd_pipeline does that knows no views."""
    with pytest.raises(ValueError, match="a bundle of format 3, this isd_pipeline reads format 2"):
        read_bundle(folder)


def test_views_of_other_codes_and_weights_that_do_not_fit_make_no_bundle() -> None:
    bundle = made()
    other = replace(CODES, titles=("Other", *CODES.titles[1:]))
    views = {**bundle.views, "es": replace(bundle.views["es"], codes=other)}
    with pytest.raises(ValueError, match="not two views of the same codes"):
        replace(bundle, views=views)
    with pytest.raises(ValueError, match="weights do not fit 2 base models"):
        replace(bundle, weights=Weights(np.ones(4), np.ones(4), 0.0))
    with pytest.raises(ValueError, match="one training count for each code"):
        replace(bundle, training_counts=(1,))
    assert isinstance(other, CodeIndex)


# Files of notes and answers


def rows_file(folder: Path, *rows: tuple[str, str | None, str], header: str = "language") -> Path:
    path = folder / "notes.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", header, "text"), *rows])
    return path


def test_rows_that_follow_each_other_in_two_languages_are_one_note(tmp_path: Path) -> None:
    rows = (("7", "es", ES), ("7", "en", EN), ("8", "", EN), ("9", "en", EN))
    notes = [BOTH, Note("8", EN), Note("9", EN, language="en")]
    assert list(read_notes(rows_file(tmp_path, *rows), ("es", "en"))) == notes
    assert list(read_notes(rows_file(tmp_path, *rows, header="LANGUAGE"), ("es", "en"))) == notes
    lines = [{"id": i, "text": t, "language": name or None} for i, name, t in rows]
    path = tmp_path / "notes.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    assert list(read_notes(path, ("es", "en"))) == notes


def test_a_file_without_a_language_is_read_as_ever(tmp_path: Path) -> None:
    path = rows_file(tmp_path, ("7", "x", ES), header="who")
    assert list(read_notes(path, ("es", "en"))) == [Note("7", ES)]


def test_a_bundle_of_one_view_passes_over_the_column(tmp_path: Path) -> None:
    path = rows_file(tmp_path, ("7", "French", ES))
    assert list(read_notes(path)) == [Note("7", ES)]


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (
            [("7", "es", "SECRET"), ("8", "SECRET", "a")],
            "row 3, column language: a language that the bundle does not read; it reads es and en",
        ),
        ([("7", "es", "a"), ("8", "es", "b"), ("7", "en", "c")], "row 4, column id: an id that an"),
        ([("7", "es", "a"), ("7", "es", "b")], "row 3, column id: an id that an earlier"),
        ([("7", "es", "a"), ("7", "", "b")], "row 3, column id: an id that an earlier"),
        ([("7", "es", "a"), ("7", "en", "b"), ("7", "es", "c")], "row 4, column id: an id that an"),
        ([("", "es", "a"), ("", "en", "b")], "row 2, column id: no id that can be written"),
    ],
)
def test_a_faulty_file_is_one_line_that_names_the_row(
    tmp_path: Path, rows: list[tuple[str, str, str]], line: str
) -> None:
    with pytest.raises(ValueError, match=r"notes\.csv") as refused:
        list(read_notes(rows_file(tmp_path, *rows), ("es", "en")))
    assert line in str(refused.value)
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize("value", ["fr", 3])
def test_a_faulty_line_of_json_is_named(tmp_path: Path, value: object) -> None:
    path = tmp_path / "n.jsonl"
    path.write_text(json.dumps({"id": "1", "text": "a", "language": value}))
    with pytest.raises(ValueError, match=r"n\.jsonl, line 1.*(`language`)"):
        list(read_notes(path, ("es", "en")))


def test_answers_in_json_say_which_texts_were_read(tmp_path: Path, coder: ViewCoder) -> None:
    path = rows_file(tmp_path, ("7", "es", ES), ("7", "en", EN), ("8", "", EN), ("9", "es", " "))
    counts = batch.code_notes(coder, path, tmp_path / "out.jsonl")
    assert (counts.pop("words"), counts.pop("unknown_words")) == (24, 0)
    assert counts == {"notes": 3, "problems": 1, "truncated": 0, "remarks": 1, "foreign": 0}
    both, guessed, none = map(json.loads, (tmp_path / "out.jsonl").open(encoding="utf-8"))
    assert (both["views"], guessed["views"], none["views"]) == (["es", "en"], ["en"], [])
    assert (both["remark"], none["problem"]) == (None, "the note is empty")
    assert "it is en" in guessed["remark"]
    assert {span["view"] for code in guessed["codes"] for span in code["evidence"]} == {"en"}


def test_answers_in_csv_name_the_text_of_each_stretch(tmp_path: Path, coder: ViewCoder) -> None:
    path = rows_file(tmp_path, ("9", "es", " "), ("7", "es", ES), ("7", "en", EN))
    batch.code_notes(coder, path, tmp_path / "out.csv")
    none, *rows = csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8", newline=""))
    assert tuple(none) == (*COLUMNS, "views", "remark", *LAST)
    assert (none["problem"], none["views"]) == ("the note is empty", "")
    assert {row["views"] for row in rows} == {"es en"}
    places = " ".join(row["evidence"] for row in rows).split()
    assert {place[:3] for place in places} == {"es:", "en:"}
    assert all(re.fullmatch(r"e[sn]:\d+-\d+", place) for place in places)


def test_the_page_marks_each_text_in_its_place(tmp_path: Path, coder: ViewCoder) -> None:
    path = rows_file(tmp_path, ("7", "es", ES), ("7", "en", EN), ("8", "", EN))
    batch.code_notes(coder, path, tmp_path / "out.html", threshold=0.0)
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "read: es and en;" in page
    assert "read: en (no language was given" in page
    whole = re.findall(r'<div class="note" lang="(\w\w)">(.*?)</div>', page, re.S)
    plain = [(view, re.sub(r"<sup>.*?</sup>|</?mark[^>]*>", "", text)) for view, text in whole]
    assert [(view, html.unescape(text)) for view, text in plain] == [
        *(("es", ES), ("en", EN)),
        ("en", EN),
    ]
    for view, text in whole:
        for marked in re.findall(r"<mark[^>]*>(.*?)<sup>", text, re.S):
            known = SPANISH if view == "es" else bundle_of().vocabulary.words
            assert {*re.findall(r"\w+", marked.lower())} <= {*known}


def test_an_answer_of_a_bundle_of_one_view_has_no_word_of_views() -> None:
    from isd_pipeline.coding.answers import write_csv, write_jsonl

    notes = [Note("n", EN)]
    coded = list(zip(notes, Coder(bundle_of()).code(notes), strict=True))
    for write in (write_jsonl, write_csv):
        file = io.StringIO()
        write(iter(coded), file)
        assert "view" not in file.getvalue()
        assert "remark" not in file.getvalue()
