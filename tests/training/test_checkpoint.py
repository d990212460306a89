"""A checkpoint is there whole or not at all, and nothing in it can run code."""

import pickle

import pytest
import torch
from torch import nn

from rapids_rap.errors import InputError
from rapids_rap.training.checkpoint import Checkpoints, State
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
    checkpoints.save(State("me", steps=2), module, optimizer)
    state = State("me", steps=3, best_step=1, history=[{"step": 3, "loss": 0.1}])
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
    checkpoints.save(State("me", steps=1), module, optimizer)
    (tmp_path / "checkpoint-000000002.partial").mkdir()
    assert checkpoints.load(*stepped(0)).steps == 1


def test_another_training_is_not_gone_on_with(tmp_path):
    """Other lyrics or settings are refused, unless the user says that they may go."""
    module, optimizer = stepped(1)
    Checkpoints(tmp_path, "one").save(State("one", steps=1), module, optimizer)
    with pytest.raises(InputError, match=r"unfinished training.*--overwrite"):
        Checkpoints(tmp_path, "other").load(module, optimizer)
    assert Checkpoints(tmp_path, "other", replace=True).load(module, optimizer) == State("other")


def test_a_pickle_is_not_run(tmp_path):
    """An optimiser file that holds code is refused by torch instead of being run."""
    module, optimizer = stepped(1)
    checkpoints = Checkpoints(tmp_path, "me")
    checkpoints.save(State("me", steps=1), module, optimizer)

    class Evil:
        def __reduce__(self):
            return print, ("run",)

    torch.save(Evil(), tmp_path / "checkpoint-000000001" / "optimizer.pt")
    with pytest.raises(pickle.UnpicklingError):
        checkpoints.load(module, optimizer)


def test_the_rate_rises_and_falls():
    """A linear rise to the peak, then down to a twentieth of it."""
    rates = [learning_rate(step, 100, 1.0, 0.1) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * i for i in range(1, 11)])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.05, abs=0.01)
