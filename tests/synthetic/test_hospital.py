"""The synthetic hospital: its layout, and the properties of MIMIC-III that the paper is about."""

from __future__ import annotations

import csv
import gzip
import re
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import mean, median

import pytest

from isd_pipeline.synthetic import HospitalSettings, write_hospital
from isd_pipeline.synthetic.codes import Code, catalogue, chains, population
from isd_pipeline.synthetic.filler import count_words
from isd_pipeline.synthetic.hospital import COLUMNS
from isd_pipeline.synthetic.mentions import mean_mentions, mentions_of
from isd_pipeline.synthetic.paraphrase import paraphrases, signs
from isd_pipeline.synthetic.patients import Registry
from isd_pipeline.synthetic.summaries import Summarist, wrapped

csv.field_size_limit(sys.maxsize)
SMALL = HospitalSettings(admissions=600, words=200, codes_per_admission=6)
FULL = HospitalSettings(admissions=60_000)
Row = dict[str, str]


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hospital")
    write_hospital(folder, SMALL)
    return folder


def rows(folder: Path, table: str) -> list[Row]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def summaries(folder: Path) -> list[Row]:
    return [row for row in rows(folder, "NOTEEVENTS") if row["CATEGORY"] == "Discharge summary"]


def listed(folder: Path, split: str, size: str = "full") -> list[str]:
    return (folder / f"{split}_{size}_hadm_ids.csv").read_text().split()


# The layout of MIMIC-III v1.4


def test_every_table_has_the_columns_of_mimic_in_a_quoted_header(hospital: Path) -> None:
    for table, columns in COLUMNS.items():
        header = (hospital / f"{table}.csv").read_bytes().split(b"\n", 1)[0]
        assert header == ",".join(f'"{column}"' for column in columns.split()).encode()


def test_strings_are_quoted_numbers_are_bare_and_nulls_are_empty(hospital: Path) -> None:
    assert b"\r" not in (hospital / "NOTEEVENTS.csv").read_bytes()
    diagnoses = (hospital / "DIAGNOSES_ICD.csv").read_text().splitlines()[1:]
    assert all(re.fullmatch(r'\d+,\d+,\d+,(\d+,"[EV]?\d+"|,)', line) for line in diagnoses)
    titles = (hospital / "D_ICD_PROCEDURES.csv").read_text().splitlines()[1:]
    assert all(re.fullmatch(r'\d+,"\d+","[^"]+","[^"]+"', line) for line in titles)
    summary = re.compile(
        r'^\d+,\d+,\d+,\d{4}-\d\d-\d\d,,,"Discharge summary","(Report|Addendum)",,,"'
    )
    events = (hospital / "NOTEEVENTS.csv").read_text().splitlines()
    assert sum(bool(summary.match(line)) for line in events) == len(summaries(hospital))


def test_the_title_tables_have_as_many_rows_as_those_of_mimic(hospital: Path) -> None:
    assert len(rows(hospital, "D_ICD_DIAGNOSES")) == 14_567
    assert len(rows(hospital, "D_ICD_PROCEDURES")) == 3_882
    titles = {row["ICD9_CODE"]: row for row in rows(hospital, "D_ICD_DIAGNOSES")}
    assert titles["0389"]["LONG_TITLE"] == "Unspecified septicemia"
    assert titles["4019"]["SHORT_TITLE"] == "Hypertension NOS"


def test_codes_keep_leading_zeros_letters_nulls_and_repeats(hospital: Path) -> None:
    diagnoses = [row["ICD9_CODE"] for row in rows(hospital, "DIAGNOSES_ICD")]
    procedures = rows(hospital, "PROCEDURES_ICD")
    assert {"0389", "V5861", "E8788", ""} <= set(diagnoses)
    assert {"0331", "0066"} <= {row["ICD9_CODE"] for row in procedures}
    assert all(row["ICD9_CODE"].isdigit() for row in procedures)
    assert max(Counter((row["HADM_ID"], row["ICD9_CODE"]) for row in procedures).values()) == 2


def test_a_few_codes_in_use_have_no_title(hospital: Path) -> None:
    used = {row["ICD9_CODE"] for row in rows(hospital, "DIAGNOSES_ICD")} - {""}
    missing = used - {row["ICD9_CODE"] for row in rows(hospital, "D_ICD_DIAGNOSES")}
    assert 1 <= len(missing) <= 10


