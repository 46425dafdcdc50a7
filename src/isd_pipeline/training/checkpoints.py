"""Checkpoints: tensors as safetensors, everything else as JSON, and no pickle anywhere.

A checkpoint is two files. The tensors go first, under a name of their own; the JSON that names
them, with their SHA-256 and its own, goes last and makes the checkpoint exist. A process killed
at any moment leaves the earlier checkpoint whole.

    model.json  model-3fa9c1d2e0b4.safetensors          the weights that are to be used
    epoch-0012.json  epoch-0012-8c01….safetensors       all that training goes on from
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from isd_pipeline.data.io.files import refuse_full_disk, replacing, write_json
from isd_pipeline.data.io.processes import is_running
from isd_pipeline.data.io.tensor_files import pack, read_sealed, refuse_changed, sealed, unpack
from isd_pipeline.training.loop import Best, State

KEPT_STATES = 2
SEAL = "record_sha256"
REMEDY = "take the previous checkpoint or train again"
MODEL = "model"
TEMPORARY = re.compile(r"\..+\.(\d+)\.(tmp|old)")  # the names of data.files.replacing
OWN_TENSORS = re.compile(rf"({MODEL}|epoch-\d+)-[0-9a-f]{{12}}\.safetensors")
DAMAGED = "?"  # what a damaged JSON names: nothing is removed for its sake


@dataclass(frozen=True)
class Checkpoint:
    """Weights and what they belong to: settings (the experiment's row) and fingerprints."""

    weights: Mapping[str, Tensor] = field(repr=False)
    settings: Mapping[str, Any]
    fingerprints: Mapping[str, str]


def write_model(
    folder: Path,
    weights: Mapping[str, Tensor],
    *,
    settings: Mapping[str, Any],
    fingerprints: Mapping[str, str],
) -> None:
    """Write weights, replacing those that stood in the folder.

    `settings` is what the model is built from (JSON values); `fingerprints` names what it fits:
    vocabulary, codes, data.
    """
    record = {"settings": dict(settings), "fingerprints": dict(fingerprints)}
    _write(Path(folder), MODEL, record, dict(weights))
    _drop_unnamed(Path(folder))


def read_model(folder: Path) -> Checkpoint:
    """Read weights.

    Raises:
        FileNotFoundError: there is no checkpoint.
        ValueError: it is damaged.
    """
    path = Path(folder) / f"{MODEL}.json"
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such checkpoint; train the model first")
    record, weights = _read(path)
    return Checkpoint(weights, record["settings"], record["fingerprints"])


def fill(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put weights into a model; if one does not fit, the model is left as it was.

    Raises:
        ValueError: a weight is missing, unknown or of another shape.
    """
    wanted = model.state_dict()
    for name in sorted(wanted.keys() | weights.keys()):
        if name not in weights or name not in wanted:
            where = "the checkpoint" if name not in weights else "the model"
            raise ValueError(f"weight '{name}' is not in {where}: they are of different settings")
        found, expected = list(weights[name].shape), list(wanted[name].shape)
        if found != expected:
            raise ValueError(
                f"weight '{name}' is {found} in the checkpoint, {expected} in the model: they are "
                "of different settings or data"
            )
    model.load_state_dict(dict(weights))


def write_state(folder: Path, state: State) -> None:
    """Write all that training goes on from; the two latest are kept.

    To what training it belongs says the folder alone (`predictors/network.py: scratch_folder`).
    """
    folder = Path(folder)
    tensors = {f"weights/{name}": value for name, value in state.weights.items()}
    tensors |= {f"best/{name}": value for name, value in state.best.weights.items()}
    for index, values in state.optimizer["state"].items():
        tensors |= {f"optimizer/{index}/{name}": value for name, value in values.items()}
    record = {
        "epoch": state.epoch,
        "best": {"score": state.best.score, "epoch": state.best.epoch},
        "history": list(state.history),
        "param_groups": state.optimizer["param_groups"],
    }
    if state.ranks > 1:
        record["ranks"] = state.ranks
    _write(folder, f"epoch-{state.epoch:04d}", record, tensors)
    for old in _states(folder)[:-KEPT_STATES]:
        old.unlink()
    _drop_unnamed(folder)


def refuse_small_disk(folder: Path, model: nn.Module) -> None:
    """Raise an OSError, before the first epoch, where states of this model will find no room.

    A state holds the weights, the best weights and two moments of each; while one is written, two
    stand there.
    """
    weights = sum(value.nbytes for value in model.state_dict().values())
    refuse_full_disk(folder, 4 * (KEPT_STATES + 1) * weights, "an interrupted training's state")


def read_state(folder: Path) -> State | None:
    """Read the latest state, None where there is none; raises a ValueError where it is damaged."""
    states = _states(Path(folder))
    if not states:
        return None
    record, tensors = _read(states[-1])
    best = Best(record["best"]["score"], record["best"]["epoch"], _under("best/", tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in sorted(_under("optimizer/", tensors).items()):
        index, name = key.split("/")
        moments.setdefault(int(index), {})[name] = value
    return State(
        epoch=record["epoch"],
        weights=_under("weights/", tensors),
        optimizer={"state": moments, "param_groups": record["param_groups"]},
        best=best,
        history=tuple(record["history"]),
        ranks=record.get("ranks", 1),
    )


def sweep(folder: Path) -> None:
    """Remove what killed processes left: their temporary files, and tensors that no JSON names.

    To be called when a training starts. What a living process is writing stays.
    """
    folder = Path(folder)
    for path in folder.glob(".*"):
        owner = TEMPORARY.fullmatch(path.name)
        if owner and path.is_file():
            number = int(owner[1])  # our own process writes nothing while it sweeps
            if number == os.getpid() or not is_running(number):
                path.unlink(missing_ok=True)
    _drop_unnamed(folder)


def drop_states(folder: Path) -> None:
    """Remove every state: training has ended and its model is written."""
    for path in _states(Path(folder)):
        path.unlink()
    _drop_unnamed(Path(folder))


def _write(folder: Path, name: str, record: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    content, digest = pack(tensors)
    weights = f"{name}-{digest[:12]}.safetensors"
    with replacing(folder / weights, len(content)) as temporary:
        temporary.write_bytes(content)
    named = {**record, "weights": weights, "sha256": digest}
    write_json(folder / f"{name}.json", sealed(named, SEAL))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The two files of a checkpoint, both whole, or one line about which is not."""
    record = read_sealed(path, "checkpoint", REMEDY, SEAL)
    refuse_changed(path, record, SEAL, REMEDY)
    tensors = path.with_name(record["weights"])
    if not tensors.exists():
        raise FileNotFoundError(f"{tensors}: the tensors of {path.name} are gone; {REMEDY}")
    return record, unpack(tensors, record["sha256"], REMEDY)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _states(folder: Path) -> list[Path]:
    """The states in a folder, oldest epoch first."""
    return sorted(folder.glob("epoch-*.json"), key=lambda path: int(path.stem.split("-")[1]))


def _drop_unnamed(folder: Path) -> None:
    """Remove tensors that no checkpoint names: of an older one, or of one never finished."""
    for path in folder.glob("*.safetensors"):
        parts = OWN_TENSORS.fullmatch(path.name)
        if parts and _named(folder / f"{parts[1]}.json") not in (path.name, DAMAGED):
            path.unlink()


def _named(path: Path) -> str | None:
    """The tensors that a JSON names; None where there is no JSON."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["weights"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return DAMAGED
