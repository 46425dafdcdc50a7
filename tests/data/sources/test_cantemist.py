"""The official corpus as it is distributed, and the ways in which it can be broken."""

import zipfile
from collections import Counter
from pathlib import Path

import pytest

from isd_pipeline.data.io.tables import MENTIONS
from isd_pipeline.data.sources.cantemist import SETS, extract

ZIP = Path(__file__).parents[4] / "shared" / "data" / "cantemist" / "cantemist.zip"
needs_corpus = pytest.mark.skipif(not ZIP.exists(), reason="CANTEMIST is not here")

TEXTS = {  # one document a set; each begins with what is marked in it
    "train": ("A1", "Adenocarcinoma de colon, con metástasis."),
    "dev1": ("B1", "Carcinoma escamoso de piel."),
    "dev2": ("B2", "Melanoma in situ del brazo."),
    "test": ("C1", "Adenocarcinoma poco diferenciado."),
}
MARKS = {
    "train": [("8140/3", "0 14"), ("8000/6", "29 39")],
    "dev1": [("8070/3", "0 9;10 18")],
    "dev2": [("8720/2", "0 16")],
    "test": [("8140/33/H", "0 32")],
}


def annotation(text, marks):
    """A brat file: of each mark its places and words, then a note with its code."""
    lines = []
    for n, (code, places) in enumerate(marks, start=1):
        ends = [[int(place) for place in part.split()] for part in places.split(";")]
        words = " ".join(text[begin:end] for begin, end in ends).replace("\n", " ")
        lines.append(f"T{n}\tMORFOLOGIA_NEOPLASIA {places}\t{words}")
        lines.append(f"#{n}\tAnnotatorNotes T{n}\t{code}")
    return "\n".join(lines) + "\n"


def files_of(texts, marks):
    """Files in the official layout: of each set its documents (name, text) and their marks."""
    files = {"README.txt": "about", "background-set/X1.txt": "Otro caso, sin relación alguna."}
    for name, documents in texts.items():
        rows = "file\tcode\n"
        for document, text in documents:
            folder = f"{SETS[name]}/cantemist-norm"
            files[f"{folder}/{document}.txt"] = text
            files[f"{folder}/{document}.ann"] = annotation(text, marks[document])
            files[f"{SETS[name]}/cantemist-coding/txt/{document}.txt"] = text
            rows += "".join(f"{document}\t{code}\n" for code in {c: 0 for c, _ in marks[document]})
        files[f"{SETS[name]}/cantemist-coding/{name}-coding.tsv"] = rows
    return files


