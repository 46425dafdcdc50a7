"""Where to compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def choose_device(name: str) -> torch.device:
    """`auto` is a GPU where there is one; asking for one that is not there is an error."""
    import torch

    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"--params device={name}: choose auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--params device=cuda: torch sees no GPU here; use device=cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
