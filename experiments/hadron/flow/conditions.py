"""Networks are told these numbers of a collision: the pion's charge, and its energy."""

from __future__ import annotations

import torch
from torch import Tensor

BASIS_CENTRES, BASIS_WIDTH = torch.linspace(-1.1, 3.3, 9, dtype=torch.float64), 0.6  # in ln (T / GeV)
COLLISION_INPUTS = 2 + len(BASIS_CENTRES)  # the pion's charge and its energy, as numbers


def collision_inputs(kinetic_energy: Tensor, beam: Tensor) -> Tensor:
    """Return ln T / 2, charge and Gaussian basis, (N, COLLISION_INPUTS).

    ``kinetic_energy`` (N,) is in GeV, ``beam`` (N,) are the pions' PDG codes.
    """
    log = kinetic_energy.log()[:, None]
    return torch.cat([log / 2, torch.sign(beam).to(log)[:, None], gaussian_basis(kinetic_energy)], dim=1)


def gaussian_basis(kinetic_energy: Tensor) -> Tensor:
    """Return Gaussian basis functions in ln T, (N, len(BASIS_CENTRES)), of energies (N,) in GeV.

    Networks of ln T alone went astray between energies that they were trained at, on development windows;
    with these functions they do less.
    """
    log = kinetic_energy.log()[:, None]
    return torch.exp(-(((log - BASIS_CENTRES.to(log)) / BASIS_WIDTH) ** 2) / 2)