def test_one_admission_with_a_summary_has_a_null_for_its_only_code(hospital: Path) -> None:
    codes: dict[str, list[str]] = defaultdict(list)
    for table in ("DIAGNOSES_ICD", "PROCEDURES_ICD"):
        for row in rows(hospital, table):
            codes[row["HADM_ID"]].append(row["ICD9_CODE"])
    codeless = [admission for admission, found in codes.items() if found == [""]]
    assert len(codeless) == 1
    assert codeless[0] in {row["HADM_ID"] for row in summaries(hospital)}
    assert set(codes) == {row["HADM_ID"] for row in rows(hospital, "ADMISSIONS")}


def test_other_categories_stand_among_the_summaries_and_may_lack_an_admission(
    hospital: Path,
) -> None:
    events = rows(hospital, "NOTEEVENTS")
    categories = {row["CATEGORY"] for row in events}
    assert {"Nursing/other", "Radiology", "ECG", "Physician ", "Respiratory "} <= categories
    orphans = {row["CATEGORY"] for row in events if not row["HADM_ID"]}
    assert orphans
    assert "Discharge summary" not in orphans


def test_an_addendum_may_precede_its_report(hospital: Path) -> None:
    order: dict[str, list[str]] = defaultdict(list)
    for row in summaries(hospital):
        order[row["HADM_ID"]].append(row["DESCRIPTION"])
    assert ["Addendum", "Report"] in order.values()
    assert ["Report", "Addendum"] in order.values()
    assert all("Report" in descriptions for descriptions in order.values())


def test_notes_hold_line_feeds_quotes_and_bracketed_names(hospital: Path) -> None:
    texts = [row["TEXT"] for row in summaries(hospital)]
    assert all("\n" in text and "[**" in text for text in texts)
    assert any('"' in text for text in texts)
    assert all(text.isascii() for text in texts)


def test_lists_are_disjoint_by_patient_and_cover_every_admission_with_a_summary(
    hospital: Path,
) -> None:
    patient = {row["HADM_ID"]: row["SUBJECT_ID"] for row in rows(hospital, "ADMISSIONS")}
    found = {split: listed(hospital, split) for split in ("train", "dev", "test")}
    people = [{patient[admission] for admission in ids} for ids in found.values()]
    assert sum(map(len, people)) == len(set.union(*people))
    assert sorted(one for ids in found.values() for one in ids) == sorted(
        {row["HADM_ID"] for row in summaries(hospital)}
    )
    for split, ids in found.items():
        assert 0 < len(listed(hospital, split, "50")) <= len(ids)
        assert set(listed(hospital, split, "50")) <= set(ids)


# Files


