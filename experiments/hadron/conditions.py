"""What networks are told of a collision: the pion, and its energy."""

from __future__ import annotations

import torch
from torch import Tensor

BELLS, BELL_WIDTH = torch.linspace(-1.1, 3.3, 9, dtype=torch.float64), 0.6  # in ln (T / GeV)
COLLISION = 2 + len(BELLS)  # numbers


def collision(kinetic_energy: Tensor, beam: Tensor) -> Tensor:
    """ln T / 2, the pion's charge, and bells over ln T, (N, COLLISION), of energies (N,) in GeV."""
    log = kinetic_energy.log()[:, None]
    return torch.cat([log / 2, torch.sign(beam).to(log)[:, None], bells(kinetic_energy)], dim=1)


def bells(kinetic_energy: Tensor) -> Tensor:
    """Over ln T, (N, len(BELLS)), of energies (N,) in GeV.

    Networks of ln T alone went astray between energies that they were trained at, on development windows;
    with bells they do less.
    """
    log = kinetic_energy.log()[:, None]
    return torch.exp(-(((log - BELLS.to(log)) / BELL_WIDTH) ** 2) / 2)
