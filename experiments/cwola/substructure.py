"""Compute jets and their substructure for a batch of events, by fastjet's array interface, without a loop.

N-subjettiness follows arXiv:1108.2701 with beta = 1; the axes are those of exclusive kT clustering with
the winner-takes-all scheme, which need no minimisation and lie along a hard particle (arXiv:1401.2158).
"""

from __future__ import annotations

import warnings
from typing import Any

import awkward as ak
import fastjet
import numpy as np
from numpy.typing import NDArray

from lblhep.annotations import Floats

RADIUS = 1.0
MIN_JET_PT = 200.0  # GeV
MIN_TRACK_PT = 1.0  # GeV: softer constituents do not count in the multiplicity

_FIELDS = ("px", "py", "pz", "E")
_ANTI_KT = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
# The radius exceeds any jet's: exclusive clustering must not leave a constituent with the beam.
_KT_WTA = fastjet.JetDefinition(fastjet.kt_algorithm, 10.0, fastjet.WTA_pt_scheme)


def _momenta(array: Any) -> Any:
    return ak.zip({k: array[k] for k in _FIELDS}, with_name="Momentum4D")


def cluster_two_leading(particles: Any) -> tuple[Floats, Any, NDArray[np.int64]]:
    """Cluster each event and keep the two jets of highest pT.

    ``particles``: awkward array (events x particles) with fields px, py, pz, E in GeV.  Returns the jets'
    four-momenta (events, 2, 4) in GeV, their constituents (awkward, events x 2 x n), and the indices of the
    events that have two jets above 200 GeV; the first two hold those events only.
    """
    particles = _momenta(particles)
    sequence = fastjet.ClusterSequence(particles, _ANTI_KT)
    jets = sequence.inclusive_jets(MIN_JET_PT)
    order = ak.argsort(np.hypot(jets.px, jets.py), axis=1, ascending=False)[:, :2]
    kept = np.flatnonzero(ak.to_numpy(ak.num(order) == 2))
    constituents = sequence.constituents(MIN_JET_PT)[order][kept]
    leading = jets[order][kept]
    four_momenta = np.stack([ak.to_numpy(leading[k]) for k in _FIELDS], axis=-1)
    return four_momenta, constituents, kept


def _rapidity_phi(p: Any) -> tuple[Any, Any]:
    return np.arctanh(p.pz / p.E), np.arctan2(p.py, p.px)


def subjettiness(jets: Any, max_n: int = 3) -> Floats:
    """Return tau_1 ... tau_max_n of each jet, shape (jets, max_n); ``jets``: awkward array (jets x
    constituents).

    tau_N = sum_i pT_i min_k dR(i, axis_k) / (R sum_i pT_i).  Jets need at least ``max_n`` constituents.
    """
    jets = _momenta(jets)
    with warnings.catch_warnings():
        # fastjet warns about "jet-finders other than kt" for every definition that carries a scheme.
        warnings.filterwarnings("ignore", message="dcut and exclusive jets")
        sequence = fastjet.ClusterSequence(jets, _KT_WTA)
        axes = [sequence.exclusive_jets(n) for n in range(1, max_n + 1)]
    y, phi = _rapidity_phi(jets)
    pt = np.hypot(jets.px, jets.py)
    taus = []
    for axis in axes:
        axis_y, axis_phi = _rapidity_phi(axis)
        dy = y[:, :, None] - axis_y[:, None, :]
        dphi = (phi[:, :, None] - axis_phi[:, None, :] + np.pi) % (2 * np.pi) - np.pi
        nearest = ak.min(np.hypot(dy, dphi), axis=2)
        taus.append(ak.to_numpy(ak.sum(pt * nearest, axis=1) / (RADIUS * ak.sum(pt, axis=1))))
    return np.stack(taus, axis=-1)


def multiplicity(jets: Any) -> NDArray[np.int16]:
    """Return the number of visible constituents above 1 GeV of transverse momentum in each jet."""
    return ak.to_numpy(ak.sum(np.hypot(jets.px, jets.py) > MIN_TRACK_PT, axis=1)).astype(np.int16)
