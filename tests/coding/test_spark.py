"""Spark gives the answers that `isd code` writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from isd_pipeline.coding import spark
from isd_pipeline.coding.answers import record
from isd_pipeline.coding.bundle import write_bundle
from isd_pipeline.coding.coder import Coder, Note
from tests.coding.tiny import bundle_of

TEXTS = {"b": "fever, pain", "a": "acute chest pain", "c": None, "d": "sepsis with fever"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spark") / "bundle"
    write_bundle(bundle_of(), folder)
    return folder


def lines_of(bundle: Path) -> dict[str, str]:
    notes = [Note(name, text or "") for name, text in TEXTS.items()]
    answers = Coder.open(bundle).code(notes, top=2)
    return {one.id: json.dumps(record(one), ensure_ascii=False) for one in answers}


def test_frames_are_coded_in_their_order_and_a_missing_text_is_a_problem(bundle: Path) -> None:
    table = pd.DataFrame({"id": list(TEXTS), "text": list(TEXTS.values())})
    found = pd.concat(spark.coder(bundle, top=2)(iter([table[:3], table[3:]])))
    assert list(found.columns) == [word.split()[0] for word in spark.SCHEMA.split(", ")]
    assert dict(zip(found["id"], found["answer"], strict=True)) == lines_of(bundle)
    assert list(found["id"]) == list(TEXTS)


def test_a_missing_bundle_is_told_before_spark_starts_anything(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        spark.coder(tmp_path / "bundle")


def test_a_local_spark_gives_the_same_answers(bundle: Path) -> None:
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not here")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, which is not here")
    builder = sql.SparkSession.builder.master("local[1]").appName("isd")
    for name in ("host", "bindAddress"):
        builder = builder.config(f"spark.driver.{name}", "127.0.0.1")
    session = builder.config("spark.ui.enabled", "false").getOrCreate()
    try:
        notes = session.createDataFrame(list(TEXTS.items()), "id string, text string")
        rows = notes.mapInPandas(spark.coder(bundle, top=2), spark.SCHEMA).collect()
    finally:
        session.stop()
    assert {row["id"]: row["answer"] for row in rows} == lines_of(bundle)
