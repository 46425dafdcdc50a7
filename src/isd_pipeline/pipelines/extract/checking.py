"""`isd check`: everything that is wrong or unusual in a cohort's raw files, in one list."""

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from isd_pipeline.config.cohorts import COHORTS, cohort_section, is_generated
from isd_pipeline.config.expected_counts import expected_counts
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.config.reading import refuse_unknown
from isd_pipeline.data.custom import source as own
from isd_pipeline.data.io.archives import file_names
from isd_pipeline.data.io.folders import files_of
from isd_pipeline.data.io.parts import LOOP, Engine
from isd_pipeline.data.io.tables import Extraction
from isd_pipeline.data.quality import checks
from isd_pipeline.data.quality.findings import Finding, Findings, of_error, of_error_below
from isd_pipeline.data.sources import cantemist, mimic3, mimic3_notes
from isd_pipeline.data.splits import names_of
from isd_pipeline.pipelines.extract.checking_words import check_words, longest_read
from isd_pipeline.pipelines.extract.nodes import read_source, split_documents

T = TypeVar("T")
MARK = b"\xef\xbb\xbf"
# Bytes on disk from extraction to vectors for each character of the notes: 1.5 of the synthetic
# hospital (1,500 admissions of 1,200 words), and as much again in DVC's cache.
DISK_PER_CHARACTER = 3.0
ROOM = (
    "make room; or move data/ to another disk, link it here and run `isd repair`, and move DVC's "
    "cache with `dvc cache dir --local`"
)
LEAST_MEMORY = 2 << 30  # docs/performance.md: preparation takes 0.5 GiB, training 0.5 to 2.5 GiB


def check(
    target: str,
    cohorts: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    engine: Engine = LOOP,
) -> tuple[Findings, dict[str, int]]:
    """Check a cohort, or a folder as the cohort it looks like; findings, and what was counted.

    `parameters` have the profiles and sizes that say how much of a note is read; `engine` is who
    looks at the notes.
    """
    findings = Findings()
    try:
        cohorts = cohorts if target in cohorts else {target: {"extract": _guess(target, cohorts)}}
        settings = cohort_section(cohorts, target, "extract", ExtractSettings)
        with _logged(settings, findings):
            counts = _check(settings, cohorts, target, findings, parameters or {}, engine)
    except (ValueError, OSError) as error:
        findings.add(of_error(error, ""))
        counts = {}
    return findings, counts


def exit_code(findings: Findings) -> int:
    """2 where something would stop the pipeline, 1 where there is a warning, else 0."""
    levels = {one.level for one in findings}
    return 2 if "error" in levels else 1 if "warning" in levels else 0


def _guess(target: str, cohorts: Mapping[str, Any]) -> dict[str, str]:
    """The section of a folder, or of a corpus's zip, by the files that are in it."""
    path = Path(target)
    if not path.exists():
        refuse_unknown(target, list(cohorts), f"no such folder, and {COHORTS}")
    is_zip = path.suffix.lower() == ".zip"
    if path.is_file() and not is_zip:
        raise ValueError(
            f"{target}: a file; check the folder that it is in, with notes and codes "
            "(docs/custom_data.md). Notes alone are coded: `isd code BUNDLE NOTES`"
        )
    files = file_names(path) if is_zip or path.is_dir() else []
    folders = {folder for file in files for folder in file.split("/")[:-1]}
    if cantemist.NORM in folders:
        return {"source": "cantemist", "raw": target, "language": "es"}
    if "text_files" in folders:
        return {"source": "codiesp", "raw": target}
    if is_zip:
        raise ValueError(f"{target}: neither CodiEsp (text_files) nor CANTEMIST ({cantemist.NORM})")
    names = {file.rpartition("/")[2].lower() for file in files}
    is_parted = mimic3_notes.NAME in {folder.upper() for folder in folders}
    if is_parted or names & {"noteevents.csv", "noteevents.csv.gz"}:
        return {"source": "mimic3", "raw": target}
    if names & {"discharge.csv", "discharge.csv.gz"}:
        return {"source": "mimic4", "raw": target, "split": "edin", "revision": "icd10"}
    if any(name.startswith("mimic_raw_dsums") for name in names):
        return {"source": "mimic2", "raw": target, "split": "laat"}
    return {"source": "custom", "raw": target}


