"""From a hospital's files to numbers: seconds and memory, beside a plain reading of the same.

    python benchmarks/preparation.py                     # 20,000 synthetic admissions, made first
    python benchmarks/preparation.py --other-notes 34.3  # with as many other notes as MIMIC-III
    python benchmarks/preparation.py --folder FOLDER     # files in MIMIC-III's layout, with lists
    python benchmarks/preparation.py --growth 5000 20000 60000  # does memory grow?

`library_preparation.py` and `plain_preparation.py` run one after the other, each in a process of
its own and on one thread. Printed for each step: CPU seconds, wall seconds, and the greatest
resident memory so far; then their ratio. It ends with an error if a word, label or number differs.

Two hospitals are made, with `--growth` the first alone: one whose summaries are ASCII, and one with
typing errors, accents, numbers with units and brackets, by which five of six summaries hold a
character beyond ASCII.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from importlib import import_module
from itertools import product
from pathlib import Path

import numpy as np
from measuring import Measured, total

SPLITS = ("train", "dev", "test")
HURRIED = 0.01  # of a summary's words are mistyped, accented or in brackets
ARRAYS = ("tokens", "token_starts", "labels", "label_starts")


def main() -> None:
    arguments = read_arguments()
    if arguments.folder:
        compare(arguments.folder, arguments)
        return
    from isd_pipeline.synthetic import HospitalSettings, write_hospital

    sizes = arguments.growth or [arguments.admissions]
    usual = [0.0] if arguments.growth else [0.0, HURRIED]
    for admissions, noise in product(sizes, arguments.noise or usual):
        settings = HospitalSettings(
            admissions=admissions, other_notes=arguments.other_notes, noise=noise
        )
        with tempfile.TemporaryDirectory(dir=arguments.scratch) as folder:
            write_hospital(Path(folder), settings)
            print(f"{admissions:,} admissions, noise {noise:.1%}, ", end="", flush=True)
            compare(Path(folder), arguments)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--admissions", type=int, default=20_000)
    what.add_argument("--growth", type=int, nargs="+", metavar="ADMISSIONS")
    what.add_argument("--folder", type=Path, help="files to read instead of making a hospital")
    parser.add_argument("--other-notes", type=float, default=3.5, help="for each admission")
    parser.add_argument("--noise", type=float, nargs="+", help="shares of the words of a summary")
    parser.add_argument("--without-plain", action="store_true", help="run the library alone")
    parser.add_argument("--scratch", type=Path, help="where files may be written, some gigabytes")
    return parser.parse_args()


def compare(folder: Path, arguments: argparse.Namespace) -> None:
    """Run the library and, unless told not to or at several sizes, the plain reading."""
    print(f"NOTEEVENTS {(folder / 'NOTEEVENTS.csv').stat().st_size / 1e9:.2f} GB")
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        out = Path(scratch)
        ours = run("library_preparation", folder, out)
        show("library", ours)
        if arguments.without_plain or arguments.growth:
            return
        plain = run("plain_preparation", folder, out)
        show("plain", plain)
        cpu, _, peak = (b / a for a, b in zip(total(ours), total(plain), strict=True))
        print(f"ratio: {cpu:.1f} times the speed, {peak:.1f} times less memory")
        refuse_differences(out / "library_preparation", out / "plain_preparation")


def run(module: str, folder: Path, out: Path) -> Measured:
    """Prepare in a process of its own, on one thread."""
    (out / module).mkdir()
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "ARROW_IO_THREADS"), "1")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(prepare, (module, folder, out / module))


def prepare(module: str, folder: Path, out: Path) -> Measured:
    return import_module(module).prepare(folder, out)


def show(name: str, measured: Measured) -> None:
    print(f"{name:12}{'CPU s':>8}{'wall s':>8}{'MiB':>8}")
    for row in [*measured, ("all", *total(measured))]:
        print("{:12}{:8.2f}{:8.2f}{:8.0f}".format(*row), flush=True)


def refuse_differences(ours: Path, plain: Path) -> None:
    lists = ["words.json", "codes.json", *(f"documents/{split}/ids.json" for split in SPLITS)]
    same = {
        name: json.loads((ours / name).read_text()) == json.loads((plain / name).read_text())
        for name in lists
    }
    for name in (f"documents/{split}/{array}.npy" for split in SPLITS for array in ARRAYS):
        same[name] = np.array_equal(np.load(ours / name), np.load(plain / name))
    if not all(same.values()):
        sys.exit(f"the two differ in {', '.join(name for name in same if not same[name])}")
    words = sum(len(np.load(ours / f"documents/{split}/tokens.npy")) for split in SPLITS)
    print(f"{words:,} encoded words, their vocabulary and all labels are the same")


if __name__ == "__main__":
    main()
