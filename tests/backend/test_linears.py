"""Tests of laid-out linear layers: the same numbers, put back to the bit, nothing else touched."""

import pytest
import torch

from rapids_rap.backend import linears
from rapids_rap.backend.linears import LaidOutLinear, lay_out

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this torch is built without oneDNN"
)


class Own(torch.nn.Linear):
    """A layer that computes in a way of its own."""


def layers():
    """Linear layers with and without bias, one shared, one of its own kind, one in half."""
    torch.manual_seed(0)
    shared = torch.nn.Linear(24, 24, bias=False)
    model = torch.nn.Sequential(torch.nn.Linear(40, 24), shared, torch.nn.GELU(), shared)
    model.append(Own(24, 24)).append(torch.nn.Linear(24, 8).to(torch.bfloat16))
    return model


@pytest.mark.parametrize("shape", [(1, 40), (7, 40), (3, 5, 40), (64, 17, 40)])
def test_a_laid_out_layer_computes_what_linear_does(shape):
    """Batches of any shape, the layout's own number of rows or not."""
    model, states = layers()[:4], torch.randn(shape)
    with torch.inference_mode():
        expected = model(states)
        assert lay_out(model) is not None
        torch.testing.assert_close(model(states), expected, atol=1e-5, rtol=1e-5)


def test_only_plain_float32_layers_are_replaced_and_a_shared_one_stays_shared():
    """A layer that computes otherwise, or rounds otherwise, must be left alone."""
    model = layers()
    lay_out(model)
    kinds = [type(layer) for layer in model]
    assert kinds[0] is kinds[1] is LaidOutLinear
    assert kinds[4:] == [Own, torch.nn.Linear]
    assert model[1] is model[3]


def test_what_was_laid_out_comes_back_to_the_bit():
    """A model that can't run with laid-out layers must be what it was."""
    model, before = layers(), layers().state_dict()
    take_back = lay_out(model)
    take_back()
    assert [type(layer) for layer in model[:2]] == [torch.nn.Linear] * 2
    after = model.state_dict()
    assert after.keys() == before.keys()
    for name, value in before.items():
        assert torch.equal(after[name], value), name
    states = torch.randn(3, 40)
    assert torch.equal(model[:4](states), layers()[:4](states))


@pytest.mark.parametrize("error", [RuntimeError("no kernel"), AttributeError("no operator")])
def test_where_torch_has_no_such_operator_the_model_stays_as_it_is(monkeypatch, error):
    """The operators are no public interface: without them everything runs as before."""

    def refuse(self, linear):
        raise error

    monkeypatch.setattr(linears.LaidOutLinear, "__init__", refuse)
    model = layers()
    assert lay_out(model) is None
    assert type(model[0]) is torch.nn.Linear
