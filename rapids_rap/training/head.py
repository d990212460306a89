"""`head` mode: a projection on frozen vectors, for machines without the memory to tune the model.

The encoder is only read; what learns is one square matrix that starts as the identity. Instead of
dropout a view is the vector plus noise. Noise of a fixed deviation per dimension drowns vectors of
many dimensions (0.05 each on 1,536 of them leaves two views a cosine of 0.2), so the level here is
relative to the vector's length, whatever its dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from rapids_rap.arrays import Float32s
from rapids_rap.config import TrainConfig
from rapids_rap.embedding.encoder import Encoder
from rapids_rap.training.folder import save_head
from rapids_rap.training.learner import Prepared

CHUNK = 4_096  # vectors: no activations worth sparing


def expected_cosine(noise: float) -> float:
    """Of two views of one vector, each with noise of `noise` times its length: 1 / (1 + noise²)."""
    return 1 / (1 + noise**2)


class HeadLearner:
    """A square matrix without bias on the vectors of a frozen encoder. See `Learner`."""

    def __init__(self, encoder: Encoder, config: TrainConfig) -> None:
        self.encoder, self.device = encoder, encoder.lane.device
        dim = encoder.spec.dim
        self.module: nn.Module = nn.Linear(dim, dim, bias=False, device=self.device)
        self.noise = config.noise
        with torch.no_grad():
            self.weight.copy_(torch.eye(dim, device=self.device))

    @property
    def weight(self) -> Tensor:
        """(d, d) float32."""
        weight = self.module.weight
        assert isinstance(weight, Tensor)
        return weight

    def prepare(self, texts: Sequence[str]) -> Prepared:
        """The frozen vectors, each distinct text encoded once."""
        distinct, inverse = np.unique(np.array(texts, dtype=object), return_inverse=True)
        vectors: Float32s = self.encoder.encode(distinct.tolist())[inverse]
        rows = [np.arange(i, min(i + CHUNK, len(texts))) for i in range(0, len(texts), CHUNK)]
        return Prepared(rows, torch.from_numpy(vectors).to(self.device), fits=True)

    def embed(self, prepared: Prepared, chunk: int) -> Tensor:
        """See `Learner.embed`; in training with noise before the projection."""
        vectors = prepared.data[prepared.rows[chunk]]
        if self.module.training and self.noise:
            noise = torch.randn_like(vectors) * (self.noise / vectors.shape[1] ** 0.5)
            vectors = vectors + noise
        return functional.normalize(self.module(vectors), dim=-1)

    def save(self, folder: Path) -> None:
        """The encoder as it was, and the projection as a step after its pooling."""
        save_head(self.weight.detach().float().cpu(), self.encoder.spec, folder)
