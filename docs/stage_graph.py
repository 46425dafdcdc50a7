"""Fill the graph of README.md from the stages of the demonstration, studies/synthetic/dvc.yaml.

    python docs/stage_graph.py            writes it anew
    python docs/stage_graph.py --check    says whether README.md holds it

It is DVC's own graph without the arrows that follow from others: a training that waits for
`preprocess`, which waits for `extract`, has no arrow from `extract`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import networkx as nx

ROOT = Path(__file__).parents[1]
STUDY = "studies/synthetic/dvc.yaml"
PAGE = ROOT / "README.md"
MARKED = re.compile(r"(<!-- stages -->\n).*?(<!-- end of stages -->)", re.S)
RUN = re.compile(r"(train|evaluate)_?\w*@(\w+)-\d+$")


def main() -> int:
    """Write the graph, or compare it."""
    text = PAGE.read_text(encoding="utf-8")
    filled = MARKED.sub(rf"\g<1>{mermaid(stages())}\g<2>", text)
    if "--check" not in sys.argv:
        PAGE.write_text(filled, encoding="utf-8")
    elif filled != text:
        print("README.md: its graph is not that of the stages; python docs/stage_graph.py")
        return 1
    return 0


def stages() -> nx.DiGraph:
    """The stages of the study by their names, an arrow to each stage that reads what one makes."""
    from dvc.repo import Repo

    with Repo(str(ROOT)) as repo:
        whole = nx.relabel_nodes(repo.index.graph, lambda stage: stage.addressing).reverse()
    names = {stage: stage.rpartition(":")[2] for stage in whole if f"{STUDY}:" in stage}
    return nx.relabel_nodes(whole.subgraph(names), names)


def mermaid(graph: nx.DiGraph) -> str:
    """The graph as a block of mermaid: no arrow that follows from others, sorted."""
    order = {name: f"s{number}" for number, name in enumerate(sorted(graph))}
    shown = nx.transitive_reduction(graph)
    lines = [f'    {order[name]}["{plain(name)}"]' for name in sorted(graph)]
    lines += [f"    {order[a]} --> {order[b]}" for a, b in sorted(shown.edges)]
    return "\n".join(["```mermaid", "flowchart LR", *lines, "```\n"])


def plain(name: str) -> str:
    """`train_isd@isd_aligned-1` is `train isd_aligned`."""
    return RUN.sub(r"\1 \2", name)


if __name__ == "__main__":
    raise SystemExit(main())
