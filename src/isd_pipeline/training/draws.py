"""Random numbers that belong to an example: the same in whatever part of a batch it is computed.

A training draws for a batch as a whole, from torch's generator, as long as nothing here is asked
for. Within `by_example` each number is a function of the step's seed, of how many draws the step
made before, of the key of its row and of its place in the row, by splitmix64 (Steele, Lea and
Flood, OOPSLA 2014). That is integer arithmetic, so a GPU draws what a CPU does, and padding at the
end of an axis changes nothing.

Axes: R rows, each the example's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor

from isd_pipeline.shapes import Int

GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)  # as int64, like the factors
SHIFTS = ((30, 0xBF58476D1CE4E5B9 - (1 << 64)), (27, 0x94D049BB133111EB - (1 << 64)), (31, None))

# Not a context variable: the gradient of a GPU is computed by threads of torch's own.
_keys: Tensor | None = None


def is_by_example() -> bool:
    """Whether each row draws for itself now."""
    return _keys is not None


def new_seed() -> int:
    """A seed from torch's generator on the host, which checkpoints of activations rewind."""
    return int(torch.randint(2**62, ()).item())


@contextmanager
def by_example(seed: int, rows: Int[Tensor, " R"]) -> Iterator[None]:
    """Draw for each row by its key, from the beginning of a step's seed."""
    global _keys
    torch.manual_seed(seed)
    _keys = _hashed(rows)
    try:
        yield
    finally:
        _keys = None


def rows_are(
    keys: Int[Tensor, " R"], of: Int[Tensor, " R"] | None = None
) -> AbstractContextManager[None]:
    """Say that what follows has other rows; `of` which present row each is a part of, if of any.

    Without `by_example` around it, nothing.
    """
    if _keys is None:
        return nullcontext()
    keys = keys.cpu()
    return _with_keys(_hashed(keys if of is None else keys + _keys[of.cpu()]))


def bits(shape: Sequence[int], device: torch.device) -> Int[Tensor, "R ..."]:
    """64 random bits for each place of a shape whose first axis is the rows."""
    if _keys is None or len(_keys) != shape[0]:
        rows = "nobody" if _keys is None else len(_keys)
        raise ValueError(f"random numbers for {shape[0]} rows, but keys for {rows}")
    found = _hashed(_keys ^ new_seed()).to(device, non_blocking=True)
    for size in shape[1:]:
        places = torch.arange(1, size + 1, device=device) * GOLDEN
        found = _hashed(found[..., None] + places)
    return found


def sixteenths(shape: Sequence[int], device: torch.device) -> Int[Tensor, "R ..."]:
    """16 random bits for each place, four places from one number: int16."""
    *outer, last = shape
    drawn = bits((*outer, (last + 3) // 4), device).view(torch.int16)
    return drawn[..., :last]


def uniform(n: int) -> Tensor:
    """A number from 0 up to 1 for each of n rows: float64 on the host."""
    if _keys is None:
        return torch.rand(n, dtype=torch.float64)
    return ((bits((n,), torch.device("cpu")) >> 11) & ((1 << 53) - 1)).double() * 2.0**-53


def own_stream(device: torch.device) -> AbstractContextManager[None]:
    """For a network that draws from torch's generators: start them by the rows, and set them back.

    What it draws is then a function of the rows together, so of how a batch is cut.
    """
    return nullcontext() if _keys is None else _stream_of(_keys, device)


@contextmanager
def _stream_of(keys: Tensor, device: torch.device) -> Iterator[None]:
    seed = int(_hashed(keys ^ new_seed()).sum()) & (2**63 - 1)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def _with_keys(keys: Tensor) -> Iterator[None]:
    global _keys
    before, _keys = _keys, keys
    try:
        yield
    finally:
        _keys = before


def _hashed(values: Tensor) -> Tensor:
    """The finaliser of splitmix64: every bit of the result depends on every bit of the value."""
    for shift, factor in SHIFTS:
        high = (values >> shift).bitwise_and_((1 << (64 - shift)) - 1)
        values = high.bitwise_xor_(values)
        if factor is not None:
            values.mul_(factor)
    return values
