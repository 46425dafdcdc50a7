"""`isd check`: one list for whatever is wrong, an exit code, and never a word of a note."""

import gzip
import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from isd_pipeline.__main__ import main
from isd_pipeline.data.custom.example import write_example
from isd_pipeline.pipelines.extract.checking import check, exit_code
from isd_pipeline.pipelines.extract.checking_words import longest_read
from isd_pipeline.synthetic import HospitalSettings, write_hospital
from isd_pipeline.text.vocabulary import Vocabulary
from tests.data.sources import test_cantemist as cantemist
from tests.data.sources.test_codiesp import corpus

SECRET = "ZZCANARY"
LONG = " ".join(f"{SECRET}{n} word" for n in range(60))


def listed(target, **extract):
    """The lines of a check by level, and its exit code; no word of a note is in them."""
    target = str(target)
    section = {"source": "custom", "raw": target, **extract}
    findings, _ = check("mine", {"mine": {"extract": section}})
    found = list(findings)
    assert SECRET not in json.dumps([asdict(one) for one in found])
    assert all("\n" not in one.line() for one in found)
    return {level: [one.line() for one in found if one.level == level] for level in LEVELS}, (
        exit_code(findings)
    )


LEVELS = ("error", "warning", "note")


def own(folder, notes, codes="id,code\nA,I10\nB,I10\nC,I10\n"):
    for name, content in (("notes.csv", notes), ("codes.csv", codes)):
        data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        (folder / name).write_bytes(data)
    return folder


def three(text="x y z", other=None, **split):
    """Notes of three documents, one a split."""
    rows = [("A", "train", text), ("B", "dev", "b"), ("C", "test", other or "c")]
    lines = [f'{name},{split.get(name, of)},"{words}"' for name, of, words in rows]
    return "id,split,text\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_the_example_is_fine(tmp_path, form):
    write_example(tmp_path / "own", form)
    found, code = listed(tmp_path / "own")
    assert (found["error"], found["warning"], code) == ([], [], 0)


def test_everything_that_is_wrong_is_in_one_list(tmp_path):
    notes = f"id,text,date,split\n,{SECRET},,train\nA,{SECRET},soon,train\nB,b,,perhaps\n"
    found, code = listed(own(tmp_path, notes, f"id,code\nA,38.9\nB,{SECRET}\n"))
    assert code == 2
    assert [line.split(": ")[0].split("/")[-1] for line in found["error"]] == [
        "notes.csv, row 2, column id",
        "notes.csv, row 4, column split",
        "notes.csv, row 3, column date",
        *["notes.csv, column split"] * 2,  # dev and test have no id
        "codes.csv, row 2, column code",
        "codes.csv, row 3, column code",
    ]


B1 = {
    "cut gz": lambda whole: gzip.compress(whole)[:-20],
    "changed gz": lambda whole: gzip.compress(whole)[:-8] + b"\0" * 8,
    "cut in a note": lambda whole: whole[: whole.rindex(b'"') - 3],
}


@pytest.mark.parametrize("fault", list(B1))
def test_b1_a_damaged_file_is_an_error(tmp_path, fault):
    write_example(tmp_path / "own")
    path = tmp_path / "own" / "notes.csv"
    damaged = B1[fault](path.read_bytes())
    path.unlink()
    path.with_name("notes.csv.gz" if "gz" in fault else "notes.csv").write_bytes(damaged)
    found, code = listed(tmp_path / "own")
    assert code == 2
    assert len(found["error"]) == 1
    assert "notes.csv" in found["error"][0]


def test_b1_a_file_cut_at_a_row_end_is_found_by_the_counts_expected_and_warned_of(tmp_path):
    write_example(tmp_path / "own", "jsonl")
    path = tmp_path / "own" / "notes.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:100]))
    found, code = listed(tmp_path / "own")
    assert code == 1
    assert "rows whose id has no note: left out" in found["warning"][0]
    found, code = listed(tmp_path / "own", custom={"expected": {"note_records": 194}})
    assert code == 2
    assert "note_records: 100, expected 194; is a file cut off?" in found["error"][0]


