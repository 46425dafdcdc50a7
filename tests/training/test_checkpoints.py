from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import torch
from torch import nn

from isd_pipeline.training.checkpoints import (
    drop_states,
    fill,
    read_model,
    read_state,
    sweep,
    write_model,
    write_state,
)
from isd_pipeline.training.loop import Best, State

FINGERPRINTS = {"vocabulary": "aa11", "codes": "bb22", "data": "cc33"}
SETTINGS = {"model": "isd", "config": {"kernel_sizes": (5, 7)}, "seed": 1}


def weights(width: int = 3) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"words": torch.randn(4, width), "scale": torch.tensor(2.0), "seen": torch.tensor(7)}


def write(folder: Path, **changes: object) -> None:
    given = {"settings": SETTINGS, "fingerprints": FINGERPRINTS} | changes
    write_model(folder, weights(), **given)


def state_after(epoch: int) -> State:
    """A state as training has it, with a real optimizer that has made steps."""
    torch.manual_seed(epoch)
    model = nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    for _ in range(epoch):
        optimizer.zero_grad()
        model(torch.randn(3, 2)).square().sum().backward()
        optimizer.step()
    best = Best(0.1 + 0.2, 1, {name: value.clone() for name, value in model.state_dict().items()})
    history = ({"loss": 1 / 3, "micro_f1": 0.25},) * epoch
    return State(epoch, model.state_dict(), optimizer.state_dict(), best, history)


def keep(folder: Path, epoch: int) -> None:
    write_state(folder, state_after(epoch))


def without_the_latest(folder: Path) -> State | None:
    max(folder.glob("epoch-*.json")).unlink()
    return read_state(folder)


def one_line(caught: pytest.ExceptionInfo[Exception]) -> str:
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_weights_come_back_with_what_they_belong_to(tmp_path: Path):
    write(tmp_path)
    found = read_model(tmp_path)
    for name, value in weights().items():
        assert torch.equal(found.weights[name], value)
        assert found.weights[name].dtype == value.dtype
    assert found.settings == {"model": "isd", "config": {"kernel_sizes": [5, 7]}, "seed": 1}
    assert found.fingerprints == FINGERPRINTS


def test_the_json_names_the_tensors_and_their_hash(tmp_path: Path):
    write(tmp_path)
    record = json.loads((tmp_path / "model.json").read_text())
    assert re.fullmatch(r"model-[0-9a-f]{12}\.safetensors", record["weights"])
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["model.json", record["weights"]])


def test_writing_again_leaves_one_checkpoint(tmp_path: Path):
    write(tmp_path)
    write_model(tmp_path, weights(5), settings=SETTINGS, fingerprints=FINGERPRINTS)
    assert len(list(tmp_path.glob("*.safetensors"))) == 1
    assert read_model(tmp_path).weights["words"].shape == (4, 5)


def test_a_folder_without_a_checkpoint_says_so(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"model.json: no such checkpoint; train"):
        read_model(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "flip", "grow"])
@pytest.mark.parametrize("file", ["*.safetensors", "model.json"])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: str, file: str):
    write(tmp_path)
    (path,) = tmp_path.glob(file)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[len(content) // 2 :]
    elif damage == "flip":
        content[-20] ^= 1
    else:
        content += b" x"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"cut off|changed since") as caught:
        read_model(tmp_path)
    assert path.name in one_line(caught)


def test_a_json_with_another_fingerprint_written_in_is_refused(tmp_path: Path):
    write(tmp_path)
    path = tmp_path / "model.json"
    path.write_text(path.read_text().replace("aa11", "aa12"))
    with pytest.raises(ValueError, match=r"model\.json: changed since it was written"):
        read_model(tmp_path)


def test_tensors_that_are_gone_are_named(tmp_path: Path):
    write(tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"the tensors of model\.json are gone"):
        read_model(tmp_path)


