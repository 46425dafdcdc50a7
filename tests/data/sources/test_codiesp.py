"""The official corpus as it is distributed, and the ways in which it can be broken."""

import re
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.data.io.tables import MENTIONS
from isd_pipeline.data.sources.codiesp import KINDS, extract

ZIP = Path(__file__).parents[4] / "shared" / "data" / "codiesp" / "codiesp_v4.zip"
needs_corpus = pytest.mark.skipif(not ZIP.exists(), reason="CodiEsp is not here")
ROOT = "final_dataset_v4_to_publish"


def corpus(folder, **changed):
    """A corpus of four reports in the official layout; `changed` replaces or removes files."""
    files = {}
    for split, article in (("train", "A1"), ("dev", "B1"), ("test", "C1"), ("background", "X1")):
        for texts, word in (("text_files", "informe"), ("text_files_en", "report")):
            files[f"{split}/{texts}/{article}.txt"] = f"{word} {article} about " + article * 9
        if split != "background":
            files[f"{split}/{split}D.tsv"] = f"{article}\tn44.8\n{article}\tr69\n"
            files[f"{split}/{split}P.tsv"] = f"{article}\tbw03zzz\n"
            files[f"{split}/{split}X.tsv"] = f"{article}\tDIAGNOSTICO\tr69\tinforme\t0 7\n"
    for name, text in changed.items():
        files[name.replace("__", "/").replace("_tsv", ".tsv")] = text
    path = folder / "corpus.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            if text is not None:
                archive.writestr(f"{ROOT}/{name}", text)
    return path


def test_a_small_corpus_gives_notes_codes_titles_and_splits(tmp_path):
    found = extract(corpus(tmp_path))
    assert found.splits.to_pylist() == [
        {"document_id": "A1", "split": "train"},
        {"document_id": "B1", "split": "dev"},
        {"document_id": "C1", "split": "test"},
        {"document_id": "X1", "split": "unlabelled"},
    ]
    assert found.notes.read()["text"].to_pylist()[0].startswith("report A1")
    assert found.codes.read().to_pylist()[0] == {
        "document_id": "A1",
        "patient_id": "A1",
        "system": "diagnosis",
        "code": "N44.8",
    }
    assert [(row["code"], row["title"]) for row in found.titles.read().to_pylist()] == [
        ("N44.8", "Other noninflammatory disorders of the testis"),
        ("R69", "Illness, unspecified"),
    ]


def test_a_folder_reads_as_the_zip_it_came_from(tmp_path):
    path = corpus(tmp_path)
    zipfile.ZipFile(path).extractall(tmp_path / "unpacked")
    for folder in (tmp_path / "unpacked", tmp_path / "unpacked" / ROOT):
        again = extract(folder, language="es")
        assert again.notes.read().equals(extract(path, language="es").notes.read())
        assert again.codes.read().equals(extract(path).codes.read())


def test_procedures_come_when_asked_for(tmp_path):
    codes = extract(corpus(tmp_path), systems=("diagnosis", "procedure")).codes.read()
    assert Counter(codes["system"].to_pylist()) == {"diagnosis": 6, "procedure": 3}
    assert codes["code"].to_pylist()[-1] == "BW03ZZZ"


def test_a_procedure_cut_after_four_characters_has_the_title_of_all_it_stands_for(tmp_path):
    path = corpus(tmp_path, train__trainP_tsv="A1\tbw03\nA1\t0dqb\n")
    titles = extract(path, systems=("procedure",)).titles.read()
    assert [(row["code"], row["title"]) for row in titles.to_pylist()] == [
        ("0DQB", "Repair Ileum"),
        ("BW03", "Plain Radiography of Chest"),
        ("BW03ZZZ", "Plain Radiography of Chest"),
    ]


