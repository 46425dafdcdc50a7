"""Whether the files here are those that were recorded, every byte of them.

Hashed anew and held against what was written down when they were made: every output that a lock
file of DVC names, and DVC's copy of it; the weights of every run against its `training.json`;
every checkpoint, also of an interrupted training, and every bundle against its own JSON.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isd_pipeline.catalog.formats import read_json
from isd_pipeline.coding.bundle import BOOK, CARD, RECORD, VIEWS_FORMAT, WEIGHTS
from isd_pipeline.coding.bundle import SEAL as BUNDLE_SEAL
from isd_pipeline.config.reading import refuse_unknown
from isd_pipeline.data.io.files import sha256
from isd_pipeline.data.io.tensor_files import read_sealed, refuse_changed
from isd_pipeline.studies.recorded import Output, cached, folder_md5, md5, outputs
from isd_pipeline.training.checkpoints import MODEL, SEAL

MISSING, CHANGED, EXTRA, DAMAGED = "missing", "changed", "extra", "damaged"
AGAIN = "make it again: `dvc repro {}:{}`"
TRAIN_AGAIN = "train again: `kedro run --pipelines=train --params cohort={},experiment={},seed={}`"
IGNORED = ("__pycache__", ".ipynb_checkpoints", ".pytest_cache")  # .dvcignore
MADE_ANEW = "remove it; `dvc repro` makes again what it held, if that is gone"


@dataclass(frozen=True)
class Problem:
    """A file that is not what was recorded: its path from the root, how it differs, what to do."""

    path: str
    what: str
    recorded_in: str
    remedy: str

    def line(self) -> str:
        """For people."""
        return f"{self.path}: {self.what} ({self.recorded_in}); {self.remedy}"


@dataclass
class Report:
    """What was found, and what was looked at: outputs, cached files, checkpoints, bundles."""

    problems: list[Problem] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)
    not_here: int = 0

    def line(self) -> str:
        """What was looked at, for people."""
        looked = ", ".join(f"{count} {name}" for name, count in sorted(self.checked.items()))
        told = f"verified: {looked or 'nothing recorded is here'}; {len(self.problems)} differ"
        never = f"; {self.not_here} recorded outputs were never made here"
        return told + (never if self.not_here else "")


def verify(root: Path, cohorts: Sequence[str] = ()) -> Report:
    """Hash everything that is recorded, or what is recorded of some cohorts.

    Raises:
        ValueError: a cohort has no study, or a lock file is half written.
    """
    report, seen = Report(), set[str]()
    for lock in _locks(root, cohorts):
        for output in outputs(root, lock):
            report.problems += _of_output(output, report)
            report.problems += _of_cache(output, report, seen)
    for path in _under(root / "data/08_reporting", cohorts, "runs/*/seed_*/training.json"):
        report.problems += _of_run(root, path)
    checkpoints = [*_under(root / "data/06_models", cohorts, f"*/seed_*/{MODEL}.json")]
    states = [] if cohorts else sorted((root / "scratch/training").glob("*/epoch-*.json"))
    for path in [*checkpoints, *states]:
        report.checked["checkpoints"] += 1
        report.problems += _of_checkpoint(root, path)
    for path in _bundles(root, cohorts):
        report.checked["bundles"] += 1
        report.problems += _of_bundle(root, path)
    report.problems.sort(key=lambda one: one.path)
    return report


def _locks(root: Path, cohorts: Sequence[str]) -> list[Path]:
    known = {path.parent.name: path for path in sorted(root.glob("studies/*/dvc.lock"))}
    for cohort in cohorts:
        refuse_unknown(cohort, [*known], "studies/COHORT/dvc.lock")
    found = [known[cohort] for cohort in cohorts] or [root / "dvc.lock", *known.values()]
    return [path.relative_to(root) for path in found if path.exists()]


def _of_output(output: Output, report: Report) -> Iterator[Problem]:
    """An output that lies here, file by file; one that was never made here is counted."""
    place = output.root / output.path
    if not place.exists():
        if output.is_cached:
            yield _differs(output, output.path, MISSING)
        else:
            report.not_here += 1
        return
    report.checked["outputs"] += 1
    if place.is_dir() != output.is_folder:
        yield _differs(output, output.path, CHANGED)
        return
    here = {path: md5(output.root / path) for path in _files(output.root, output.path)}
    report.checked["files"] += len(here)
    if output.files is None:  # of the folder as a whole, then
        names = {path.relative_to(output.path).as_posix(): one for path, one in here.items()}
        if folder_md5(names) != output.md5:
            yield _differs(output, output.path, CHANGED)
        return
    for path, digest in output.files.items():
        if here.get(path) != digest:
            yield _differs(output, path, CHANGED if path in here else MISSING)
    for path in here.keys() - output.files.keys():
        yield _differs(output, path, EXTRA)


def _differs(output: Output, path: Path, what: str) -> Problem:
    digest = (output.files or {}).get(path, output.md5)
    kept = cached(output.root, digest)
    whole = kept.is_file() and md5(kept) == digest.removesuffix(".dir")
    back = f"`dvc checkout --force {output.path}` brings back what was recorded"
    remedy = back if whole else AGAIN.format(output.lock.with_suffix(".yaml"), output.stage)
    told = f"{output.lock}, stage {output.stage}"
    return Problem(path.as_posix(), what, told, "remove it" if what == EXTRA else remedy)


def _of_cache(output: Output, report: Report, seen: set[str]) -> Iterator[Problem]:
    """DVC's copies; one that is not there was cleared away, or was never wanted (cache: false)."""
    for digest in {output.md5, *(output.files or {}).values()} - seen:
        seen.add(digest)
        kept = cached(output.root, digest)
        if not kept.is_file():
            continue
        report.checked["files in DVC's cache"] += 1
        if md5(kept) != digest.removesuffix(".dir"):
            name, of = kept.relative_to(output.root).as_posix(), output.path.as_posix()
            yield Problem(name, DAMAGED, f"DVC's copy of {of}", MADE_ANEW)


