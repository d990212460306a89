"""Six texts of which three are fitted, and whom the others ask."""

import numpy as np

from rapids_rap.clustering.sample import Near, Sample

SAMPLE = Sample(np.array([0, 2, 5]), np.array([1, 3, 4]))
NEAR = Near(
    np.array([[0, 1, 2], [2, 1, 0], [1, 2, 0]]),
    np.array([[0.1, 0.2, 0.9], [0.1, 0.1, 0.9], [0.3, 0.3, 0.3]], dtype=np.float32),
)
