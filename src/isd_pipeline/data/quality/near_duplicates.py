"""Texts of one collection that nearly repeat a text of another, by the runs of words they share.

Exact, and for a few thousand texts; `minhash` estimates the same for many.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping


def near_duplicates(
    texts: Mapping[str, str], others: Mapping[str, str], near: float, words: int = 5
) -> dict[str, str]:
    """Each of `texts` that nearly repeats one of `others`, with the nearest of them.

    Two texts are near when the runs of `words` words that they share are at least `near` of the
    runs of the one that has fewer.
    """
    runs = {name: _runs(text, words) for name, text in others.items()}
    holders: defaultdict[str, list[str]] = defaultdict(list)
    for name, found in runs.items():
        for run in found:
            holders[run].append(name)
    result = {}
    for name, text in texts.items():
        mine = _runs(text, words)
        shared = Counter(other for run in mine for other in holders.get(run, ()))
        close = {o: n / min(len(mine), len(runs[o])) for o, n in shared.items()}
        if close and max(close.values()) >= near:
            result[name] = min(close, key=lambda other: (-close[other], other))
    return result


def without_near_duplicates(
    background: Mapping[str, str], texts: Mapping[str, Mapping[str, str]], near: float
) -> tuple[dict[str, str], dict[str, int]]:
    """The background texts that no model is tested on, and what was counted.

    `texts` are those of "train", "dev" and "test". What is near a text of dev or test is left out,
    since word vectors would otherwise have read what they are tested on. What is near a train text
    stays.
    """
    close = near_duplicates(background, {**texts["dev"], **texts["test"]}, near)
    kept = {name: text for name, text in background.items() if name not in close}
    counts = {
        "background_near_dev": sum(other in texts["dev"] for other in close.values()),
        "background_near_test": sum(other in texts["test"] for other in close.values()),
        "background_near_train_kept": len(near_duplicates(kept, texts["train"], near)),
    }
    return kept, counts


def _runs(text: str, words: int) -> set[str]:
    found = re.findall(r"\w+", text.lower())
    return {" ".join(found[at : at + words]) for at in range(max(1, len(found) - words + 1))}
