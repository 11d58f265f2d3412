"""A component's random stream depends on the recipe's seed, its address and the arguments that it declares.

A component declares its random arguments by an attribute ``random_arguments: tuple[str, ...]``: the data set
of a pseudo-experiment, say, declares ``("pseudo_experiment",)``. Nothing else enters, so every fold, pack
and worker sees the same events.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np


def generator(seed: int, address: str, declared: Mapping[str, Any]) -> np.random.Generator:
    """Return the stream of the component at ``address`` (``datasets.dijets``) with these random arguments.

    The same arguments always give the same stream, on any machine; ``declared`` holds plain values.
    """
    text = json.dumps([seed, address, dict(declared)], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype="<u4").tolist())