def test_b2_codes_of_two_revisions_are_counted(tmp_path):
    codes = "id,code\nA,401.9\nA,038.9\nB,E11.9\n"
    found, code = listed(own(tmp_path, three(), codes))
    assert code == 2
    assert "codes.csv, row 2, column code: no ICD-10-CM diagnosis code but" in found["error"][0]
    assert "(2 times)" in found["error"][0]


def test_b3_duplicates_and_orphans_are_counted(tmp_path):
    notes = f"{three()}A,train,x y z\n"
    codes = "id,code\nA,I10\nA,I10\nB,I10\nZ,I10\n"
    found, code = listed(own(tmp_path, notes, codes))
    assert code == 1
    told = "\n".join(found["warning"] + found["note"])
    assert "notes that repeat another of the same id, word for word" in told
    assert "codes.csv, row 5, column id: rows whose id has no note: left out" in told
    assert "1 documents have no code: left out" in told
    assert "1 code rows repeat a code of their id" in told


def test_b4_a_patient_in_two_splits_is_an_error_and_a_near_copy_a_warning(tmp_path):
    notes = "id,split,patient,text\nA,train,p,a\nB,dev,q,b\nC,test,p,c\n"
    found, code = listed(own(tmp_path, notes))
    assert code == 2
    assert "notes.csv, row 4, column split: a patient is in two splits" in found["error"][0]
    found, code = listed(own(tmp_path, three(LONG, f"{LONG} end")))
    assert code == 1
    assert (
        "1 pairs of documents of two splits are nearly the same, as A (train)"
        in (found["warning"][0])
    )


B5 = {
    "a\0b word": "NUL characters",
    "a\x08b word": "control characters",
    "1 MB " + "x" * 1_000_001: "more than 1,000,000 characters",
    "y" * 10_001: "10,000 characters without a blank",
    "12 34.5": "documents without a word",
    "   ": "empty notes",
    "caf\u00c3\u00a9 au lait": "UTF-8 that was read as Latin-1",
    "lost \ufffd sign": "lost when the text was decoded",
    r"{\rtf1\ansi Fever.\par}": "Rich Text Format (RTF) in place of text",
    r"MSH|^~\&|LAB|a message": "an HL7 message in place of text",
    "JVBERi0xLjQK": "a PDF or an Office file in place of text",
}


@pytest.mark.parametrize("text", list(B5), ids=list(B5.values()))
def test_b5_an_odd_text_is_a_warning_with_its_note(tmp_path, text):
    found, code = listed(own(tmp_path, three(text)))
    assert code == 1
    assert any(B5[text] in line for line in found["warning"])


@pytest.mark.parametrize(("other", "cut"), [(4_000, True), (4_001, False), (3_000, True)])
def test_b5_notes_that_all_end_at_the_limit_of_a_column_are_told(tmp_path, other, cut):
    """As a database's 4,000 characters; none may have more."""
    texts = {name: f"{name} {'word ' * 800}"[:4_000] for name in "ABC"}
    texts["D"] = f"D {'other ' * 800}"[:other]
    splits = {"A": "train", "B": "dev", "C": "test", "D": "train"}
    rows = (f"{name},{splits[name]},{text}\n" for name, text in texts.items())
    found, _ = listed(own(tmp_path, f"id,split,text\n{''.join(rows)}"))
    told = f"{4 if other == 4_000 else 3} notes have 4,000 characters and none has more"
    assert any(told in line for line in found["warning"]) is cut


def test_b5_a_byte_order_mark_is_noted_and_emoji_and_right_to_left_are_nothing(tmp_path):
    codes = "id,code\nA,I10\nB,I10\nC,I10\nA,E11.9\n"
    folder = own(tmp_path, "\ufeff" + three("\u05e9\u05dc\u05d5\u05dd word \U0001f600"), codes)
    found, code = listed(folder)
    assert code == 0
    assert "begins with a byte order mark" in found["note"][0]


