"""Where a model helps and how far to trust it: strata, calibration, attention, as tables.

Strata are counted at the dev-tuned threshold, and their captions say so.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from isd_pipeline.reports.cells import Table, by_experiment, cell, digits, label, number, seeds
from isd_pipeline.reports.results import Experiment, RunResult, experiments

# What each kind of strata is called, and its sizes: (row of the table, key of the stratum).
OF_CODES = (("codes", "codes"), ("codes in test", "codes_present"))
OF_DOCUMENTS = (("documents", "documents"), ("codes a document", "gold_per_document"))
KINDS = {
    "frequency": ("training documents that have the code", OF_CODES),
    "system": ("diagnosis or procedure", OF_CODES),
    "length": ("words of the document", OF_DOCUMENTS),
    "number_of_codes": ("codes of the document", OF_DOCUMENTS),
}
SMALL = ("system", "length", "number_of_codes")
MOST_BASELINES, MOST = 2, 6  # experiments in one figure
MOST_CHAPTERS = 60
SHARPNESS = ("attention_sd", "attention_entropy", "attention_words")
MODEL = "model"  # among the sources of evidence
AGREEMENT = {
    "average_precision": "average precision",
    "r_precision": "R-precision",
    "precision_at_5": "precision, 5 words",
    "recall_at_5": "recall, 5 words",
    "iou_at_5": "IoU, 5 words",
    "first": "first word marked",
}

PLACES = {  # where marks stand
    "section": "A pair is in the section of its first mark, found by its heading.",
    "context": "A pair is denied, a relative's and so on if each of its marks is, found by cues.",
}
SPANS = {  # MDACE's, shown where they were measured
    "exact_span": "F1, spans",
    "position_independent_span": "F1, spans anywhere",
    "exact_token": "F1, tokens",
    "position_independent_token": "F1, tokens anywhere",
}
_OF_SPANS = (
    "F1: micro-averages of MDACE's measures (Cheng et al., ACL 2023), of the words from a weight "
    "on that was tuned on the marks of the dev split. Spans: runs of such words; tokens: their "
    "words. Anywhere: the same text counts wherever it stands in the note. All marked codes that "
    "the cohort has are asked for, gold or not."
)


def scored_strata(found: Sequence[Experiment], kind: str) -> list[Mapping[str, Any]]:
    """The strata of one kind in which there is something to find; [] where nobody has any."""
    strata = next((one.strata(kind) for one in found if one.strata(kind)), ())
    return [row for row in strata if row["f1_micro"] is not None]


def strata_table(runs: Sequence[RunResult], kind: str, metric: str) -> Table | None:
    """One metric within the strata of one kind, a column each; None where there is but one."""
    found, (said, sizes) = experiments(runs), KINDS[kind]
    strata = scored_strata(found, kind)
    if len(strata) < 2:
        return None
    names = [row["stratum"] for row in strata]
    size_rows = [
        (words, *(number(row[key], 1 if key == "gold_per_document" else 0) for row in strata))
        for words, key in sizes
    ]
    scores = [
        (one.heading, *(cell(one.in_stratum(kind, name, metric)) for name in names))
        for one in found
    ]
    return Table(
        f"{label(metric).removesuffix(', present')} by {said}, tuned",
        (said, *names),
        (*size_rows, *scores),
        {said},
        (*("size" for _ in sizes), *(one.mark for one in found)),
    )


def shown_chapters(found: Sequence[Experiment]) -> list[Mapping[str, Any]]:
    """The chapters in which there is something to find: of very many those with most codes in test.

    A user's own tree may have thousands of chapters, and a page has room for some.
    """
    strata = scored_strata(found, "chapter")
    if len(strata) <= MOST_CHAPTERS:
        return strata
    most = sorted(strata, key=lambda row: -row["gold"])[:MOST_CHAPTERS]
    return [row for row in strata if row in most]


def chapter_table(shown: Sequence[Experiment], metric: str) -> Table | None:
    """One metric within each chapter, a row each, of some experiments."""
    strata = shown_chapters(shown)
    if not strata:
        return None
    every = len(scored_strata(shown, "chapter"))
    rows = tuple(
        (
            row["stratum"],
            *(number(row[key], 0) for key in ("codes", "codes_present", "gold")),
            *(cell(one.in_stratum("chapter", row["stratum"], metric)) for one in shown),
        )
        for row in strata
    )
    sizes = ("codes", "codes in test", "occurrences in test")
    columns = ("chapter", *sizes, *(one.shown for one in shown))
    notes = (f"The {len(strata)} of {every:,} chapters with most occurrences in test.",)
    caption = f"{label(metric)} by chapter, tuned"
    return Table(caption, columns, rows, {"chapter"}, notes=notes * (len(strata) < every))


def legible(
    found: Sequence[Experiment], metric: str, first: Collection[str] = ()
) -> list[Experiment]:
    """As many as one figure can show, in the order given.

    The best baselines by a metric, the experiments named `first`, and the best of the others.
    """
    scored = [(measured.mean, one) for one in found if (measured := one.measured(metric))]
    ranked = [one for _, one in sorted(scored, key=lambda pair: -pair[0])]
    baselines = [one for one in ranked if one.baseline][:MOST_BASELINES]
    others = [one for one in ranked if not one.baseline]
    others.sort(key=lambda one: one.name not in first)
    kept = [*baselines, *others[: MOST - len(baselines)]]
    return [one for one in found if one in kept]


def calibration_table(runs: Sequence[RunResult]) -> Table | None:
    """The dev-fitted temperature and the errors of the test split without and with it."""
    found = [one for one in experiments(runs) if one.calibrated("temperature")]
    if not found:
        return None
    errors = [(when, name) for name in ("ece", "ece_shown", "bce") for when in ("before", "after")]
    said = {"ece": "ECE", "ece_shown": "ECE, shown cells", "bce": "cross-entropy"}
    return by_experiment(
        "Calibration of the test split, before and after one temperature fitted on the dev split",
        found,
        ("temperature", *(f"{said[name]}, {when}" for when, name in errors)),
        lambda one: (
            cell(one.calibrated("temperature"), 2),
            *(cell(one.calibrated(name, when)) for when, name in errors),
        ),
        (
            "ECE: mean over cells, a code of a document each, of how far the share of true cells "
            "is from the probability, in 15 bins. Shown cells: those of probability 0.01 and more, "
            "which a coder would see. Cross-entropy in nats a cell.",
        ),
    )


def sharpness_table(runs: Sequence[RunResult]) -> Table | None:
    """How concentrated attention is; None where no experiment has any."""
    found = [one for one in experiments(runs) if one.measured("attention_words")]
    if not found:
        return None
    return by_experiment(
        "How sharp the attention is, means over test documents and queries",
        found,
        map(label, SHARPNESS),
        lambda one: (cell(one.measured(metric), digits(metric)) for metric in SHARPNESS),
        (
            "The standard deviation is the authors' (Table 6), of weights over notes padded to "
            "4,000 words; higher is sharper. The entropy does not depend on padding; its "
            "exponential is how many words are read, if all were read alike.",
        ),
    )


def plausibility_table(runs: Sequence[RunResult]) -> Table | None:
    """Whether the evidence is where people marked it; None where no run was held against marks."""
    found = [one for one in experiments(runs) if one.agreement(MODEL, "pairs")]
    if not found:
        return None
    sources = next(run.evidence["sources"] for run in found[0].runs if run.evidence)
    simple = [name for name in sources if name != MODEL]
    simple.sort(key=lambda name: sources[name]["average_precision"])
    spans = SPANS if any(one.span_figure(MODEL, "exact_span") for one in found) else {}
    rows = [(name, "", *_agreement(found[0], name, spans, spread=False)) for name in simple]
    rows += [(one.heading, seeds(len(one.runs)), *_agreement(one, MODEL, spans)) for one in found]
    pairs = sources[MODEL]["pairs"]
    return Table(
        f"Evidence of gold codes against marked words, {pairs:,} pairs of note and code",
        ("source", "seeds", *AGREEMENT.values(), *spans.values()),
        tuple(rows),
        {"source", "seeds"},
        notes=(
            "Agreement of words. The first rows need no model. An experiment's evidence is its "
            "attention, handed on to the words of the convolutions' windows (of a CNN, what its "
            "windows add to the score): what it looked at, not proof. Of the five words with most "
            "evidence: how many are marked (precision), how many of the marked ones they are "
            "(recall), intersection over union (IoU).",
            *((_OF_SPANS,) if spans else ()),
        ),
    )


def places_table(runs: Sequence[RunResult], by: str) -> Table | None:
    """The evidence's average precision by where the marks stand; None where that says nothing."""
    found = [one for one in experiments(runs) if any("places" in run.evidence for run in one.runs)]
    runs_of = [run for one in found for run in one.runs if "places" in run.evidence]
    rows = runs_of[0].evidence["places"].get(by, ()) if runs_of else ()
    if len(rows) < 2:
        return None
    return Table(
        f"Evidence of gold codes, average precision by the {by} of the marks",
        (by, "pairs", *(one.shown for one in found)),
        tuple(
            (
                row["place"].replace("_", " "),
                number(row["pairs"], 0),
                *(cell(one.placed(by, row["place"], MODEL)) for one in found),
            )
            for row in rows
        ),
        {by},
        notes=(PLACES[by],),
    )


def _agreement(
    one: Experiment, source: str, spans: Collection[str], spread: bool = True
) -> list[str]:
    """What needs no model is the same for every seed, and has no spread."""
    found = [one.agreement(source, name) for name in AGREEMENT]
    found += [one.span_figure(source, measure) for measure in spans]
    return [cell(each) if spread else number(each.mean if each else None) for each in found]
