"""A bundle is read as it was written, or refused in one line."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
import torch

from isd_pipeline.coding import bundle as module
from isd_pipeline.coding.bundle import read_bundle, refuse_folder, write_bundle
from isd_pipeline.coding.coder import Coder, Note
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.models.registry import load
from isd_pipeline.models.system import rebuild
from isd_pipeline.text.vocabulary import Vocabulary
from tests.coding.tiny import bundle_of
from tests.models.test_systems import N_CODES, N_WORDS, NAMES, model_of

FILES = ("bundle.json", "weights.safetensors")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bundle(bundle_of(), tmp_path / "bundle")
    return tmp_path / "bundle"


def test_a_bundle_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = bundle_of()
    digest = write_bundle(made, tmp_path / "bundle")
    read = read_bundle(tmp_path / "bundle")
    assert read.sha256 == digest
    assert re.fullmatch("[0-9a-f]{64}", digest)
    tuples_are_lists = json.loads(json.dumps(made.settings))
    for name in {field.name for field in fields(made)} - {"weights", "sha256", "settings"}:
        assert getattr(read, name) == getattr(made, name), name
    assert read.settings == tuples_are_lists
    assert read.weights.keys() == made.weights.keys()
    assert all(torch.equal(read.weights[name], made.weights[name]) for name in made.weights)


@pytest.mark.parametrize("system", NAMES)
def test_every_system_codes_from_its_bundle_as_before(tmp_path: Path, system: str) -> None:
    """Those with a graph of the codes or a pretrained encoder too: it is among their weights."""
    model = model_of(system)
    index = CodeIndex(tuple("ABCDEF"), ("diagnosis",) * N_CODES, tuple("abcdef"))
    words = tuple(f"w{number:02}" for number in range(N_WORDS))
    made = replace(
        bundle_of(),
        settings={
            "system": system,
            "model": asdict(load(system).model_config(**load(system).small)),
            "training": {"max_tokens": 20},
        },
        codes=index,
        training_counts=(1,) * N_CODES,
        vocabulary=Vocabulary(words),
        weights=model.state_dict(),
    )
    write_bundle(made, tmp_path / "bundle")
    text = "w03 w17 w29 w05 unheard w11"
    (answer,) = Coder.open(tmp_path / "bundle").code([Note("n", text)])
    tokens = torch.from_numpy(made.vocabulary.encode(text.split()).astype("int64"))[None]
    with torch.inference_mode():
        logits = model.eval()(tokens, tokens != 0).logits[0].double()
    expected = dict(zip(index.codes, (logits / made.temperature).sigmoid().tolist(), strict=True))
    assert {code.code: code.score for code in answer.codes} == pytest.approx(expected, rel=1e-12)


def test_a_system_that_reads_sentences_is_told_where_the_note_has_them(tmp_path: Path) -> None:
    words = tuple(f"w{number:02}" for number in range(N_WORDS))
    answers = {}
    for system in ("ha_gru", "isd"):
        settings = {
            "system": system,
            "model": asdict(load(system).model_config(**load(system).small)),
            "training": {"max_tokens": 20},
        }
        made = replace(
            bundle_of(),
            settings=settings,
            codes=CodeIndex(tuple("ABCDEF"), ("diagnosis",) * N_CODES, tuple("abcdef")),
            training_counts=(1,) * N_CODES,
            vocabulary=Vocabulary(words),
            weights=model_of(system).state_dict(),
        )
        write_bundle(made, tmp_path / system)
        texts = ("w03 w17 w05 w11", "w03 w17.  W05 w11")
        notes = [Note(str(n), text) for n, text in enumerate(texts)]
        found = Coder.open(tmp_path / system).code(notes)
        answers[system] = [{code.code: code.score for code in one.codes} for one in found]
    assert answers["ha_gru"][0] != answers["ha_gru"][1]
    assert answers["isd"][0] == answers["isd"][1]


def test_the_name_is_the_contents_and_nothing_else(tmp_path: Path) -> None:
    first = write_bundle(bundle_of(), tmp_path / "a")
    assert write_bundle(bundle_of(), tmp_path / "b") == first
    other = replace(bundle_of(), threshold_tuned=-0.5)
    weights = dict(bundle_of().weights)
    weights["codes"] = weights["codes"] + 1e-6
    names = {write_bundle(other, tmp_path / "c")}
    names.add(write_bundle(replace(bundle_of(), weights=weights), tmp_path / "d"))
    assert len(names | {first}) == 3


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_one_changed_byte_is_refused(folder: Path, name: str, part: float) -> None:
    content = bytearray((folder / name).read_bytes())
    content[int(part * len(content))] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name}: .*make it again with `isd bundle`"):
        read_bundle(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_in_half_is_refused(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=f"{name}: cut off"):
        read_bundle(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name}: missing, so the bundle is incomplete"):
        read_bundle(folder)


def test_a_missing_folder_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder; `isd bundle` makes"):
        read_bundle(tmp_path / "none")


def test_another_format_is_told_from_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in (module.FORMAT - 1, module.FORMAT + 1):
        with monkeypatch.context() as patched:
            patched.setattr(module, "FORMAT", other)
            write_bundle(bundle_of(), tmp_path / f"{other}")
        told = f"a bundle of format {other}, this isd_pipeline reads format {module.FORMAT}"
        with pytest.raises(ValueError, match=told):
            read_bundle(tmp_path / f"{other}")


@pytest.mark.parametrize("text", ["[]", "null", "3", '{"sha256": "x"}', "\x80"])
def test_what_is_no_bundle_is_refused(folder: Path, text: str) -> None:
    (folder / "bundle.json").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"bundle\.json: cut off or no bundle"):
        read_bundle(folder)


def test_a_whole_bundle_that_this_version_cannot_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle(replace(bundle_of(), training_counts=(1, 2)), tmp_path / "bundle")
    monkeypatch.setitem(module.TOKENISERS, "caml", "in a manner of its own")
    write_bundle(bundle_of(), tmp_path / "cut otherwise")
    monkeypatch.undo()
    for name, why in (("bundle", "training count"), ("cut otherwise", "tokeniser is another")):
        with pytest.raises(ValueError, match=rf"made by isd_pipeline .* cannot read .*{why}"):
            read_bundle(tmp_path / name)


@pytest.mark.parametrize("rule", ["caml", "edin"])
def test_a_bundle_cuts_a_note_as_the_training_notes_were_cut(tmp_path: Path, rule: str) -> None:
    known = {"acute", "chest", "chest_pain", "pain", "12", "of", "caf", "café"}
    words = tuple(sorted({*known, "a", "b", "c", "d", "e"}))  # as many as its weights have
    made = replace(bundle_of(max_tokens=100), vocabulary=Vocabulary(words, rule))
    write_bundle(made, tmp_path / "bundle")
    coder = Coder.open(tmp_path / "bundle")
    assert coder.bundle.vocabulary == made.vocabulary
    text = "Acute CHEST_pain of 7 café 12"
    cut = {
        "caml": ["acute", "chest_pain", "of", "café"],
        "edin": ["acute", "chest", "pain", "of", "caf", "12"],
    }
    (answer,) = coder.code([Note("n", text)])
    numbers = made.vocabulary.encode(cut[rule]).astype("int64")
    tokens = torch.from_numpy(numbers)[None]
    with torch.inference_mode():
        logits = rebuild(made.settings, made.weights).eval()(tokens, tokens != 0).logits[0].double()
    scores = (logits / made.temperature).sigmoid().tolist()
    expected = dict(zip(made.codes.codes, scores, strict=True))
    assert {code.code: code.score for code in answer.codes} == pytest.approx(expected, rel=1e-6)
    spans = [text[span.begin : span.end].lower() for c in answer.codes for span in c.evidence]
    assert spans
    assert all(any(word in span for word in cut[rule]) for span in spans)


def test_a_bundle_from_before_there_was_another_rule_is_read_as_camls(folder: Path) -> None:
    record = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    said = "words of letters, digits and underscores; numerals dropped; lower case"
    assert record["tokeniser"] == said
    assert read_bundle(folder).vocabulary.rule == "caml"


@pytest.mark.parametrize(
    "change",
    [
        {"system": "unheard_of"},
        {"model": {"unheard_of": 1}},
        {"model": {"width": 16, "kernel_sizes": [3, 5], "n_queries": 4}},
    ],
    ids=["system", "setting", "size"],
)
def test_a_model_that_this_version_cannot_build_is_refused(tmp_path: Path, change: dict) -> None:
    made = bundle_of()
    write_bundle(replace(made, settings={**made.settings, **change}), tmp_path / "bundle")
    with pytest.raises(ValueError, match=r"bundle tiny-isd-3, .* cannot build its model"):
        Coder.open(tmp_path / "bundle")


def test_a_full_disk_leaves_the_bundle_that_stood_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    before = read_bundle(folder).sha256
    monkeypatch.setattr(module, "write_json", full)
    with pytest.raises(OSError, match="no space left"):
        write_bundle(bundle_of(max_tokens=5), folder)
    assert read_bundle(folder).sha256 == before
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


def test_a_bundle_takes_the_place_of_nothing_but_a_bundle(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for free in (tmp_path / "empty", tmp_path / "new"):
        refuse_folder(free, force=False)
    refuse_folder(folder, force=True)
    with pytest.raises(FileExistsError, match="--force replaces it"):
        refuse_folder(folder, force=False)
    for other in (tmp_path, tmp_path / "file"):
        with pytest.raises(FileExistsError, match="is no bundle; name another folder"):
            refuse_folder(other, force=True)
