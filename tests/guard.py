"""Refuses files that must not be in a repository: large ones, and what looks like a hospital's.

python tests/guard.py FILE...      run by pre-commit on what is committed, by pytest on all
"""

import re
import sys
from pathlib import Path

LARGEST = 1 << 20
LARGEST_RECORD = 4 << 20  # results/COHORT/runs.jsonl grows by a line a run
MARKS = (
    (
        re.compile(rb'"?ROW_ID"?,"?SUBJECT_ID"?,"?HADM_ID"?,.*\n"?\d+', re.I),
        "rows of a MIMIC table",
    ),
    (re.compile(rb"(?:^\d{6}\r?\n){50}", re.M), "a list of admission ids"),
    (
        re.compile(
            rb"\[\*\*(?:Hospital|Name|Known|Last|First|Doctor)[^\]]{0,40}\d{3,}[^\]]*\*\*\]"
        ),
        "marks of de-identified text",
    ),
)
NAMED = (".codes.jsonl", ".codes.csv", ".codes.html")  # what `isd code` writes beside the notes
ANSWERS = {  # the same under another name, by the ending
    ".jsonl": (
        re.compile(rb'^{"id": "[^\n]*"codes": \[[^\n]*"model": {', re.M),
        "answers on notes",
    ),
    ".csv": (re.compile(rb"^id,code,title,system,score,above_threshold,"), "answers on notes"),
    ".html": (re.compile(rb"<title>Suggested codes</title>"), "a page with notes and their codes"),
}


def faults(path: Path) -> list[str]:
    """What is wrong with a file, one line each."""
    if path.name.endswith((".csv.gz", ".zip")):
        return [f"{path}: compressed data does not belong in the repository"]
    if path.name.lower().endswith(NAMED):
        return [f"{path}: answers on notes; they stay where the notes may be, as under data/"]
    largest = LARGEST_RECORD if path.match("results/*/runs.jsonl") else LARGEST
    if path.stat().st_size > largest:
        return [f"{path}: over {largest >> 20} MiB; data belongs under DVC"]
    if path.suffix == ".py":  # the generator of synthetic notes writes such marks itself
        return []
    content = path.read_bytes()
    answers = ANSWERS.get(path.suffix.lower())
    if answers and answers[0].search(content):
        return [f"{path}: looks like {answers[1]}; they stay where the notes may be"]
    return [f"{path}: looks like {what}" for mark, what in MARKS if mark.search(content)]


if __name__ == "__main__":
    found = [fault for name in sys.argv[1:] if Path(name).is_file() for fault in faults(Path(name))]
    print("\n".join(found))
    sys.exit(bool(found))
