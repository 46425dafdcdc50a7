"""Which published counts a cohort of real data is held against."""

from collections.abc import Mapping

from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.data.quality import published_counts as published
from isd_pipeline.data.quality.published_counts import Expected

Known = dict[str, Expected]
_OF_SPLITS = ("_ids", "_documents_with_code", "source_types", "vocabulary")


def check_published(counts: Mapping[str, int], settings: ExtractSettings) -> None:
    """Raise a ValueError where a cohort of real data differs from what was published of it."""
    look_at = published.LOOK_AT.get(settings.source, "")
    published.check_counts(counts, expected_counts(settings, counts), look_at)


def expected_counts(settings: ExtractSettings, counts: Mapping[str, float]) -> Known:
    """What is known of a cohort with these settings; `counts` say whether the split is ours."""
    if settings.source == "mimic2":
        cohort = published.MIMIC2_COHORTS[settings.split] if _has_all_codes(settings, 1) else {}
        return published.MIMIC2 | cohort
    readers = {"mimic3": _mimic3, "mimic4": _mimic4}
    return readers[settings.source](settings, counts) if settings.source in readers else {}


def _mimic3(settings: ExtractSettings, counts: Mapping[str, float]) -> Known:
    """Some patients or codes alone were counted by no one; the files are whole all the same."""
    if settings.patients != "all":
        return published.MIMIC3
    files = published.MIMIC3 | published.MIMIC3_WORDS
    if settings.split == "patients":
        return files
    if settings.split == "edin":
        is_theirs = settings.label_space == "clean" and _has_all_codes(settings, 10)
        return files | (_without_split(published.MIMIC3_CLEAN, counts) if is_theirs else {})
    if settings.systems is not None or settings.min_documents > 1 or settings.codes == "listed":
        return files
    name = "50" if settings.codes == "top50" else "full"
    cohort = published.MIMIC3_COHORTS.get((name, settings.label_space), {})
    if settings.split == "mdace":  # moves documents, and with them the words of train
        cohort = {name: one for name, one in cohort.items() if not name.endswith(_OF_SPLITS)}
    return files | cohort


def _mimic4(settings: ExtractSettings, counts: Mapping[str, float]) -> Known:
    known = published.MIMIC4 | published.MIMIC4_RELEASES.get(settings.release, {})
    is_theirs = settings.release == "2.2" and settings.split == "edin"
    if not is_theirs or not _has_all_codes(settings, 10):
        return known
    return known | _without_split(published.MIMIC4_COHORTS[settings.revision], counts)


def _has_all_codes(settings: ExtractSettings, min_documents: int) -> bool:
    """Whether a cohort keeps every code of so many documents."""
    every = settings.codes == "full" and settings.systems is None
    return every and settings.min_documents == min_documents


def _without_split(cohort: Known, counts: Mapping[str, float]) -> Known:
    """The labels alone where the split is our own: its sizes are nobody else's."""
    return {"labels": cohort["labels"]} if counts.get("split_is_ours") else cohort
