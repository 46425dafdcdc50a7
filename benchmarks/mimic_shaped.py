"""Random notes, codes and vectors of MIMIC-III's sizes, and ISD over them in two forms.

Numbers stand where real words would: 52,252 words, 8,921 codes with titles of 10 words, 15 codes a
note; lengths are the quantiles of a log-normal of mean 1,485 (median 1,300), none above 4,000.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import measuring  # noqa: F401  (puts the library on the path)
import numpy as np
import torch

LENGTHS, LONGEST, MEAN = 64, 4_000, 1_485
WIDTH, WORD_WIDTH, KERNELS = 256, 100, (5, 7, 9, 11)
CODES_A_NOTE, WORDS_A_TITLE = 15, 10


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What a benchmark may vary."""

    codes: int = 8_921
    queries: int = 64
    words: int = 52_252


def mimic_lengths(notes: int, mean: float = MEAN) -> np.ndarray:
    """Tokens of each note, ascending."""
    logarithms = [NormalDist(7.17, 0.52).inv_cdf((n + 0.5) / LENGTHS) for n in range(LENGTHS)]
    quantiles = np.minimum(np.exp(logarithms), LONGEST) * mean / MEAN
    return np.sort(np.resize(quantiles.astype(np.int64), notes))


def made_documents(lengths: np.ndarray, sizes: Sizes, folder: Path) -> Any:
    """Random notes with their codes, written to a folder and mapped into memory from there."""
    from isd_pipeline.text.documents import Documents

    random, n = np.random.default_rng(0), len(lengths)
    labels = [np.sort(random.choice(sizes.codes, CODES_A_NOTE, replace=False)) for _ in lengths]
    Documents(
        ids=np.arange(n).astype(str),
        tokens=random.integers(1, sizes.words, lengths.sum(), dtype=np.int32),
        token_starts=np.concatenate([[0], np.cumsum(lengths)]),
        labels=np.concatenate(labels).astype(np.int32),
        label_starts=np.arange(n + 1) * CODES_A_NOTE,
    ).save(folder)
    return Documents.open(folder)


def made_isd(sizes: Sizes, dropout: float = 0.1) -> tuple[Any, Any]:
    """ISD with random vectors, and its objective with random titles: all five losses."""
    from isd_pipeline.models.isd.network import ISD, ISDConfig
    from isd_pipeline.models.isd.objective import ISDObjective, ISDObjectiveConfig

    torch.manual_seed(0)
    words, codes = torch.randn(sizes.words + 2, WORD_WIDTH), torch.randn(sizes.codes, WIDTH)
    titles = torch.randint(1, sizes.words, (sizes.codes, WORDS_A_TITLE))
    config = ISDConfig(width=WIDTH, n_queries=sizes.queries, kernel_sizes=KERNELS, dropout=dropout)
    return ISD(config, words, codes).train(), ISDObjective(ISDObjectiveConfig(), titles)


class PlainISD:
    """The plain reading of the paper (tests/models/isd/reference.py) with the weights of an ISD."""

    def __init__(self, model: Any, objective: Any, dropout: float = 0.1) -> None:
        from reference import ReferenceISD

        self.model = ReferenceISD(
            model.words.detach(),
            model.codes.detach(),
            kernel_sizes=KERNELS,
            n_queries=len(model.attend.queries),
            dropout=dropout,
        )
        self.model.to(model.codes.dtype).train().load_state_dict(model.state_dict())
        self.titles = objective.descriptions.tolist()

    def losses(self, batch: Any) -> dict[str, torch.Tensor]:
        """The five losses, from the draws that the objective makes of the same random numbers."""
        from isd_pipeline.models.isd.completion import missing_code, wrong_code

        n_codes = len(self.titles)
        tasks = [
            (
                [row[mask].tolist() for row, mask in zip(task.codes, task.is_slot, strict=True)],
                task.asked.tolist(),
                task.answer.tolist(),
            )
            for task in (missing_code(batch.gold, n_codes), wrong_code(batch.gold, n_codes))
        ]
        gold = [[code for code in row if code >= 0] for row in batch.gold.tolist()]
        return self.model.losses(batch.tokens, gold, self.titles, *tasks)
