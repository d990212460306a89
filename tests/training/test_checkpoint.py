"""A checkpoint is there whole or not at all, and nothing in it can run code."""

import os
import shutil

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rapids_rap.errors import InputError
from rapids_rap.training import checkpoint
from rapids_rap.training.checkpoint import Checkpoints, TrainingState
from rapids_rap.training.optim import learning_rate, make_optimizer


def stepped(steps):
    """A small module and its optimiser after some steps."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))
    module[0].requires_grad_(False)
    optimizer = make_optimizer(module, 0.1)
    optimizer.param_groups[0]["lr"] = 0.1
    for step in range(steps):
        module(torch.full((2, 4), float(step))).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return module, optimizer


def test_everything_comes_back(tmp_path):
    """Weights, moments and history, and only the newest checkpoint is kept."""
    module, optimizer = stepped(3)
    checkpoints = Checkpoints(tmp_path, "me")
    checkpoints.save_best(1, module)
    checkpoints.save(TrainingState("me", steps=2), module, optimizer)
    state = TrainingState("me", steps=3, best_step=1, history=[{"step": 3, "loss": 0.1}])
    checkpoints.save_best(1, module)
    checkpoints.save(state, module, optimizer)
    fresh, other = stepped(0)
    assert checkpoints.load(fresh, other) == state
    assert torch.equal(fresh[1].weight, module[1].weight)
    old, new = (o.state_dict()["state"][0]["exp_avg"] for o in (optimizer, other))
    assert torch.equal(old, new)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["best-000000001.safetensors", "checkpoint-000000003"]


def test_what_is_half_written_is_ignored(tmp_path):
    """A kill while writing leaves the checkpoint before it."""
    module, optimizer = stepped(1)
    checkpoints = Checkpoints(tmp_path, "me")
    checkpoints.save(TrainingState("me", steps=1), module, optimizer)
    (tmp_path / "checkpoint-000000002.partial").mkdir()
    assert checkpoints.load(*stepped(0)).steps == 1


def test_another_training_is_not_gone_on_with(tmp_path):
    """Other lyrics or settings are refused, unless the user says that they may go."""
    module, optimizer = stepped(1)
    Checkpoints(tmp_path, "one").save(TrainingState("one", steps=1), module, optimizer)
    with pytest.raises(InputError, match=r"unfinished training.*--overwrite"):
        Checkpoints(tmp_path, "other").load(module, optimizer)
    assert Checkpoints(tmp_path, "other", replace=True).load(module, optimizer) == TrainingState(
        "other"
    )


def test_a_pickle_is_not_run(tmp_path, capsys, caplog):
    """An optimiser file that holds code is set aside instead of being run."""
    module, optimizer = stepped(1)
    checkpoints = Checkpoints(tmp_path, "me")
    checkpoints.save(TrainingState("me", steps=1), module, optimizer)

    class Evil:
        def __reduce__(self):
            return print, ("run",)

    torch.save(Evil(), tmp_path / "checkpoint-000000001" / "optimizer.pt")
    assert checkpoints.load(module, optimizer) == TrainingState("me")
    assert "run" not in capsys.readouterr().out
    assert "no file of tensors" in caplog.text


def test_the_rate_rises_and_falls():
    """A linear rise to the peak, then down to a twentieth of it."""
    rates = [learning_rate(step, 100, 1.0, 0.1) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * i for i in range(1, 11)])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.05, abs=0.01)


def two_checkpoints(folder):
    """A checkpoint of step 1 and one of step 2, as a kill between two moments leaves them."""
    module, optimizer = stepped(1)
    checkpoints = Checkpoints(folder, "me")
    checkpoints.save_best(1, module)
    checkpoints.save(TrainingState("me", steps=1, best_step=1), module, optimizer)
    kept = folder.with_name("kept")
    shutil.copytree(folder / "checkpoint-000000001", kept)
    checkpoints.save(TrainingState("me", steps=2, best_step=1), *stepped(2))
    kept.rename(folder / "checkpoint-000000001")
    return checkpoints


@pytest.mark.parametrize("file", ["weights.safetensors", "optimizer.pt", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "empty", "gone"])
def test_a_damaged_checkpoint_is_set_aside(tmp_path, caplog, file, damage):
    """After a power cut training goes on from what was before, and says so."""
    work = tmp_path / "work"
    work.mkdir()
    checkpoints = two_checkpoints(work)
    path = work / "checkpoint-000000002" / file
    data = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else b"")
    module, optimizer = stepped(0)
    assert checkpoints.load(module, optimizer).steps == 1
    assert torch.equal(module[1].weight, stepped(1)[0][1].weight)
    assert "checkpoint-000000002 is damaged" in caplog.text
    assert (work / "damaged-checkpoint-000000002").is_dir()


def test_without_the_best_weights_training_begins_anew(tmp_path):
    """A checkpoint whose best weights are lost would end with the wrong ones, or with none."""
    checkpoints = two_checkpoints(tmp_path)
    best = tmp_path / "best-000000001.safetensors"
    best.write_bytes(best.read_bytes()[:-4])
    fresh = stepped(0)
    assert checkpoints.load(*fresh) == TrainingState("me")
    assert torch.equal(fresh[0][1].weight, stepped(0)[0][1].weight)


def test_a_shortage_of_memory_is_no_damage(tmp_path, monkeypatch):
    """Hours of training are not set aside because another program has the memory just now."""

    def short(*_, **__):
        raise RuntimeError("CUDA out of memory")

    checkpoints = two_checkpoints(tmp_path)
    monkeypatch.setattr(torch, "load", short)
    with pytest.raises(RuntimeError, match="out of memory"):
        checkpoints.load(*stepped(0))
    assert (tmp_path / "checkpoint-000000002").is_dir()


def test_a_checkpoint_is_on_the_disk_before_it_counts(tmp_path, monkeypatch):
    """A rename that outruns its files leaves a checkpoint of zeros after a power cut."""
    synced, module = [], stepped(1)
    real = checkpoint.sync_files

    def sync(folder):
        real(folder)
        synced.append((folder.name, sorted(path.name for path in folder.iterdir())))

    monkeypatch.setattr(checkpoint, "sync_files", sync)
    Checkpoints(tmp_path, "me").save(TrainingState("me", steps=1), *module)
    files = ["optimizer.pt", "state.json", "weights.safetensors"]
    assert synced == [("checkpoint-000000001.partial", files)]


STRANGE = {
    "a pipe": lambda folder: _pipe(folder / "state.json"),
    "a pipe of weights": lambda folder: _pipe(folder / "weights.safetensors"),
    "a pipe of moments": lambda folder: _pipe(folder / "optimizer.pt"),
    "a text where steps are": lambda folder: (folder / "state.json").write_text(
        '{"identity": "me", "steps": "many", "history": 3}'
    ),
    "weights of another model": lambda folder: save_file(
        {"0.weight": torch.zeros(9)}, folder / "weights.safetensors"
    ),
    "moments of nothing": lambda folder: torch.save({}, folder / "optimizer.pt"),
}


def _pipe(path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("kind", STRANGE)
def test_a_strange_checkpoint_is_set_aside(tmp_path, kind, caplog):
    """From elsewhere it may hold anything; nothing waits for it, and training goes on."""
    checkpoints = Checkpoints(tmp_path, "me")
    checkpoints.save(TrainingState("me", steps=2), *stepped(2))
    STRANGE[kind](tmp_path / "checkpoint-000000002")
    assert checkpoints.load(*stepped(0)) == TrainingState("me")
    assert "is damaged" in caplog.text