def test_a_background_report_that_repeats_a_test_report_is_left_out(tmp_path, caplog):
    words = " ".join(f"word{n}" for n in range(100))
    path = corpus(
        tmp_path,
        **{
            "test/text_files_en/C1.txt": words,
            "background/text_files_en/X1.txt": f"note: {words[:400]}",
            "background/text_files_en/X2.txt": "another report altogether of five words and more",
        },
    )
    found = extract(path)
    assert found.splits["document_id"].to_pylist() == ["A1", "B1", "C1", "X2"]
    assert found.notes.read()["document_id"].to_pylist() == ["A1", "B1", "C1", "X2"]
    assert found.counts["background_near_test"] == 1
    assert "1 background reports near dev or test" in caplog.text


MARKED = """A1\tDIAGNOSTICO\tn44.8\tinforme about\t0 7;11 11;11 16
A1\tPROCEDIMIENTO\tbw03zzz\tabout\t11 16
A1\tDIAGNOSTICO\tn44.8\tinforme\t0 7
"""


def test_a_span_gives_a_row_a_part_none_of_them_empty_or_twice(tmp_path):
    twice = MARKED + MARKED.splitlines(keepends=True)[1]
    path = corpus(tmp_path, train__trainX_tsv=twice)
    found = extract(path, language="es", systems=("diagnosis", "procedure")).mentions
    assert found.schema == MENTIONS
    rows = [tuple(row.values()) for row in found.to_pylist()]
    assert rows[:3] == [
        ("A1", "A1", "diagnosis", "N44.8", 0, 7, 0),
        ("A1", "A1", "diagnosis", "N44.8", 11, 16, 0),
        ("A1", "A1", "procedure", "BW03ZZZ", 11, 16, 1),
    ]
    assert rows[3] == ("A1", "A1", "diagnosis", "N44.8", 0, 7, 2)
    assert [row[0] for row in rows[4:]] == ["B1", "C1"]
    diagnoses = extract(path, language="es").mentions
    assert "procedure" not in diagnoses["system"].to_pylist()
    assert diagnoses.num_rows == found.num_rows - 1


def test_the_english_texts_have_no_marked_words(tmp_path):
    assert extract(corpus(tmp_path), language="en").mentions is None


def test_marks_are_projected_onto_the_english_texts_where_that_is_asked_for(tmp_path):
    found = extract(corpus(tmp_path), mentions="projected")
    rows = [tuple(row.values()) for row in found.mentions.to_pylist()]
    assert rows == [
        (article, article, "diagnosis", "R69", 0, len("report"), n)
        for n, article in enumerate(("A1", "B1", "C1"))
    ]
    assert found.counts["mentions_projected"] == 3
    assert found.notes.read().equals(extract(corpus(tmp_path)).notes.read())
    spanish = {"language": "es", "mentions": "projected"}
    assert "projected is for language: en" in refused(corpus(tmp_path), **spanish)
    with pytest.raises(ValueError, match="for the English texts of codiesp alone"):
        ExtractSettings(source="codiesp", raw="", **spanish)


def test_marks_of_a_report_without_a_spanish_text_are_passed_over_and_counted(tmp_path):
    texts = {
        "text_files/A2": "informe A2 about",
        "text_files_en/A2": "report A2",
        "text_files/A1": None,
    }
    path = corpus(tmp_path, **{f"train/{name}.txt": text for name, text in texts.items()})
    found = extract(path, mentions="projected")
    assert found.mentions["document_id"].to_pylist() == ["B1", "C1"]
    assert found.counts["mentions_of_one_text"] == 1
    assert found.counts["reports_without_es"] == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("A1\tDIAGNOSTICO\tr69\t0 7\n", "row 1: 4 cells instead of 5"),
        ("B1\tDIAGNOSTICO\tr69\tinforme\t0 7\n", "row 1: no train text"),
        ("A1\tDIAGNOSIS\tr69\tinforme\t0 7\n", "row 1, column 2: neither DIAGNOSTICO"),
        ("A1\tDIAGNOSTICO\t4019\tinforme\t0 7\n", "row 1, column 3: not an ICD-10 diagnosis"),
        ("A1\tDIAGNOSTICO\tr69\tinforme\t0-7\n", "row 1, column 5: not a list of places"),
        ("A1\tDIAGNOSTICO\tr69\tinforme\t0 700\n", "row 1, column 5: a place beyond the 35"),
    ],
)
def test_a_bad_row_of_spans_is_refused_with_its_place_and_without_its_text(tmp_path, line, said):
    path = corpus(tmp_path, train__trainX_tsv=line)
    message = refused(path, language="es")
    assert said in message
    assert "train/trainX.tsv" in message
    assert "informe" not in message


