"""Files whose beams fly in any direction are brought into our frame here: events are turned, pions found."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from experiments.hadron.events.species import PI_MINUS, PI_PLUS, conserved
from lblhep.annotations import Floats, Integers

CHARGE = 0  # its place among the conserved numbers


def along_z(momenta: Floats, direction: Floats, multiplicity: Integers) -> Floats:
    """Return four-momenta (P, 4) of N events, turned so that their beams fly along +z.

    ``direction`` (N, 3) may have any length; ``multiplicity`` (N,) are the particles of each event.  Raises
    ValueError for a direction that is none.
    """
    x, y, z = direction.T
    across = np.hypot(x, y)
    if (nowhere := (across == 0) & (z == 0)).any():
        raise ValueError(f"the beam of event {int(np.argmax(nowhere))} (from 0) has no direction")
    angles = np.stack([-np.arctan2(y, x), -np.arctan2(across, z)], axis=1)
    turn = Rotation.from_euler("zy", np.repeat(angles, multiplicity, axis=0))
    return np.concatenate([turn.apply(momenta[:, :3]), momenta[:, 3:]], axis=1)


def pion_of(pdg: Integers, multiplicity: Integers) -> Integers:
    """Return the pions (N,) that, with a proton, have the charge of the particles ``pdg`` (P,).

    Raises ValueError for an event that has the charge of neither, and for codes not in the particle table.
    """
    owner = np.repeat(np.arange(len(multiplicity)), multiplicity)
    charge = np.zeros(len(multiplicity), dtype=np.int64)
    np.add.at(charge, owner, conserved(pdg)[:, CHARGE])
    if (wrong := ~np.isin(charge, (0, 2))).any():
        event = int(np.argmax(wrong))
        raise ValueError(
            f"event {event} (from 0) has a charge of {charge[event]}, a pion and a proton have 0 or 2: "
            "particles are missing, or the beam is another"
        )
    return np.where(charge == 2, PI_PLUS, PI_MINUS)
