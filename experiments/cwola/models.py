"""State the classifier's architecture and the seed of its initial weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Classifier:
    """Describes a fully connected network with ReLU between ``hidden`` layers and one logit.

    It holds no weights: the task stacks the networks of a pack into one ``MLPEnsemble``, which draws each
    network's initial weights and minibatch order from ``seed``.  ``init`` numbers the initialisations.
    """

    random_arguments = ("init",)

    def __init__(self, rng: np.random.Generator, *, hidden: Sequence[int], init: int = 0) -> None:
        self.hidden = tuple(hidden)
        self.init = init
        self.seed = int(rng.integers(2**62))

    def sizes(self, n_features: int) -> tuple[int, ...]:
        """Return the layer widths from the inputs to the logit."""
        return (n_features, *self.hidden, 1)
