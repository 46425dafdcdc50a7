"""A bundle trained anew on reviewed notes, held against the old one, offered and never swapped in.

FOLDER/data_set          the reviewed notes as a custom data set
FOLDER/bundle            the new bundle
FOLDER/comparison.json   both bundles on the held-out notes
FOLDER/report.md         the same for people
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from isd_pipeline.coding.bundle import Bundle, read_bundle
from isd_pipeline.coding.coder import Coder
from isd_pipeline.data.io.files import write_json, write_text
from isd_pipeline.desk.comparing import SHOWN, compared
from isd_pipeline.desk.data_set import rows_of, write_data_set
from isd_pipeline.desk.learning import HELD_OUT, OF_PARTS, Learned
from isd_pipeline.studies.learn import former_rows, train_again

WORDS = {
    "better": "The new bundle codes the held-out notes better.",
    "worse": "The new bundle codes the held-out notes worse: keep the old one.",
    "no difference shown": "No difference is shown: the interval of micro F1 holds 0.",
}
BY_PATIENT = "The part of a note follows from a hash of its patient."
BY_NOTE = (
    "The part of a note follows from a hash of its id, for no patients were named: two notes of "
    "one patient may stand in different parts."
)
FORMER = "Trained on the decisions and on the old bundle's own train and dev notes"
ALONE = "Trained on the decisions alone, not on the old bundle's notes (`--with-training-data`)."
CAVEATS = (
    "Whether the old bundle was trained on any of these notes cannot be known from it; where it "
    "was, its figures here are too good.",
    "Coders saw a bundle's suggestions when they decided, which favours that bundle.",
    "Intervals by a paired bootstrap over the held-out notes, p by approximate randomisation; "
    "neither says what another training would give.",
)


def refuse_folder(to: Path) -> None:
    """Raise where something stands already."""
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise FileExistsError(f"{to}: is there already and not empty; name a new folder")


def offer(
    bundle: Bundle, place: Path, found: Learned, to: Path, root: Path, *, with_former: bool
) -> Path:
    """Train, compare, report; give the report's path. `place` is where the old bundle stands.

    Raises a ValueError in one line where there is too little to learn from.
    """
    found.refuse_too_few(more=("train", "dev") if with_former else ())
    rows = rows_of(found.notes)
    former = former_rows(bundle, root) if with_former else {}
    for name, more in former.items():
        rows[name] = rows[name] + more
    custom = write_data_set(rows, bundle.codes, bundle.revision, to / "data_set")
    after = read_bundle(train_again(bundle, custom, to, root))
    comparison = compared(Coder(bundle), Coder(after), found.of("test")) | {
        "before": {"name": bundle.name, "sha256": bundle.sha256},
        "after": {"name": after.name, "sha256": after.sha256},
        "learned_from": {part: len(found.of(part)) for part in OF_PARTS},
        "former_notes": len(former.get("notes", ())),
        "left_out": dict(found.left_out),
        "by_patient": found.has_patients,
    }
    write_json(to / "comparison.json", comparison)
    write_text(to / "report.md", report(comparison, place, to / "bundle"))
    return to / "report.md"


def report(told: Mapping[str, Any], place: Path, made: Path) -> str:
    """What came of it, in Markdown: numbers, and nothing of a note."""
    lines = [
        f"# {told['after']['name']}, offered beside {told['before']['name']}",
        "",
        f"**{WORDS[told['verdict']]}** Nothing was swapped in. To use the new bundle, name its "
        f"folder where you named the old one's: `{made}` for `{place}`.",
        "",
        "| on the held-out notes | old | new | difference | 95 % | p |",
        "|---|---|---|---|---|---|",
        *(_row(name, told["metrics"][name]) for name in SHOWN if name in told["metrics"]),
        "",
        *(f"- {line}" for line in _said(told)),
    ]
    return "\n".join(lines) + "\n"


def _said(told: Mapping[str, Any]) -> Iterator[str]:
    """What has to be known of the comparison."""
    parts = ", ".join(f"{count} {OF_PARTS[part]}" for part, count in told["learned_from"].items())
    held_out = f"About {100 * HELD_OUT:.0f} % are held out, the same ones in every later learning."
    yield f"Notes that were signed off: {parts}. {held_out}"
    yield BY_PATIENT if told["by_patient"] else BY_NOTE
    yield f"{FORMER}: {told['former_notes']}" if told["former_notes"] else ALONE
    yield (
        f"The held-out notes have {told['codes_of_notes']} codes; the old bundle's training notes "
        f"lack {told['codes_not_met']['before']} of them, the new one's "
        f"{told['codes_not_met']['after']}."
    )
    yield from CAVEATS
    yield from (f"Not used: {count} {why}." for why, count in told["left_out"].items() if count)


def _row(name: str, one: Mapping[str, float]) -> str:
    values = f"{one['before']:.3f} | {one['after']:.3f} | {one['difference']:+.3f}"
    return (
        f"| {SHOWN[name]} | {values} | {one['low']:+.3f} to {one['high']:+.3f} | {one['p']:.3f} |"
    )
