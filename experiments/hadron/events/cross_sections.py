"""This module has the cross-section of each process at every energy: what is known without events.

A simulation needs cross-sections to know where a pion reacts, and generators state them as functions.  The
shares of processes have peaks and thresholds, where resonances lie and where models change; what a process
leaves varies slowly with the energy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from experiments.hadron.events.processes import PROCESSES, STATED, UNKNOWN, place
from experiments.hadron.events.species import PI_PLUS
from lblhep.annotations import Integers

MIN_CROSS_SECTION = 1e-6  # mb: a process that does not happen


class CrossSections(nn.Module):
    """This data set has the cross-sections of all ``PROCESSES``, from the card ``pion-proton-sigma``.

    They are linear in ln T between the card's points.
    """

    def __init__(self, data: Any) -> None:
        super().__init__()
        table = data.table(["beam", "kinetic_energy", *(process.name for process in STATED)])
        rows = {name: table[name].to_numpy() for name in table.column_names}
        order = np.lexsort((rows["kinetic_energy"], rows["beam"] != PI_PLUS))
        sigma = np.stack([rows[name] if name in rows else 0 * order for name, _ in PROCESSES], axis=1)
        points = len(order) // 2  # of either pion
        self.register_buffer("energies", torch.tensor(np.log(rows["kinetic_energy"][order][:points])))
        self.register_buffer("points", torch.tensor(sigma[order].reshape(2, points, len(PROCESSES))))

    def forward(self, kinetic_energy: Tensor, beam: Tensor) -> Tensor:
        """Return ln of the cross-sections (N, processes) in mb, each at least ``MIN_CROSS_SECTION``."""
        log = kinetic_energy.log().clamp(self.energies[0], self.energies[-1])
        upper = torch.searchsorted(self.energies, log.detach()).clamp(1, len(self.energies) - 1)
        low, high = self.energies[upper - 1], self.energies[upper]
        share, pion = ((log - low) / (high - low))[:, None], (beam != PI_PLUS).long()
        sigma = torch.lerp(self.points[pion, upper - 1], self.points[pion, upper], share)
        return sigma.clamp_min(MIN_CROSS_SECTION).log()


def refuse_unknown(process: Integers) -> None:
    """Raise ValueError if one of these places in ``PROCESSES`` is that of an unknown process."""
    if (process == place(np.array(UNKNOWN))).any():
        raise ValueError("events that do not state their process have no cross-section: give none")