def _check(
    settings: ExtractSettings,
    cohorts: Mapping[str, Any],
    cohort: str,
    findings: Findings,
    parameters: Mapping[str, Any],
    engine: Engine,
) -> dict[str, int]:
    raw = settings.raw
    if not Path(raw).exists():
        told = "docs/data.md says how to get it, extract.raw names another place"
        if is_generated(cohorts, cohort):
            told = f"`kedro run --pipelines=generate --params cohort={cohort}` makes it"
        raise FileNotFoundError(f"{raw}: not there; {told}")
    for path in files_of(Path(raw))[0] if Path(raw).is_dir() else []:
        if path.suffix.lower() in (".csv", ".tsv", ".jsonl"):
            with path.open("rb") as file:
                if file.read(3) == MARK:
                    told = "begins with a byte order mark: passed over"
                    findings.add(Finding("note", str(path), told))
    found = _extract(settings, findings, engine)
    if found is None:
        return {}
    if settings.real:
        expected = expected_counts(settings, found.counts)
        checks.check_counts(found.counts, expected, raw, findings)
    seen = checks.check_notes(found.notes, raw, findings, engine)
    divided = _tried(lambda: split_documents(found.notes, found, cohorts, cohort), raw, findings)
    notes = codes = 0
    if divided is not None:
        splits = divided[1]
        checks.check_splits(seen, splits, raw, findings, engine)
        labelled = [r["document_id"] for r in splits.to_pylist() if r["split"] != "unlabelled"]
        keep = settings.uncoded == "keep"
        notes = int(np.isin(splits["split"].to_pylist(), names_of("train")).sum())
        codes = checks.check_codes(found, labelled, raw, findings, keep_uncoded=keep)
        if settings.codes != "full":
            codes = len(settings.listed_codes or range(50))
        checks.check_codes_of_splits(found, splits, raw, findings)
    longest = longest_read(cohorts[cohort], parameters, notes, codes)
    check_words(found.notes, cohorts, cohort, raw, findings, longest)
    if settings.source == "mimic3":
        checks.check_titles(found, raw, findings)
    _tell_of_room(raw, seen.characters, findings)
    return {**found.counts, "documents": seen.documents, "characters": seen.characters}


def _extract(settings: ExtractSettings, findings: Findings, engine: Engine) -> Extraction | None:
    """The tables; where a file of MIMIC-III stops the reader, the others are looked at as well."""
    raw = Path(settings.raw)
    if settings.source == "custom":
        data = own.read_own(raw, settings.custom, findings, engine)
        stopped = any(one.level == "error" for one in findings)
        return None if data is None or stopped else own.tables(data, engine=engine)
    found = _tried(lambda: read_source(settings, engine), settings.raw, findings)
    if found is None and settings.source == "mimic3":
        _tried(lambda: mimic3.read_titles(raw), settings.raw, findings)
        _tried(lambda: mimic3.read_codes(raw), settings.raw, findings)
        _tried(lambda: mimic3_notes.read_summaries(raw), settings.raw, findings)
    return found


def _tried(read: Callable[[], T], raw: str, findings: Findings) -> T | None:
    """What is read; where that fails, the error is a finding."""
    try:
        return read()
    except (ValueError, OSError) as error:
        findings.add(of_error_below(error, raw))
        return None


def _tell_of_room(raw: str, characters: int, findings: Findings) -> None:
    """Disk and memory, held against what this machine has."""
    needed, free = int(DISK_PER_CHARACTER * characters), shutil.disk_usage(".").free
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    disk = f"the stages up to training write about {_size(needed)}; {_size(free)} are free"
    ram = "training takes up to 2.5 GB of memory, 7 with thousands of codes and long notes"
    ram += f"; {_size(memory)} are here"
    for short, told, remedy in (
        (needed > free, disk, ROOM),
        (memory < LEAST_MEMORY, ram, "smaller batches or max_tokens take less"),
    ):
        findings.add(Finding("warning", raw, told, remedy) if short else Finding("note", raw, told))


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 5e7 else f"{count / 1e6:,.1f} MB"


@contextmanager
def _logged(settings: ExtractSettings, findings: Findings) -> Iterator[None]:
    """What readers log as a warning is a finding; that we split a custom data set is none."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            ours = settings.source == "custom" and record.name.endswith(".splits")
            found = of_error_below(ValueError(record.getMessage()), settings.raw)
            findings.add(replace(found, level="note" if ours else "warning"))

    logger, handler = logging.getLogger("isd_pipeline.data"), Handler(logging.WARNING)
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