def test_the_same_settings_give_the_same_bytes_and_another_seed_others(
    hospital: Path, tmp_path: Path
) -> None:
    write_hospital(tmp_path / "again", SMALL)
    names = sorted(path.name for path in hospital.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    for name in names:
        assert (hospital / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    other = HospitalSettings(admissions=200, words=200, codes_per_admission=6, seed=1)
    write_hospital(tmp_path / "other", other)
    assert rows(tmp_path / "other", "PATIENTS")[:200] != rows(hospital, "PATIENTS")[:200]


def test_a_compressed_table_holds_the_same_notes(tmp_path: Path) -> None:
    for name, compressed in (("plain", False), ("packed", True), ("again", True)):
        write_hospital(
            tmp_path / name, HospitalSettings(admissions=200, words=150, compressed=compressed)
        )
    packed = (tmp_path / "packed" / "NOTEEVENTS.csv.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "plain" / "NOTEEVENTS.csv").read_bytes()
    assert packed == (tmp_path / "again" / "NOTEEVENTS.csv.gz").read_bytes()


def test_a_run_that_breaks_off_leaves_no_part_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Summarist, "notes", broken)
    with pytest.raises(KeyboardInterrupt):
        write_hospital(tmp_path, SMALL)
    left = {path.name for path in tmp_path.iterdir()}
    assert "NOTEEVENTS.csv" not in left
    assert not [name for name in left if name.endswith(".tmp")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("admissions", 199),
        ("admissions", 60_001),
        ("words", 10),
        ("code_pool", 50),
        ("evidence_share", 0.5),
        ("test_share", 0),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name}={value} is not between"):
        HospitalSettings(**{"admissions": 200, name: value})  # type: ignore[arg-type]


# The long tail and the chains, at full size and without text


@pytest.fixture(scope="module")
def full_size() -> list[tuple[int, ...]]:
    return [a.codes for p in Registry(FULL) for a in p.admissions if a.has_summary]


def test_at_full_size_the_codes_have_the_long_tail_of_mimic(
    full_size: list[tuple[int, ...]],
) -> None:
    counts = sorted(Counter(code for codes in full_size for code in codes).values(), reverse=True)
    assert sum(counts[: len(counts) // 10]) / sum(counts) == pytest.approx(0.85, abs=0.01)
    assert sum(count < 2 for count in counts) / len(counts) == pytest.approx(0.22, abs=0.02)
    assert len(counts) == pytest.approx(8_929, rel=0.03)
    assert sum(counts) / len(full_size) == pytest.approx(15.9, abs=0.3)
    assert len(full_size) / 60_000 == pytest.approx(52_726 / 58_976, abs=0.01)


def test_a_disease_brings_its_complications_and_its_procedures(
    full_size: list[tuple[int, ...]],
) -> None:
    position = {code.key: n for n, code in enumerate(population(FULL.code_pool).codes)}
    alone = Counter(code for codes in full_size for code in codes)
    pairs = {(position[a], position[b]) for a, bs in chains().items() for b in bs}
    together = Counter(
        (a, b) for codes in full_size for a in codes for b in codes if (a, b) in pairs
    )
    lift = {
        (a, b): together[a, b] * len(full_size) / (alone[a] * alone[b])
        for a, b in pairs
        if alone[a] >= 100
    }
    assert len(lift) > 200
    assert median(lift.values()) > 5
    assert mean(value > 1.5 for value in lift.values()) > 0.97


def test_rare_codes_come_in_chains_too(full_size: list[tuple[int, ...]]) -> None:
    country = population(FULL.code_pool)
    rare = {n: country.followers[n][0][0] for n in range(2_000, 4_000) if country.followers[n]}
    met = Counter(n for codes in full_size for n in codes if n in rare)
    followed = Counter(n for codes in full_size for n in codes if n in rare and rare[n] in codes)
    assert len(met) > 1_000
    assert sum(followed.values()) / sum(met.values()) == pytest.approx(0.25, abs=0.05)


def test_newborns_have_the_codes_of_newborns_and_adults_do_not() -> None:
    registry = Registry(SMALL)
    for patient in registry:
        for admission in patient.admissions:
            born_here = any(code.key.startswith("V30") for code in registry.codes_of(admission))
            assert not born_here or admission.service == "NEONATOLOGY"


# The text


def test_evidence_stands_exactly_where_the_side_table_says(hospital: Path) -> None:
    known = {(code.system, code.code): code for code in catalogue()}
    texts = {row["ROW_ID"]: row for row in summaries(hospital)}
    evidence = rows(hospital, "EVIDENCE")
    assert len(evidence) > len(texts)
    for row in evidence:
        note = texts[row["ROW_ID"]]
        assert note["HADM_ID"] == row["HADM_ID"]
        phrase = note["TEXT"][int(row["BEGIN"]) : int(row["END"])].replace("\n", " ")
        code = known[row["SYSTEM"], row["ICD9_CODE"]]
        said = {*paraphrases(code), *signs(code)}
        # A misspelling swaps two letters.
        assert phrase in said or sorted(phrase) in [sorted(one) for one in said]


def test_evidence_is_of_assigned_codes_only_and_some_codes_have_none(hospital: Path) -> None:
    told = {(r["HADM_ID"], r["SYSTEM"], r["ICD9_CODE"]) for r in rows(hospital, "EVIDENCE")}
    with_summary = {row["HADM_ID"] for row in summaries(hospital)}
    assigned = {
        (row["HADM_ID"], system, row["ICD9_CODE"])
        for system, table in (("diagnosis", "DIAGNOSES_ICD"), ("procedure", "PROCEDURES_ICD"))
        for row in rows(hospital, table)
        if row["ICD9_CODE"] and row["HADM_ID"] in with_summary
    }
    assert told <= assigned
    assert 1 - len(told) / len(assigned) == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize(
    "settings",
    [
        HospitalSettings(admissions=300),
        HospitalSettings(admissions=600, words=350, codes_per_admission=8),
        HospitalSettings(admissions=400, words=350, codes_per_admission=8, evidence_share=0.2),
    ],
    ids=["as long as MIMIC's", "short", "more of it evidence"],
)
def test_as_many_of_the_words_bear_on_codes_as_were_asked_for(settings: HospitalSettings) -> None:
    registry = Registry(settings)
    summarist = Summarist(registry)
    words = told = admissions = 0
    for patient in registry:
        for admission in filter(lambda a: a.has_summary, patient.admissions):
            admissions += 1
            for note in summarist.notes(patient, admission):
                words += count_words(note.text)
                told += sum(count_words(note.text[begin:end]) for _, begin, end in note.evidence)
    assert told / words == pytest.approx(settings.evidence_share, rel=0.1)
    assert words / admissions == pytest.approx(settings.words, rel=0.1)


def test_codes_that_are_not_assigned_are_denied_ruled_out_or_a_relatives() -> None:
    registry = Registry(SMALL)
    places: Counter[str] = Counter()
    assigned = 0
    for patient in registry:
        for admission in patient.admissions:
            dice = Random(admission.number)
            found = mentions_of(admission, registry, mean_mentions(SMALL), dice)
            assigned += len(admission.codes)
            places.update(m.section for m in found if m.code is None)
    assert {"story", "family", "results", "course", "instructions"} == set(places)
    assert sum(places.values()) / assigned == pytest.approx(0.42, abs=0.04)


def test_a_code_is_hardly_ever_written_as_its_title(hospital: Path) -> None:
    titles = {
        (system, row["ICD9_CODE"]): row["LONG_TITLE"].lower()
        for system, table in (("diagnosis", "D_ICD_DIAGNOSES"), ("procedure", "D_ICD_PROCEDURES"))
        for row in rows(hospital, table)
    }
    texts = {row["ROW_ID"]: row["TEXT"] for row in summaries(hospital)}
    bare = [
        texts[row["ROW_ID"]][int(row["BEGIN"]) : int(row["END"])].replace("\n", " ").lower()
        == titles.get((row["SYSTEM"], row["ICD9_CODE"]))
        for row in rows(hospital, "EVIDENCE")
    ]
    assert mean(bare) < 0.10


def test_who_knows_the_title_can_recognise_a_rare_code() -> None:
    def stems(text: str) -> set[str]:
        return {word[:4] for word in re.findall(r"[a-z]{4,}", text.lower())}

    rare = population(FULL.code_pool).codes[1_000:]
    assert mean(bool(stems(code.long_title) & stems(paraphrases(code)[0])) for code in rare) > 0.95
    assert mean(len(paraphrases(code)) for code in rare) > 2.5


def test_paraphrases_drop_reorder_and_abbreviate() -> None:
    code = Code(
        "diagnosis",
        "82000",
        "Fx femur intrcaps NOS-cl",
        "Closed fracture of neck of femur, unspecified",
    )
    found = paraphrases(code)
    assert "closed fx of neck of femur" in found
    assert "fx femur intrcaps-cl" in found
    assert code.long_title.lower() not in found


def test_wrapping_moves_no_character() -> None:
    text = "one two three " * 30 + "\n" + "x" * 200
    broken = wrapped(text)
    assert broken.replace("\n", " ") == text.replace("\n", " ")
    assert max(map(len, broken.splitlines()[:-1])) <= 78


def test_noise_adds_rare_words_and_moves_no_mark_off_its_phrase(tmp_path: Path) -> None:
    plain, noisy = tmp_path / "plain", tmp_path / "noisy"
    settings = HospitalSettings(admissions=200, words=200, codes_per_admission=6)
    for folder, noise in ((plain, 0.0), (noisy, 0.05)):
        folder.mkdir()
        write_hospital(folder, replace(settings, noise=noise))

    def words(folder: Path) -> list[str]:
        return [word for row in summaries(folder) for word in row["TEXT"].split()]

    def phrases(folder: Path) -> list[list[str]]:
        texts = {row["ROW_ID"]: row["TEXT"] for row in summaries(folder)}
        marks = rows(folder, "EVIDENCE")
        return [texts[m["ROW_ID"]][int(m["BEGIN"]) : int(m["END"])].split() for m in marks]

    reports = {row["HADM_ID"] for row in summaries(plain)}
    assert len(words(noisy)) - len(words(plain)) == 0.05 * 200 * len(reports)
    assert phrases(noisy) == phrases(plain)
    new = set(words(noisy)) - set(words(plain))
    assert any(not word.isascii() for word in new)
    assert any(re.fullmatch(r"\d+mg", word) for word in new)
    assert any(re.fullmatch(r"\[\w+\?\]", word) for word in new)


def test_a_census_is_of_the_whole_hospital_and_of_one_layout() -> None:
    with pytest.raises(ValueError, match="admissions=58976, not mimic3 and 600"):
        HospitalSettings(admissions=600, census="mimic3")
    with pytest.raises(ValueError, match="noise 0"):
        HospitalSettings(admissions=58_976, census="mimic3", noise=0.1)
