"""Where to compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isd_pipeline.training.ranks import here, local_rank

if TYPE_CHECKING:
    import torch


def choose_device(name: str) -> torch.device:
    """`auto` is a GPU where there is one; asking for one that is not there is an error.

    Of several processes each has a GPU of its own.
    """
    import torch

    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"--params device={name}: choose auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--params device=cuda: torch sees no GPU here; use device=cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu" or here().count == 1:
        return torch.device(name)
    n_gpus, mine = torch.cuda.device_count(), local_rank()
    if mine >= n_gpus:
        raise ValueError(
            f"torchrun started a process number {mine} here, and there are {n_gpus} GPUs: use "
            f"--nproc-per-node={n_gpus}, or device=cpu"
        )
    torch.cuda.set_device(mine)
    return torch.device("cuda", mine)
