"""The card of a bundle says what is in the bundle, and of an older one what is not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from isd_pipeline.coding.bundle import CARD, RECORD, SEAL, Bundle, read_bundle, write_bundle
from isd_pipeline.coding.model_card import LIMITS, NOT_SAID, TOY, USE, card_markdown, short_card
from isd_pipeline.coding.trained_on import TrainedOn
from isd_pipeline.data.io.tensor_files import sealed
from tests.coding.tiny import bundle_of

DATA = TrainedOn(
    source="the synthetic hospital's generated discharge summaries",
    language="English",
    systems={"ICD-9-CM diagnosis": 4, "ICD-9-CM procedure": 1},
    synthetic=True,
    notes={"train": 1475, "dev": 57, "test": 93},
    split="patients by a hash",
    licence="none: nobody's notes",
    intervals={"f1_micro_tuned": (0.53, 0.596)},
)
METRICS = {"f1_micro_tuned": 0.565, "map": 0.577}


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return replace(bundle_of(), trained_on=DATA, metrics=METRICS)


def test_a_card_has_every_field(bundle: Bundle) -> None:
    card = card_markdown(bundle)
    for told in (
        "data set: the synthetic hospital's generated discharge summaries (tiny), English",
        "notes: 1,475 train, 57 dev, 93 test",
        "codes: 5: 4 ICD-9-CM diagnosis, 1 ICD-9-CM procedure",
        "notes a code: 5 in the median, from 1 to 9",
        "split: patients by a hash",
        "terms of the training notes: none: nobody's notes",
        "synthetic: yes",
        "seed: 3",
        "| micro-F1, tuned threshold | 0.565 | 0.530 to 0.596 |",
        "| mean average precision | 0.577 | – |",
        "5 of its 5 codes have fewer than 10 training notes",
        "does not read beyond 12 words",
        *(TOY, USE, *LIMITS),
    ):
        assert told in card


def test_only_a_synthetic_bundle_is_called_a_toy(bundle: Bundle) -> None:
    real = replace(bundle, trained_on=replace(DATA, synthetic=False, licence="CC BY 4.0"))
    assert short_card(bundle).toy == TOY
    assert short_card(real).toy == ""
    assert "Toy" not in card_markdown(real)
    assert dict(short_card(real).lines)["terms of the training notes"] == "CC BY 4.0"


def test_a_card_stands_in_the_bundle_and_what_it_says_is_read_again(
    bundle: Bundle, tmp_path: Path
) -> None:
    write_bundle(bundle, tmp_path / "b")
    assert (tmp_path / "b" / CARD).read_text() == card_markdown(bundle)
    again = read_bundle(tmp_path / "b")
    assert again.trained_on == DATA
    assert card_markdown(again) == card_markdown(bundle)
    (tmp_path / "b" / CARD).unlink()
    assert read_bundle(tmp_path / "b").sha256 == again.sha256


def test_an_old_bundle_opens_and_its_card_says_what_it_lacks(
    bundle: Bundle, tmp_path: Path
) -> None:
    write_bundle(bundle, tmp_path / "b")
    path = tmp_path / "b" / RECORD
    record = json.loads(path.read_text())
    old = {name: value for name, value in record.items() if name not in ("trained_on", SEAL)}
    path.write_text(json.dumps(sealed(old, SEAL)))
    opened = read_bundle(tmp_path / "b")
    assert opened.trained_on is None
    card = card_markdown(opened)
    for name in ("language", "synthetic", "split", "terms of the training notes"):
        assert f"- {name}: {NOT_SAID}" in card
    assert NOT_SAID in dict(short_card(opened).lines)["trained on"]
    assert "its interval not in the bundle" in dict(short_card(opened).lines)["test"]
    assert "Toy" not in card


def test_a_name_is_no_markup_on_a_card(bundle: Bundle) -> None:
    card = card_markdown(replace(bundle, cohort="x`<b>|"))
    assert "<b>" not in card
    assert "Model card: x  b  -isd-3" in card
