"""Fill the table of docs/training.md: what `isd train` chooses from, by kind of data.

    python docs/training_table.py            writes the page anew
    python docs/training_table.py --check    says whether the page holds what results/ holds

Gains are those recorded in results/; minutes are the estimate for data of the cohort's own size.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from isd_pipeline.catalog.formats import read_json
from isd_pipeline.config.loading import read_parameters
from isd_pipeline.studies.choice import REGIMES, REGRESSION, Regime, Sizes, gain, minutes_of

ROOT = Path(__file__).parents[1]
PAGE, RESULTS = ROOT / "docs/training.md", ROOT / "results"
MARKED = re.compile(r"(<!-- choices -->\n).*?(<!-- end -->)", re.S)
HEAD = ("kind of data", "known from", "experiment", "minutes", "micro-F1 over the regression")
FEW = Sizes(notes=100, codes=1415, words=29_000, marked=True, described=True)


def table() -> str:
    """The table in Markdown."""
    parameters = read_parameters(ROOT / "conf")
    rows = [HEAD, ["---"] * len(HEAD)]
    rows += [row for regime in REGIMES for row in rows_of(regime, parameters)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def rows_of(regime: Regime, parameters: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row an experiment; kind and cohort are said once."""
    sizes = sizes_of(regime)
    known = f"`{regime.cohort}`" if regime.cohort else "CodiEsp, below"
    said = [regime.name, f"{known}: {sizes.notes:,} notes, {sizes.codes:,} codes"]
    if regime.experiments == (REGRESSION,):
        said[1] = "nothing"
    for experiment in regime.experiments:
        minutes = minutes_of(experiment, sizes, parameters)
        found = gain(regime.cohort, experiment, RESULTS)
        told = "" if experiment == REGRESSION else str(found or "not known")
        yield [*said, f"`{experiment}`", f"{max(1, round(minutes))}", told]
        said = ["", ""]


def sizes_of(regime: Regime) -> Sizes:
    """What the cohort is like whose record stands for the kind."""
    if not regime.cohort:
        return FEW
    card = read_json(RESULTS / regime.cohort / "data_card.json")
    train = card["splits"]["train"]
    counts = (train["documents"], card["codes"]["distinct"], train["words"])
    return Sizes(*counts, marked=regime.marked, described=regime.described)


def main() -> None:
    """Write or check the page."""
    before = PAGE.read_text(encoding="utf-8")
    after = MARKED.sub(lambda found: found[1] + table() + found[2], before)
    if "--check" not in sys.argv:
        PAGE.write_text(after, encoding="utf-8")
    elif after != before:
        sys.exit(f"{PAGE}: its table is not what results/ has; run docs/training_table.py")


if __name__ == "__main__":
    main()
