"""Loads of a hospital's size: memory bounded, answers whole and in order. Minutes each."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from isd_pipeline.coding.bundle import write_bundle
from tests.checkout import ROOT
from tests.coding.tiny import WORDS, bundle_of
from tests.faults.project import environment

pytestmark = pytest.mark.slow
GIB = 1 << 30


def benchmark(name: str, *words: object) -> str:
    command = [sys.executable, f"benchmarks/{name}.py", *map(str, words)]
    surroundings = environment(ROOT, OMP_NUM_THREADS="1")
    done = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.timeout(3000)
def test_l1_notes_by_the_ten_thousand_are_prepared_in_bounded_memory(tmp_path: Path) -> None:
    told = benchmark("preparation", "--admissions", 55_000, "--without-plain")
    peak = float(re.findall(r"^all .* (\d+)$", told, re.MULTILINE)[0])
    assert peak < 6 * 1024  # MiB


@pytest.mark.timeout(3000)
def test_l2_metrics_of_mimics_test_split_and_their_intervals_take_little_memory() -> None:
    for name in ("metrics", "bootstrap"):  # each compares with a plain reading, and fails else
        peaks = [float(gb) for gb in re.findall(r"(\d+\.\d+) GB", benchmark(name))]
        assert peaks
        assert min(peaks) < 4


def made_up(path: Path, notes: int) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("id", "text"))
        table.writerows(
            (f"n{n}", " ".join(WORDS[(n + k) % 13] for k in range(400))) for n in range(notes)
        )
    return path


def code(bundle: Path, notes: Path, to: Path) -> float:
    """Code a file by the command; the greatest memory that was seen of it."""
    command = [sys.executable, "-m", "isd_pipeline", "code", str(bundle), str(notes)]
    command += ["--to", str(to)]
    peak = 0.0
    with psutil.Popen(command, env=environment(ROOT), stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            try:
                peak = max(peak, process.memory_info().rss)
                process.wait(0.1)
            except psutil.TimeoutExpired:
                continue
            except psutil.NoSuchProcess:
                break
    assert process.returncode == 0
    return peak


def test_l3_ten_thousand_notes_are_coded_in_order_in_constant_memory(tmp_path: Path) -> None:
    write_bundle(bundle_of(max_tokens=400), tmp_path / "bundle")
    few, many = (made_up(tmp_path / f"{n}.csv", n) for n in (500, 10_000))
    before = code(tmp_path / "bundle", few, tmp_path / "few.jsonl")
    after = code(tmp_path / "bundle", many, tmp_path / "many.jsonl")
    assert after < before + 64 * (1 << 20)
    with (tmp_path / "many.jsonl").open(encoding="utf-8") as lines:
        assert [json.loads(line)["id"] for line in lines] == [f"n{n}" for n in range(10_000)]
    first = (tmp_path / "few.jsonl").read_bytes()
    assert (tmp_path / "many.jsonl").read_bytes().startswith(first)


@pytest.mark.timeout(3000)
def test_l4_eight_clients_get_the_models_own_answers_and_memory_stays(tmp_path: Path) -> None:
    write_bundle(bundle_of(max_tokens=400), tmp_path / "bundle")
    told = benchmark("serving", tmp_path / "bundle")  # fails by itself where either does not hold
    assert "8 clients, 1600 requests, all 200" in told
    assert "after 2000 requests more" in told