def test_b5_bytes_of_another_encoding_and_lone_surrogates_are_refused_with_their_line(tmp_path):
    for bad in (three("caf\u00e9").encode("latin-1"), three("a \ud800 b")):
        found, code = listed(own(tmp_path, bad))
        assert code == 2
        assert "line 2: bytes that are not UTF-8" in found["error"][0]


def test_mimic_tables_are_all_looked_at_though_one_is_broken(tmp_path):
    folder = tmp_path / "hospital"
    write_hospital(folder, HospitalSettings(admissions=200, seed=1, words=150, code_pool=200))
    found, code = listed(folder, source="mimic3")
    assert code < 2
    assert any("are not in the dictionaries" in line for line in found["warning"])
    (folder / "D_ICD_DIAGNOSES.csv").unlink()
    path = folder / "PROCEDURES_ICD.csv"
    path.write_text(path.read_text().replace("HADM_ID", "HADM"))
    found, code = listed(folder, source="mimic3")
    assert code == 2
    assert "neither D_ICD_DIAGNOSES.csv nor" in found["error"][0]
    assert "no column HADM_ID" in found["error"][1]
    _, code = listed(folder, source="mimic3", real=True)
    assert code == 2


def test_tables_that_are_not_the_real_ones_are_told_so_by_their_counts(tmp_path):
    write_hospital(tmp_path, HospitalSettings(admissions=200, seed=1, words=150, code_pool=200))
    found, code = listed(tmp_path, source="mimic3", real=True)
    assert code == 2
    assert any(
        "note_records:" in line and "published are 2,083,180" in line for line in found["error"]
    )
    assert any("SHA-256" in line for line in found["error"])  # the lists are not CAML's


def test_codiesp_is_checked_as_any_cohort(tmp_path):
    found, _ = listed(corpus(tmp_path), source="codiesp")
    assert found["error"] == []
    assert any("train 1, dev 1, test 1, unlabelled 1" in line for line in found["note"])


def test_a_folder_is_known_by_its_files(tmp_path):
    write_hospital(
        tmp_path / "m", HospitalSettings(admissions=200, seed=1, words=150, code_pool=200)
    )
    write_example(tmp_path / "o")
    for target in (tmp_path / "m", tmp_path / "o", corpus(tmp_path)):
        findings, counts = check(str(target), {})
        assert exit_code(findings) < 2
        assert counts["documents"]


def test_the_zips_of_two_corpora_and_their_folders_are_told_apart_by_content(tmp_path):
    ours, others = tmp_path / "ours.zip", tmp_path / "others.zip"
    cantemist.corpus(tmp_path).rename(ours)
    corpus(tmp_path).rename(others)
    for path, train in ((ours, "train 1, dev 2, test 1"), (others, "train 1, dev 1, test 1")):
        zipfile.ZipFile(path).extractall(path.with_suffix(""))
        for target in (path, path.with_suffix("")):
            findings, _ = check(str(target), {})
            assert exit_code(findings) < 2
            assert any(train in one.what for one in findings)
    neither = cantemist.write_zip(tmp_path / "neither.zip", {"a.txt": "a"})
    findings, _ = check(str(neither), {})
    assert [one.what.removeprefix(f"{neither}: ") for one in findings] == [
        "neither CodiEsp (text_files) nor CANTEMIST (cantemist-norm)"
    ]


def test_a_fault_of_cantemist_is_one_error_with_its_place(tmp_path):
    ann = "T1\tMORFOLOGIA_NEOPLASIA 0 900\tZZCANARY\n#1\tAnnotatorNotes T1\t8140/3\n"
    path = cantemist.corpus(tmp_path, {"train-set/cantemist-norm/A1.ann": ann})
    found, code = listed(path, source="cantemist", language="es")
    assert code == 2
    assert len(found["error"]) == 1
    assert "A1.ann, row 1, column 2: a place beyond the 40 characters" in found["error"][0]


def run(*words):
    return CliRunner().invoke(main, words)


