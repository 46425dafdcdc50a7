"""Whether the disk has room for what a stage will write, asked before the stage begins.

What is asked for is less than the stage will need: it is refused where it could not come to its
end. Beside it, DVC's cache keeps a copy of every output.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from isd_pipeline.catalog.formats import read_json
from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.embed import EmbedSettings
from isd_pipeline.data.io.files import refuse_full_disk

FLOAT = 4  # bytes
OF_PLAIN, OF_PACKED = 0.05, 0.1  # of a file of notes, the least that its discharge summaries take
WITH_NOTES = ("note", "discharge")  # in the names of such files: NOTEEVENTS, notes, discharge
WRITES = {
    "extract": "data/02_intermediate",
    "preprocess": "data/03_primary",
    "embed": "data/04_feature",
}


def refuse_full_disk_before(pipelines: Iterable[str], parameters: Mapping[str, Any]) -> None:
    """Raise an OSError where a stage cannot end for want of room; it names where and how much.

    A stage whose inputs another stage of the same command makes is not judged.
    """
    cohort = parameters["cohort"]
    asked = {"extract": _extract, "preprocess": _preprocess, "embed": _embed}
    for stage in (name for name in WRITES if name in set(pipelines)):
        needed = asked[stage](cohort, parameters)
        refuse_full_disk(Path(WRITES[stage], cohort), needed, f"the stage {stage}, at the least,")


def _extract(cohort: str, parameters: Mapping[str, Any]) -> int:
    section = parameters["cohorts"][cohort].get("extract") or {}
    raw = Path(str(section.get("raw", f"data/01_raw/{cohort}")))
    files = [path for path in raw.rglob("*") if path.is_file() and _holds_notes(path)]
    shares = ((path, OF_PACKED if path.suffix == ".gz" else OF_PLAIN) for path in files)
    return int(sum(path.stat().st_size * share for path, share in shares))


def _holds_notes(path: Path) -> bool:
    return any(word in path.name.lower() for word in WITH_NOTES)


def _preprocess(cohort: str, parameters: Mapping[str, Any]) -> int:
    """The words of every note as a list: as large as the texts."""
    notes = Path("data/02_intermediate", cohort, "notes.parquet")
    return notes.stat().st_size if notes.exists() else 0


def _embed(cohort: str, parameters: Mapping[str, Any]) -> int:
    """A vector of each width for each word, and one for each code."""
    folder = Path("data/03_primary", cohort)
    found = {"words": folder / "vocabulary.json", "codes": folder / "code_index.json"}
    if not all(path.exists() for path in found.values()):
        return 0
    words, codes = (len(read_json(path)[name]) for name, path in found.items())
    settings = cohort_section(parameters["cohorts"], cohort, "embed", EmbedSettings)
    of_word, of_code = settings.words.width, settings.codes.width
    return FLOAT * (words * (of_word + of_code) + codes * of_code)
