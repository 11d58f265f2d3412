"""K0S and K0L of a generator become K0 and its antiparticle here, as the particle table has them.

K0S and K0L are mixtures of both and have no strangeness; what a collision makes is K0 or its antiparticle.
How many of an event's n are K0 follows from the strangeness S of its other particles, since pion and proton
have none: (n - S) / 2.  Which ones they are is not known, and drawn.
"""

from __future__ import annotations

import numpy as np

from experiments.hadron.events.species import conserved
from lblhep.annotations import Integers

K0, K0_SHORT, K0_LONG = 311, 310, 130
STRANGENESS = 2  # its place among the conserved numbers
SEED = 311  # the same draw at every reading of a file


def with_flavour(pdg: Integers, multiplicity: Integers) -> Integers:
    """Return the PDG codes (P,) of events with ``multiplicity`` (N,) particles, K0S and K0L as K0 or anti-K0.

    Raises ValueError for an event whose strangeness they cannot balance, and for a code without strangeness
    in the particle table beside them.
    """
    kaon = np.isin(pdg, (K0_SHORT, K0_LONG))
    owner = np.repeat(np.arange(len(multiplicity)), multiplicity)
    count = np.bincount(owner[kaon], minlength=len(multiplicity))
    others = ~kaon & (count > 0)[owner]
    strangeness = np.zeros(len(multiplicity), dtype=np.int64)
    np.add.at(strangeness, owner[others], conserved(pdg[others])[:, STRANGENESS])
    odd = (count - strangeness) % 2 != 0
    if (unbalanced := (count > 0) & (odd | (abs(strangeness) > count))).any():
        event = int(np.argmax(unbalanced))
        raise ValueError(
            f"event {event} (from 0) has {count[event]} of K0S and K0L beside a strangeness of "
            f"{strangeness[event]}: particles are missing"
        )
    flavoured = pdg.copy()
    order = np.flatnonzero(kaon)[np.lexsort((np.random.default_rng(SEED).random(kaon.sum()), owner[kaon]))]
    place = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)  # among its event's kaons
    k0 = (count - strangeness) // 2
    flavoured[order] = np.where(place < k0[owner[order]], K0, -K0)
    return flavoured