def test_the_command_prints_a_list_or_json_and_exits_by_the_worst(tmp_path, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    folder = str(tmp_path / "own")
    assert run("init-data", folder).exit_code == 0
    told = run("check", folder)
    assert told.exit_code == 0
    assert told.output.endswith("0 errors, 0 warnings, 5 notes\n")
    again = run("init-data", folder)
    assert again.exit_code == 1
    assert "not empty" in again.output
    (tmp_path / "own" / "codes.csv").write_text("id,kode\n")
    broken = run("check", folder, "--json")
    assert broken.exit_code == 2
    first = json.loads(broken.output)["findings"][0]
    assert first["row"] == 1
    assert first["what"].startswith("no column code")
    missing = run("check", "cohort_x")
    assert "no such folder" in missing.output
    assert missing.output.endswith("\n1 error, 0 warnings, 0 notes\n")


def test_documents_that_are_too_long_to_be_read_whole_are_counted(tmp_path):
    folder = own(tmp_path, three("word " * 30))
    few = {"profiles": {"few": {"training": {"max_tokens": 20}}}}
    told = "1 of 3 documents have more than 20 words"

    def is_told(parameters, **section):
        section["extract"] = {"source": "custom", "raw": str(folder)}
        findings = check("mine", {"mine": section}, parameters)[0]
        return [told in one.line() for one in findings].count(True) == 1

    assert is_told(few, profile="few")
    assert not is_told(few, profile="few", train={"training": {"max_tokens": 30}})
    assert not is_told(few)  # the paper's 4,000
    # Settings by size: one training note and one code.
    assert is_told(few | {"sizes": {"tiny": {"notes": 1, "profile": "few"}, "all": {}}})
    assert not is_told(few | {"sizes": {"all": {}, "tiny": {"notes": 1, "profile": "few"}}})


def test_the_usual_length_that_is_read_is_that_of_training():
    from isd_pipeline.training.loop import TrainingConfig

    assert longest_read({}, {}, 9, 9) == TrainingConfig().max_tokens


def test_codes_that_only_test_has_and_data_of_one_code_are_told(tmp_path):
    found, _ = listed(own(tmp_path, three()))
    assert any("one code alone, in 3 documents" in line for line in found["warning"])
    codes = "id,code\nA,I10\nB,I10\nC,E11.9\nC,N39.0\nC,I10\n"
    found, _ = listed(own(tmp_path, three(), codes))
    told = "2 of 3 codes of test are in no document of train: no model can learn them"
    assert any(told in line for line in found["warning"])
    assert any("1 codes are in every document" in line for line in found["note"])
    assert not any("one code alone" in line for line in found["warning"])


@pytest.mark.parametrize(
    ("words", "level"), [(("b", "c", "x", "y", "z"), "note"), (("b",), "warning")]
)
def test_the_share_of_words_that_the_vocabulary_lacks_is_told(tmp_path, monkeypatch, words, level):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "data/03_primary/mine/vocabulary.json"
    place.parent.mkdir(parents=True)
    Vocabulary(words).save(place)
    (tmp_path / "raw").mkdir()
    found, _ = listed(own(tmp_path / "raw", three("x y z")))
    share = {"note": "0.0%", "warning": "80.0%"}[level]
    assert any(f"{share} of the words are none of the {len(words)} that" in x for x in found[level])


def test_b5_windows_1252_read_as_latin_1_is_a_warning_that_names_the_encoding(tmp_path):
    folder = own(tmp_path, three("a\u0093quoted\u0094"))
    found, _ = listed(folder)
    assert any("the encoding is cp1252" in line for line in found["warning"])


def test_notes_of_which_a_clause_would_be_a_word_are_told(tmp_path):
    found, code = listed(own(tmp_path, three("患者发热三天，伴咳嗽。" * 3, "咳嗽三天")))
    what = "2 documents are in a script without blanks between words"
    assert any(what in line and "segmenter" in line for line in found["warning"])
    assert code == 1
