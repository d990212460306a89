"""Linear layers whose weights oneDNN has laid out once, for a float32 model on a CPU.

torch gives a float32 product to MKL, which lays the weights out anew for every batch. oneDNN keeps
them as its kernels want them and comes nearer to what a core can do (docs/performance.md). The two
operators are those that torch's own compiler puts in place of a linear layer when it freezes a
model; they are no public interface, so where they are missing or refuse, the layer stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

ROWS = 1024  # tokens a batch that the layout is chosen for; other batches run as well


class LaidOutLinear(torch.nn.Module):
    """`torch.nn.Linear` without gradients. weight: (out, in) float32 in oneDNN's own layout."""

    weight: torch.Tensor

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        laid_out = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), ROWS)
        self.register_buffer("weight", laid_out)
        self.bias = linear.bias
        self.in_features, self.out_features = linear.in_features, linear.out_features

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """(..., in) to (..., out), as `torch.nn.Linear` up to rounding."""
        out: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            states, self.weight, self.bias, "none", [], ""
        )
        return out


def lay_out(model: torch.nn.Module) -> Callable[[], None] | None:
    """Replace the float32 linear layers of a model; return what puts them back, value for value.

    None, and the model as it was, where this torch or processor has no such layers. One layer at a
    time is held twice.
    """
    if not torch.backends.mkldnn.is_available():
        return None
    try:
        with torch.no_grad():
            LaidOutLinear(torch.nn.Linear(16, 16))(torch.zeros(1, 16))
    except (AttributeError, RuntimeError):
        return None
    _exchange(model, torch.nn.Linear, _laid_out)
    return lambda: _exchange(model, LaidOutLinear, _put_back)


def _exchange(
    model: torch.nn.Module,
    kind: type[torch.nn.Module],
    make: Callable[[torch.nn.Module], torch.nn.Module],
) -> None:
    """Put `make(layer)` in place of every layer of exactly that kind, a shared one once."""
    places: dict[int, list[str]] = {}
    for path, layer in model.named_modules(remove_duplicate=False):
        if path and type(layer) is kind:
            places.setdefault(id(layer), []).append(path)
    with torch.no_grad():
        for paths in places.values():  # no list of the layers: each is freed when it is replaced
            made = make(model.get_submodule(paths[0]))
            for path in paths:
                model.set_submodule(path, made)


def _laid_out(linear: torch.nn.Module) -> torch.nn.Module:
    assert isinstance(linear, torch.nn.Linear)
    return LaidOutLinear(linear) if linear.weight.dtype == torch.float32 else linear


def _put_back(laid_out: torch.nn.Module) -> torch.nn.Module:
    assert isinstance(laid_out, LaidOutLinear)
    weight = laid_out.weight.to_dense()
    linear = torch.nn.Linear(1, 1, bias=False)
    linear.in_features, linear.out_features = laid_out.in_features, laid_out.out_features
    linear.weight = torch.nn.Parameter(weight, requires_grad=False)
    linear.bias = laid_out.bias
    return linear
