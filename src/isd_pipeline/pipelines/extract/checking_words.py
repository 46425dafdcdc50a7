"""`isd check`: what a model will not read of the notes, which are too long or of other words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.preprocess import PreprocessSettings, reads_normal_form
from isd_pipeline.config.sizes import SizeSettings, follows_size, read_sizes, row_of
from isd_pipeline.data.io.tables import RecordStream
from isd_pipeline.data.quality.findings import Findings
from isd_pipeline.text.tokens import tokenize_notes
from isd_pipeline.text.vocabulary import Vocabulary

MAX_TOKENS = 4000  # of a document, where nothing else is said (training.loop)
STRANGE = 0.3  # share of words that no model knows, beyond which the notes are hardly read


def check_words(
    notes: RecordStream,
    cohorts: Mapping[str, Any],
    cohort: str,
    file: str,
    findings: Findings,
    longest: int,
) -> None:
    """Documents of more than `longest` words, and the share of words that the vocabulary lacks.

    There is a vocabulary where the cohort was preprocessed.
    """
    settings = cohort_section(cohorts, cohort, "preprocess", PreprocessSettings)
    path = Path("data/03_primary") / Path(cohort).name / "vocabulary.json"
    vocabulary = Vocabulary.open(path) if path.is_file() else None
    documents = too_long = words = unknown = 0
    rule = vocabulary.rule if vocabulary else settings.tokeniser
    normal = reads_normal_form(cohorts, cohort)
    for batch in tokenize_notes(notes, rule, normal=normal):
        lengths = np.asarray(batch["tokens"].value_lengths())
        documents += len(lengths)
        too_long += int((lengths > longest).sum())
        words += int(lengths.sum())
        if vocabulary is not None:
            numbers = vocabulary.encode(batch["tokens"].flatten().cast("string"))
            unknown += int((numbers == vocabulary.unknown).sum())
    if too_long:
        what = f"{too_long:,} of {documents:,} documents have more than {longest:,} words"
        findings.tell("warning", file, what, "what is beyond is not read; raise max_tokens")
    if vocabulary is not None and words:
        share, size = unknown / words, len(vocabulary)
        what = f"{share:.1%} of the words are none of the {size:,} that {path} knows"
        if share > STRANGE:
            remedy = (
                "are they words (Chinese has none between blanks), or is it made of other notes?"
            )
            findings.tell("warning", file, what, remedy)
        else:
            findings.tell("note", file, what)


def longest_read(
    section: Mapping[str, Any], parameters: Mapping[str, Any], notes: int = 0, codes: int = 0
) -> int:
    """How many words of a document networks read.

    The cohort's `section` says it, or its profile; where it names neither, the profile of so many
    training `notes` and `codes`.
    """
    name = section.get("profile")
    if notes and follows_size(section):
        rows = read_sizes(parameters)
        name = rows.get(row_of(rows, notes, codes), SizeSettings()).profile
    profile = (parameters.get("profiles") or {}).get(name) or {}
    for layer in (section.get("train") or {}, profile):
        if found := (layer.get("training") or {}).get("max_tokens"):
            return int(found)
    return MAX_TOKENS