def _of_run(root: Path, path: Path) -> Iterator[Problem]:
    """The weights of a run are those that its training wrote down."""
    recorded = path.relative_to(root).as_posix()
    cohort, _, experiment, seed = path.parts[-5:-1]
    again = TRAIN_AGAIN.format(cohort, experiment, seed.removeprefix("seed_"))
    try:
        expected = read_json(path).get("run", {}).get("weights_sha256")
    except (ValueError, AttributeError):
        yield Problem(recorded, DAMAGED, "it is no JSON", again)
        return
    folder = root.joinpath("data/06_models", cohort, experiment, seed)
    if expected is None or not folder.exists():
        return
    found = [sha256(weights) for weights in sorted(folder.glob(f"{MODEL}-*.safetensors"))]
    if expected not in found:
        what = CHANGED if found else MISSING
        yield Problem(f"{folder.relative_to(root).as_posix()}/{MODEL}-*", what, recorded, again)


def _of_checkpoint(root: Path, path: Path) -> Iterator[Problem]:
    """A JSON under its own seal, and the tensors that it names."""
    remedy = "train again"
    name = path.relative_to(root).as_posix()
    try:
        record = read_sealed(path, "checkpoint", remedy, SEAL, "weights", "sha256")
        refuse_changed(path, record, SEAL, remedy)
    except ValueError:
        yield Problem(name, DAMAGED, "its own seal", remedy)
        return
    yield from _sealed_files(root, path, {record["weights"]: record["sha256"]}, remedy)


def _of_bundle(root: Path, path: Path) -> Iterator[Problem]:
    """A bundle's JSON under its own seal, its files, and nothing else beside them.

    Its card is for people, who may write into it; what stands in it is not looked at.
    """
    remedy = "copy it again, or make it again with `isd bundle`"
    name = path.relative_to(root).as_posix()
    try:
        record = read_sealed(path, "bundle", remedy, BUNDLE_SEAL, "format")
        refuse_changed(path, record, BUNDLE_SEAL, remedy)
    except ValueError:
        yield Problem(name, DAMAGED, "its own seal", remedy)
        return
    if record["format"] == VIEWS_FORMAT:
        yield from _of_views(root, path, record["views"], remedy)
        return
    books = record.get("books", {}).items()
    files = {BOOK.format(system): digest for system, digest in books}
    files[WEIGHTS] = record.get("weights_sha256", "")
    yield from _sealed_files(root, path, files, remedy)
    yield from _extra(root, path, [*files, CARD])


def _of_views(root: Path, path: Path, views: Any, remedy: str) -> Iterator[Problem]:
    """The bundles below are looked at by themselves; here, that they are the ones meant."""
    languages = [one["language"] for one in views]
    for one in views:
        below = path.parent / one["language"] / RECORD
        try:
            found = read_sealed(below, "bundle", remedy, BUNDLE_SEAL)[BUNDLE_SEAL]
        except (OSError, ValueError):
            found = None
        if found != one[BUNDLE_SEAL]:
            name = below.relative_to(root).as_posix()
            what = CHANGED if below.exists() else MISSING
            yield Problem(name, what, path.relative_to(root).as_posix(), remedy)
    yield from _extra(root, path, [*languages, CARD])


def _sealed_files(
    root: Path, record: Path, files: dict[str, str], remedy: str
) -> Iterator[Problem]:
    told = record.relative_to(root).as_posix()
    for name, digest in files.items():
        path = record.with_name(name)
        if not path.is_file():
            yield Problem(path.relative_to(root).as_posix(), MISSING, told, remedy)
        elif sha256(path) != digest:
            yield Problem(path.relative_to(root).as_posix(), CHANGED, told, remedy)


def _extra(root: Path, record: Path, expected: Iterable[str]) -> Iterator[Problem]:
    for path in sorted(record.parent.iterdir()):
        if path.name not in {*expected, record.name}:
            told = record.relative_to(root).as_posix()
            yield Problem(path.relative_to(root).as_posix(), EXTRA, told, "remove it")


def _files(root: Path, path: Path) -> list[Path]:
    """The files of an output, but for those that DVC passes over."""
    if (root / path).is_file():
        return [path]
    found = [one.relative_to(root) for one in sorted((root / path).rglob("*")) if one.is_file()]
    return [one for one in found if not {*one.parts}.intersection(IGNORED) and one.suffix != ".pyc"]


def _under(folder: Path, cohorts: Sequence[str], pattern: str) -> Iterator[Path]:
    chosen = [folder / cohort for cohort in cohorts] or sorted(folder.glob("*"))
    for cohort in chosen:
        yield from sorted(cohort.glob(pattern))


def _bundles(root: Path, cohorts: Sequence[str]) -> list[Path]:
    folder = root / "bundles"
    names = tuple(f"{cohort}-" for cohort in cohorts) or ("",)
    found = sorted(folder.glob(f"**/{RECORD}"))
    return [path for path in found if path.relative_to(folder).parts[0].startswith(names)]
