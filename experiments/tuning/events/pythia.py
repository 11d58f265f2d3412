"""Make charged particles of hadronic Z decays at rest by Pythia 8.

"Charged particles" are those of the measurements: stable ones and the products of whatever decays within
c tau = 300 mm (a lifetime of 1 ns), so K0S, Lambda and the other weakly decaying hyperons count through their
products, while pi, K, mu and K0L are stable.  Initial-state radiation is off: the data are corrected for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import awkward as ak
import numpy as np
import pythia8mc
from numpy.typing import NDArray

from lblhep.annotations import Floats

ENERGY = 91.19  # GeV, centre of mass
BATCH_SIZE = 5000  # events in memory at a time
MAX_PYTHIA_SEED = 900_000_000
CHARGED = (11, 13, 211, 321, 2212, 3112, 3222, 3312, 3334)  # what can be left over at the end, and has charge

PROCESS = (
    "Beams:idA = 11",
    "Beams:idB = -11",
    f"Beams:eCM = {ENERGY}",
    "PDF:lepton = off",
    "WeakSingleBoson:ffbar2gmZ = on",
    "23:onMode = off",
    "23:onIfAny = 1 2 3 4 5",
    "ParticleDecays:limitTau0 = on",
    "ParticleDecays:tau0Max = 300.",
)


def charged_particles(
    commands: Sequence[str], n_events: int, seed: int
) -> Iterator[tuple[Floats, NDArray[np.int64]]]:
    """Yield batches of ``n_events`` events in all: four-momenta, and each event's number of particles.

    Momenta (particles, 4) are (px, py, pz, E) in GeV, event after event.

    ``commands`` are the settings beyond ``PROCESS``; ``seed`` is any non-negative integer.
    """
    pythia = pythia8mc.Pythia("", False)
    fixed = ("Print:quiet = on", "Random:setSeed = on", f"Random:seed = {1 + seed % (MAX_PYTHIA_SEED - 1)}")
    for command in (*fixed, *PROCESS, *commands):
        if not pythia.readString(command):
            raise ValueError(f"Pythia does not understand {command!r}")
    if not pythia.init():
        raise RuntimeError(f"Pythia failed to initialise with {', '.join(commands)}")
    missing = n_events
    while missing:
        batch = pythia.nextBatch(min(BATCH_SIZE, missing))
        if not len(batch):
            raise RuntimeError(f"Pythia makes no more events with {', '.join(commands)}")
        missing -= len(batch)
        yield _charged(batch.prt)


def _charged(particles: ak.Array) -> tuple[Floats, NDArray[np.int64]]:
    """Return the final charged particles of a batch, flattened."""
    per_event = ak.to_numpy(ak.num(particles.id))
    code = abs(ak.to_numpy(ak.flatten(particles.id)))
    kept = (ak.to_numpy(ak.flatten(particles.status)) > 0) & np.isin(code, CHARGED)
    event = np.repeat(np.arange(len(per_event)), per_event)[kept]
    p = ak.flatten(particles.p)
    momenta = np.stack([ak.to_numpy(p[axis])[kept] for axis in ("px", "py", "pz", "e")], axis=1)
    return momenta, np.bincount(event, minlength=len(per_event))