def write_zip(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            if content is not None:
                archive.writestr(f"cantemist/{name}", content)
    return path


def corpus(folder, changed=None):
    """A corpus of four documents and a background text; `changed` replaces or removes files."""
    files = files_of(
        {name: [document] for name, document in TEXTS.items()},
        {TEXTS[name][0]: marks for name, marks in MARKS.items()},
    )
    return write_zip(folder / "corpus.zip", files | (changed or {}))


def test_a_small_corpus_gives_notes_codes_titles_splits_and_mentions(tmp_path):
    found = extract(corpus(tmp_path))
    assert [tuple(row.values()) for row in found.splits.to_pylist()] == [
        *(("A1", "train"), ("B1", "dev"), ("B2", "dev"), ("C1", "test"), ("X1", "unlabelled"))
    ]
    assert found.notes.read()["text"].to_pylist()[:2] == [TEXTS["train"][1], TEXTS["dev1"][1]]
    assert [tuple(row.values()) for row in found.codes.read().to_pylist()] == [
        ("A1", "A1", "diagnosis", "8140/3"),
        ("A1", "A1", "diagnosis", "8000/6"),
        ("B1", "B1", "diagnosis", "8070/3"),
        ("B2", "B2", "diagnosis", "8720/2"),
        ("C1", "C1", "diagnosis", "8140/33/H"),
    ]
    assert found.mentions.schema == MENTIONS
    assert [tuple(row.values())[3:] for row in found.mentions.to_pylist()] == [
        ("8140/3", 0, 14, 0),
        ("8000/6", 29, 39, 1),
        ("8070/3", 0, 9, 2),
        ("8070/3", 10, 18, 2),
        ("8720/2", 0, 16, 3),
        ("8140/33/H", 0, 32, 4),
    ]


def test_a_folder_reads_as_the_zip_it_came_from(tmp_path):
    path = corpus(tmp_path)
    zipfile.ZipFile(path).extractall(tmp_path / "unpacked")
    for folder in (tmp_path / "unpacked", tmp_path / "unpacked" / "cantemist"):
        again = extract(folder)
        assert again.notes.read().equals(extract(path).notes.read())
        assert again.mentions.equals(extract(path).mentions)


def test_a_title_is_the_mention_most_frequent_in_train_and_no_word_of_dev_or_test(tmp_path):
    text = "Adenoca. adenoca. Adenocarcinoma. Tumor, bulto."
    marks = [("8140/3", place) for place in ("18 32", "0 7", "9 16")]
    marks += [("8000/1", "41 46"), ("8000/1", "34 39")]  # as frequent as each other
    folder = "train-set/cantemist-norm"
    changed = {f"{folder}/A1.txt": text, f"{folder}/A1.ann": annotation(text, marks)}
    changed["train-set/cantemist-coding/train-coding.tsv"] = "file\tcode\nA1\t8140/3\nA1\t8000/1\n"
    titles = {
        row["code"]: row for row in extract(corpus(tmp_path, changed)).titles.read().to_pylist()
    }
    assert titles["8140/3"]["title"] == "adenoca"
    assert titles["8000/1"]["title"] == "bulto"
    assert titles["8140/33/H"]["title"] is None
    assert [titles[c]["parent"] for c in ("8140/33/H", "8140", "814", "814-838")] == [
        *("8140", "814", "814-838", "")
    ]


@pytest.mark.parametrize(("dev", "kept"), [("dev1", "B1"), ("dev2", "B2")])
def test_the_other_development_set_is_left_out_and_counted(tmp_path, dev, kept):
    found = extract(corpus(tmp_path), dev=dev)
    assert found.splits["document_id"].to_pylist() == ["A1", kept, "C1", "X1"]
    assert set(found.codes.read()["document_id"].to_pylist()) == {"A1", kept, "C1"}
    assert set(found.mentions["document_id"].to_pylist()) == {"A1", kept, "C1"}
    assert found.counts["documents_of_the_other_dev_set"] == 1


def test_background_texts_of_a_labelled_id_or_near_dev_or_test_are_left_out(tmp_path, caplog):
    text = " ".join(f"palabra{n}" for n in range(90))
    path = corpus(
        tmp_path,
        {
            "test-set/cantemist-norm/C1.txt": f"Adenocarcinoma poco diferenciado {text}",
            "background-set/A1.txt": "un texto que tiene el nombre de otro",
            "background-set/X2.txt": f"nota: {text[:700]}",
            "background-set/X3.txt": f"{TEXTS['dev2'][1]} Y nada.",
            "background-set/X4.txt": TEXTS["train"][1],
        },
    )
    for dev in ("both", "dev1"):  # of the set that is left out no text is read either
        found = extract(path, dev=dev)
        assert found.splits["document_id"].to_pylist()[-2:] == ["X1", "X4"]
        assert found.counts["background_of_labelled_ids"] == 1
        assert found.counts["background_near_test"] == 1
        assert found.counts["background_near_dev"] == 1
        assert found.counts["background_near_train_kept"] == 1
    assert "1 background texts have a labelled id, 2 are near dev or test" in caplog.text


def test_what_is_odd_is_one_counted_warning_without_a_word_of_the_text(tmp_path, caplog):
    text, marks = TEXTS["train"][1], MARKS["train"]
    moved = annotation(text, marks).replace("\tAdenocarcinoma\n", "\tSecreto\n")
    more = annotation(text, [*marks, ("8070/3", "0 14")])
    for ann, told in (
        (moved, "1 mentions have other words than the text at their place"),
        (more, "1 documents have other codes listed than were marked"),
    ):
        caplog.clear()
        extract(corpus(tmp_path, {"train-set/cantemist-norm/A1.ann": ann}), unlabelled=False)
        assert [record.getMessage() for record in caplog.records] == [f"CANTEMIST: {told}"]


def refused(path, **how):
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        extract(path, **how)
    assert "\n" not in str(caught.value)
    assert "Adenocarcinoma" not in str(caught.value)
    return str(caught.value)


ROW = "T1\tMORFOLOGIA_NEOPLASIA 0 14\tAdenocarcinoma\n"
NOTE = "#1\tAnnotatorNotes T1\t8140/3\n"


@pytest.mark.parametrize(
    ("ann", "said"),
    [
        (ROW.replace("0 14", "0 140") + NOTE, "row 1, column 2: a place beyond the 40 characters"),
        (ROW.replace("0 14", "14 14") + NOTE, "row 1, column 2: a place without a character"),
        (ROW.replace("0 14", "0-14") + NOTE, "row 1, column 2: not a list of places"),
        (ROW, "row 1: no note gives this mention its code"),
        (ROW + NOTE.replace("T1", "T2"), "row 2, column 2: a note of no mention"),
        (ROW + NOTE + NOTE.replace("#1", "#2"), "row 3: the second row of its kind"),
        (ROW + NOTE.replace("8140/3", "C50.9"), "row 2, column 3: not a morphology of ICD-O-3"),
        (ROW.replace("MORFOLOGIA_NEOPLASIA", "OTRA") + NOTE, "row 1: neither a MORFOLOGIA_NEOPL"),
        (ROW.replace("\tAdenocarcinoma", "") + NOTE, "row 1: 2 cells instead of 3"),
        (None, "A1.txt: without its .ann"),
    ],
)
def test_a_bad_row_of_marks_is_refused_with_its_place_and_without_its_text(tmp_path, ann, said):
    message = refused(corpus(tmp_path, {"train-set/cantemist-norm/A1.ann": ann}))
    assert said in message
    assert "train-set/cantemist-norm/A1." in message


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("A1\t8140/3\n", "row 1: not the header"),
        ("file\tcode\nA1\n", "row 2: 1 cells instead of 2"),
        ("file\tcode\nB1\t8140/3\n", "row 2, column 1: no text of this document"),
        ("file\tcode\nA1\t8140/3\nA1\t8140\n", "row 3, column 2: not a morphology of ICD-O-3"),
        ("", "row 1: not the header"),
        (None, "holds no train-set/cantemist-coding/train-coding.tsv"),
    ],
)
def test_a_bad_row_of_codes_is_refused_with_its_place(tmp_path, rows, said):
    name = "train-set/cantemist-coding/train-coding.tsv"
    message = refused(corpus(tmp_path, {name: rows}))
    assert said in message
    assert "train-coding.tsv" in message