@pytest.mark.parametrize(("language", "other"), [("en", "es"), ("es", "en")])
def test_a_report_without_its_other_half_is_one_counted_warning(tmp_path, caplog, language, other):
    folder = {"en": "text_files_en", "es": "text_files"}[other]
    found = extract(corpus(tmp_path, **{f"train/{folder}/A1.txt": None}), language=language)
    assert found.counts[f"reports_without_{other}"] == 1
    assert found.counts[f"reports_without_{language}"] == 0
    told = f"CodiEsp: 1 reports have a text in the other language and no train/{folder}/A1.txt"
    assert [record.getMessage() for record in caplog.records] == [told]


def test_a_background_report_may_lack_its_half_but_a_coded_one_not(tmp_path, caplog):
    found = extract(corpus(tmp_path, **{"background/text_files_en/X2.txt": "of one half"}))
    assert "no background/text_files/X2.txt" in caplog.text
    assert "X2" in found.splits["document_id"].to_pylist()
    two = {"train/text_files_en/A1.txt": None, "train/text_files_en/A2.txt": "another"}
    assert "trainD.tsv, row 1: no train text" in refused(corpus(tmp_path, **two))


@pytest.mark.parametrize("split", ["test", "background"])
def test_a_report_in_two_splits_is_refused(tmp_path, split):
    message = refused(corpus(tmp_path, **{f"{split}/text_files_en/A1.txt": "again"}))
    assert f"{split}/text_files_en/A1.txt: the document is in train/text_files_en as" in message


def test_codes_that_icd_10_lacks_are_counted_with_their_rows(tmp_path, caplog):
    rows = "A1\tn44.8\nA1\tz99.999\n"
    path = corpus(tmp_path, train__trainD_tsv=rows, dev__devD_tsv="B1\tz99.999\n")
    counts = extract(path).counts
    assert (counts["unlisted_codes"], counts["rows_of_unlisted_codes"]) == (1, 2)
    assert "1 codes of 2 rows are not in ICD-10-CM" in caplog.text
    assert extract(corpus(tmp_path)).counts["unlisted_codes"] == 0


def refused(path, **how):
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        extract(path, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_corpus_is_refused_in_a_line(tmp_path):
    assert "no such file" in refused(tmp_path / "absent.zip")
    assert "neither 'en' nor 'es'" in refused(corpus(tmp_path), language="fr")
    cut = tmp_path / "cut.zip"
    cut.write_bytes(corpus(tmp_path).read_bytes()[:-300])
    assert "not a whole zip" in refused(cut)
    assert "holds no dev/devD.tsv" in refused(corpus(tmp_path, dev__devD_tsv=None))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("A1\n", "row 1: 1 cells instead of 2"),
        ("A1\tn44.8\nZ9\tr69\n", "row 2: no train text"),
        ("A1\t4019\n", "row 1, column 2: not an ICD-10 diagnosis"),
        ("B1\tr69\n", "row 1: no train text"),
    ],
)
def test_a_bad_row_of_codes_is_refused_with_its_place(tmp_path, line, said):
    message = refused(corpus(tmp_path, train__trainD_tsv=line))
    assert said in message
    assert "train/trainD.tsv" in message


