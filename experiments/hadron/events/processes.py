"""This table lists the processes by which a pion and a proton react.

The samples of UrQMD and Geant4 depend on this file: whatever changes here but docstrings makes them anew.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lblhep.annotations import Integers


class Process(NamedTuple):
    """This class is a process: its column in the card ``pion-proton-sigma``, and what events call it.

    The codes are Pythia's number of the class of collision, or the PDG codes of the resonance in pi+ p and
    pi- p (Pythia's own code where there is none).
    """

    name: str
    codes: tuple[int, ...]

    @property
    def is_resonant(self) -> bool:
        """Return whether the process makes one baryon resonance."""
        return self.name.startswith(("delta_", "n_"))


UNKNOWN = 0  # the process of events whose generator does not say
PROCESSES = (
    Process("nondiffractive", (151,)),
    Process("pion_dissociation", (153,)),
    Process("proton_dissociation", (154,)),
    Process("double_dissociation", (155,)),
    Process("delta_1232", (2224, 2114)),
    Process("delta_1600", (202224, 202114)),
    Process("delta_1620", (112222, 112112)),
    Process("delta_1700", (122224, 122114)),
    Process("delta_1905", (212226, 212116)),
    Process("delta_1910", (222222, 222112)),
    Process("delta_1920", (222224, 222114)),
    Process("delta_1950", (202228, 202118)),
    Process("n_1440", (202112,)),
    Process("n_1520", (102114,)),
    Process("n_1535", (102112,)),
    Process("n_1650", (122112,)),
    Process("n_1675", (102116,)),
    Process("n_1680", (202116,)),
    Process("n_1700", (112114,)),
    Process("n_1710", (212112,)),
    Process("n_1720", (212114,)),
    Process("unknown", (UNKNOWN,)),
)
STATED = tuple(process for process in PROCESSES if process.codes != (UNKNOWN,))  # with a cross-section


def place(codes: NDArray[Any]) -> Integers:
    """Return the places of codes (any shape) in ``PROCESSES``; a ValueError names unknown codes."""
    known = {code: i for i, process in enumerate(PROCESSES) for code in process.codes}
    values, inverse = np.unique(codes, return_inverse=True)
    if missing := [str(code) for code in values if code not in known]:
        raise ValueError(f"no such process: {', '.join(missing)}; experiments/hadron/events/processes.py")
    return np.array([known[code] for code in values])[inverse].reshape(codes.shape)