class Small(nn.Module):
    def __init__(self, width: int, **more: int) -> None:
        super().__init__()
        self.words = nn.Parameter(torch.zeros(4, width))
        self.scale = nn.Parameter(torch.zeros(()))
        self.register_buffer("seen", torch.tensor(0))
        for name, size in more.items():
            self.register_parameter(name, nn.Parameter(torch.zeros(size)))


def test_a_model_is_filled():
    model = Small(3)
    fill(model, weights())
    assert torch.equal(model.words, weights()["words"])
    assert model.seen.item() == 7


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Small(5), r"weight 'words' is \[4, 3\] in the checkpoint, \[4, 5\] in the model"),
        (Small(3, bias=2), "weight 'bias' is not in the checkpoint"),
    ],
)
def test_a_model_of_another_size_is_refused_and_left_alone(model: Small, message: str):
    with pytest.raises(ValueError, match=message) as caught:
        fill(model, weights())
    one_line(caught)
    assert not model.scale.any()
    assert not model.seen.any()


def test_a_weight_the_model_lacks_is_refused():
    with pytest.raises(ValueError, match="weight 'more' is not in the model"):
        fill(Small(3), weights() | {"more": torch.zeros(1)})


def test_a_state_comes_back_to_the_bit(tmp_path: Path):
    keep(tmp_path, 3)
    written, found = state_after(3), read_state(tmp_path)
    assert found is not None
    pairs = [(written.weights, found.weights), (written.best.weights, found.best.weights)]
    for kept, read in pairs:
        assert kept.keys() == read.keys()
        assert all(torch.equal(kept[name], read[name]) for name in kept)
    for index, values in written.optimizer["state"].items():
        assert all(torch.equal(values[n], found.optimizer["state"][index][n]) for n in values)
    assert (found.epoch, found.history, found.best.epoch, found.best.score) == (
        3,
        written.history,
        1,
        0.1 + 0.2,
    )
    model = nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    optimizer.load_state_dict(found.optimizer)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_the_latest_state_is_read_and_two_are_kept(tmp_path: Path):
    for epoch in (1, 2, 9, 10):
        keep(tmp_path, epoch)
    assert sorted(p.stem for p in tmp_path.glob("*.json")) == ["epoch-0009", "epoch-0010"]
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    assert [read_state(tmp_path).epoch, without_the_latest(tmp_path).epoch] == [10, 9]


def test_a_damaged_state_is_refused_and_the_previous_one_taken_when_it_is_gone(tmp_path: Path):
    keep(tmp_path, 1)
    keep(tmp_path, 2)
    (path,) = tmp_path.glob("epoch-0002-*.safetensors")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="cut off or changed"):
        read_state(tmp_path)
    assert without_the_latest(tmp_path).epoch == 1


def test_no_state_is_no_error(tmp_path: Path):
    assert read_state(tmp_path) is None
    assert read_state(tmp_path / "nowhere") is None


def test_states_can_be_dropped_and_the_model_stays(tmp_path: Path):
    keep(tmp_path, 1)
    write(tmp_path)
    assert read_state(tmp_path) is not None
    drop_states(tmp_path)
    assert read_state(tmp_path) is None
    assert read_model(tmp_path).settings["seed"] == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_what_killed_processes_left_is_swept_and_a_living_ones_file_is_not(tmp_path: Path):
    write(tmp_path)
    whole = sorted(tmp_path.iterdir())
    ended = subprocess.Popen(["true"])
    ended.wait()
    alive = tmp_path / f".model.json.{os.getppid()}.tmp"
    for path in (
        tmp_path / f".model.json.{ended.pid}.tmp",
        tmp_path / f".model.json.{os.getpid()}.tmp",  # of an earlier process with our number
        tmp_path / "epoch-0004-0123456789ab.safetensors",  # its JSON was never written
        alive,
    ):
        path.write_text("half")
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([*whole, alive])


def test_sweeping_spares_files_of_others_and_tensors_of_a_damaged_json(tmp_path: Path):
    write(tmp_path)
    (tmp_path / "model.json").write_text("{")
    (tmp_path / "vectors.safetensors").write_text("not ours")
    before = sorted(tmp_path.iterdir())
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == before