def test_what_is_no_corpus_is_refused_in_a_line(tmp_path):
    folder = "test-set/cantemist-norm"
    assert "no such file" in refused(tmp_path / "absent.zip")
    assert f"{folder}/C1.ann: without its .txt" in refused(
        corpus(
            tmp_path, {f"{folder}/C1.txt": None, f"{folder}/C2.txt": "x", f"{folder}/C2.ann": ""}
        )
    )
    twice = {f"{folder}/A1.txt": "x", f"{folder}/A1.ann": ""}
    assert f"{folder}/A1.txt: the document is in train-set/cantemist-norm as well" in refused(
        corpus(tmp_path, twice)
    )
    latin = {f"{folder}/C1.txt": "metástasis".encode("latin-1")}
    assert f"{folder}/C1.txt: not UTF-8" in refused(corpus(tmp_path, latin))
    empty = dict.fromkeys((f"{folder}/C1.txt", f"{folder}/C1.ann"))
    assert f"holds no {folder}/*.txt" in refused(corpus(tmp_path, empty))
    cut = tmp_path / "cut.zip"
    whole = corpus(tmp_path).read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    assert "not a whole zip" in refused(cut)


@needs_corpus
def test_the_official_corpus_counts_what_its_authors_say():
    found = extract(ZIP)
    assert Counter(found.splits["split"].to_pylist()) == {
        **{"train": 501, "dev": 500, "test": 300, "unlabelled": 4_927}
    }
    rows = {name: found.counts[f"{name}_code_rows"] for name in SETS}
    assert rows == {"train": 2_757, "dev1": 1_385, "dev2": 1_279, "test": 1_599}
    assert found.counts["background_documents"] == 4_932
    assert found.counts["background_of_labelled_ids"] == 1
    assert found.counts["background_near_dev"] == 3
    assert found.counts["background_near_test"] == 1
    codes = set(found.codes.read()["code"].to_pylist())
    titles = {row["code"]: row["title"] for row in found.titles.read().to_pylist()}
    assert (len(codes), sum(titles[code] is None for code in codes)) == (850, 357)


@needs_corpus
def test_the_official_marks_are_places_in_the_texts_and_name_the_documents_codes(caplog):
    found = extract(ZIP, unlabelled=False)
    assert "other words" not in caplog.text
    assert "other codes" not in caplog.text
    assert found.mentions.num_rows == 16_032