@needs_corpus
@pytest.mark.parametrize("language", ["en", "es"])
def test_the_official_corpus_counts_what_its_authors_say(language):
    found = extract(ZIP, language=language)
    splits = Counter(found.splits["split"].to_pylist())
    codes = found.codes.read()

    assert splits == {"train": 500, "dev": 250, "test": 250, "unlabelled": 2_749}
    assert found.counts["background_documents"] == 2_751
    assert found.counts["background_near_dev"] + found.counts["background_near_test"] == 2
    assert found.counts["background_near_train_kept"] == 1
    assert found.counts["reports_without_es"] == found.counts["reports_without_en"] == 0
    assert (found.counts["unlisted_codes"], found.counts["rows_of_unlisted_codes"]) == (98, 162)
    occurrences = Counter(codes["code"].to_pylist())
    assert (len(occurrences), sum(n == 1 for n in occurrences.values())) == (2_557, 1_325)
    assert set(found.titles.read()["code"].to_pylist()) == set(occurrences)
    assert all(found.titles.read()["title"].to_pylist())


@needs_corpus
@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_the_official_codes_of_each_kind_have_titles_in_both_languages(language, kind):
    found = extract(ZIP, language=language, systems=KINDS[kind], unlabelled=False)
    rows = found.codes.read().to_pylist()
    distinct = {(row["system"], row["code"]) for row in rows}
    expected = {"diagnosis": (11_158, 2_557), "procedure": (3_246, 870)}
    assert {system: expected[system] for system in KINDS[kind]} == {
        system: (
            sum(row["system"] == system for row in rows),
            sum(of == system for of, _ in distinct),
        )
        for system in KINDS[kind]
    }
    titles = {(row["system"], row["code"]): row["title"] for row in found.titles.read().to_pylist()}
    assert titles.keys() == distinct
    assert all(titles.values())


@needs_corpus
def test_the_official_spans_are_places_in_the_spanish_texts():
    """The corpus repeats the marked words beside their places, so that both can be compared."""
    both = {"language": "es", "systems": ("diagnosis", "procedure")}
    corpus = extract(ZIP, **both, unlabelled=False)
    notes = corpus.notes.read()
    texts = dict(zip(notes["note_id"].to_pylist(), notes["text"].to_pylist(), strict=True))
    found = defaultdict(set)
    for row in corpus.mentions.to_pylist():
        words = re.findall(r"\w+", texts[row["note_id"]][row["begin"] : row["end"]])
        found[row["document_id"], row["code"]].update(words)

    assert found.keys() == {
        (row["document_id"], row["code"]) for row in corpus.codes.read().to_pylist()
    }
    assert found == told_words()


@needs_corpus
@pytest.mark.slow
def test_most_official_marks_have_their_words_in_the_english_texts():
    texts = extract(ZIP, unlabelled=False).notes.read()
    english = dict(zip(texts["note_id"].to_pylist(), texts["text"].to_pylist(), strict=True))
    marked, found = (
        {row["mention"]: row for row in extract(ZIP, **how).mentions.to_pylist()}
        for how in ({"language": "es"}, {"mentions": "projected"})
    )
    assert len(found) > 0.85 * len(marked)
    assert all(found[n]["code"] == marked[n]["code"] for n in found)
    fever = [row for row in found.values() if row["code"] == "R50.9"]
    said = [english[row["note_id"]][row["begin"] : row["end"]].lower() for row in fever]
    assert sum("fever" in words or "febrile" in words for words in said) > 0.9 * len(said)


def told_words():
    told = defaultdict(set)
    with zipfile.ZipFile(ZIP) as archive:
        for split in ("train", "dev", "test"):
            for line in archive.read(f"{ROOT}/{split}/{split}X.tsv").decode().splitlines():
                article, _, code, words, _ = line.split("\t")
                told[article, code.upper()].update(re.findall(r"\w+", words))
    return told
