"""A small bundle made by hand: an untrained model over the words of one sentence."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from scipy import sparse

from isd_pipeline.coding.bundle import Bundle
from isd_pipeline.coding.coder import Note
from isd_pipeline.data.codes.hierarchy import CodeTree
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.models.registry import load
from isd_pipeline.models.system import Initialisation
from isd_pipeline.text.vocabulary import Vocabulary

WORDS = [
    "acute",
    "and",
    "café",
    "chest",
    "fever",
    "naïve",
    "of",
    "pain",
    "pneumonia",
    "sepsis",
    "the",
    "with",
    "ärztin",
]
CODES = CodeIndex(
    codes=("038.9", "486", "780.60", "786.50", "99.15"),
    systems=("diagnosis", "diagnosis", "diagnosis", "diagnosis", "procedure"),
    titles=("Septicemia", "Pneumonia", "Fever", "Chest pain, unspecified", "=Nutrition"),
)
SHARP = {"isd": {"attention_temperature": 9.0}}


def bundle_of(system: str = "isd", max_tokens: int = 12, **model: Any) -> Bundle:
    torch.manual_seed(0)
    vocabulary = Vocabulary(tuple(sorted(WORDS)))
    start = Initialisation(
        words=torch.randn(vocabulary.rows, 6),
        code_words=torch.randn(vocabulary.rows, 8),
        codes=torch.randn(len(CODES), 8),
        descriptions=torch.ones(len(CODES), 1, dtype=torch.long),
        label_log_odds=torch.zeros(len(CODES)),
        code_groups=torch.arange(len(CODES)),
        tree=CodeTree(("",) * 7, np.array([5, 5, 6, 6, 6, 6, -1]), len(CODES)),
        cooccurrence=sparse.csr_matrix(np.eye(len(CODES))),
        hyperbolic=torch.full((len(CODES), 3), 0.25),
    )
    made = load(system)
    config = made.model_config(**{**made.small, **SHARP.get(system, {}), **model})
    return Bundle(
        cohort="tiny",
        experiment=system,
        seed=3,
        revision="icd9",
        settings={
            "system": system,
            "model": asdict(config),
            "training": {"max_tokens": max_tokens},
        },
        codes=CODES,
        training_counts=(9, 7, 5, 3, 1),
        vocabulary=vocabulary,
        vocabulary_settings={"min_docs": 3, "max_words": None, "source": "train"},
        threshold_tuned=-0.75,
        temperature=2.0,
        fingerprints={"vocabulary": vocabulary.fingerprint, "codes": CODES.fingerprint},
        metrics={"f1_micro": 0.25},
        weights=made.make_model(config, start).state_dict(),
    )


def notes_of(*texts: str) -> list[Note]:
    return [Note(f"n{number}", text) for number, text in enumerate(texts)]
