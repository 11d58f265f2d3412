"""Produce dijet events by Pythia 8 with multiparton interactions, clustered, smeared and selected.

Two processes share one detector-level definition:

* QCD dijets, the background of the hunt;
* a narrow heavy resonance A -> X Y, X -> q q', Y -> q q', the signal of the LHC Olympics R&D set
  (arXiv:2101.08320): m_A = 3.5 TeV, m_X = 500 GeV, m_Y = 100 GeV.

Each event becomes one row: the two leading anti-kT R = 1.0 jets, their masses and substructure.  The
jets' energies are smeared by 3 % and their masses by a further 5 % (about what ATLAS quotes for such jets,
arXiv:1807.09477).  The heavier jet is "j1".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pythia8mc
from numpy.typing import NDArray

from experiments.cwola.substructure import cluster_two_leading, multiplicity, subjettiness
from lblhep.annotations import Floats
from lblhep.cards.ranges import EventRange

ENERGY_RESOLUTION = 0.03
MASS_RESOLUTION = 0.05
MIN_MJJ = 2500.0  # GeV
MAX_DELTA_ETA = 1.2  # the cut of arXiv:2005.02983; it removes the t-channel background
MAX_PARTICLE_ETA = 2.5
BATCH = 500  # generated events in memory at a time

# Columns are rounded far below the resolution: the sample compresses to half its size, and the last bit of
# a floating-point library does not decide whether two productions are the same.
DIGITS = {"mjj": 1, "delta_eta": 4, "pt_j1": 1, "pt_j2": 1, "m_j1": 1, "m_j2": 1}
SUBSTRUCTURE_DIGITS = 4

# The generator's own cuts lie about 10 % below the selection's, so that they bend the m_jj spectrum only
# where it is not used.  The rapidity cut has no Pythia setting: a user hook rejects such partons early,
# before the expensive shower (a factor 1.5 in speed).
QCD = ("HardQCD:all = on", "PhaseSpace:mHatMin = 2250.", "PhaseSpace:pTHatMin = 900.")
MAX_PARTON_DELTA_Y = 1.6


def resonance_commands(mass: float, heavy: float, light: float) -> tuple[str, ...]:
    """Return the Pythia commands for A(mass) -> X(heavy) Y(light), each to a quark pair; masses in GeV.

    The W' production process makes A, so A and X are charged and Y is neutral; A's width is forced to
    1 GeV: the observed line shape is the detector's and the shower's.
    """
    commands = [
        "NewGaugeBoson:ffbar2Wprime = on",
        f"34:m0 = {mass}",
        "34:doForceWidth = on",
        "34:mWidth = 1.",
        "34:mMin = 100.",
        f"9000001:new = X+ X- 1 3 0 {heavy} 1. {heavy - 20} {heavy + 20} 0.",
        "9000001:isResonance = on",
        "9000001:oneChannel = 1 1. 100 2 -1",
        f"9000002:new = Y0 void 1 0 0 {light} 1. {light - 20} {light + 20} 0.",
        "9000002:isResonance = on",
        "9000002:oneChannel = 1 0.5 100 1 -1",
        "9000002:addChannel = 1 0.5 100 2 -2",
    ]
    return (*commands, "34:oneChannel = 1 1. 100 9000001 9000002")


class CentralPartons(pythia8mc.UserHooks):  # type: ignore[misc]
    """Reject a hard process whose two partons are more than ``max_delta_y`` apart in rapidity."""

    def __init__(self, max_delta_y: float) -> None:
        super().__init__()
        self.max_delta_y = max_delta_y

    def canVetoProcessLevel(self) -> bool:  # noqa: N802 (Pythia's name)
        return True

    def doVetoProcessLevel(self, process: Any) -> bool:  # noqa: N802
        return abs(process[5].y() - process[6].y()) > self.max_delta_y


def qcd_dijets(events: EventRange) -> pa.Table:
    """Produce the QCD background: ``len(events)`` selected dijet rows with process = 0."""
    return _dijets(events, QCD, process=0, hook=CentralPartons(MAX_PARTON_DELTA_Y))


def resonance_dijets(
    events: EventRange, *, process: int, mass: float, heavy: float, light: float
) -> pa.Table:
    """Produce the signal A -> X Y -> 4 quarks.

    Args:
        events: the range to produce.
        process: the label of the rows.
        mass: of A in GeV.
        heavy: the mass of X in GeV.
        light: the mass of Y in GeV.
    """
    return _dijets(events, resonance_commands(mass, heavy, light), process=process)


def _dijets(events: EventRange, commands: tuple[str, ...], *, process: int, hook: Any = None) -> pa.Table:
    """Generate until exactly ``len(events)`` rows pass the selection."""
    rng = events.generator()
    batches: list[dict[str, NDArray[Any]]] = []
    missing = len(events)
    for particles in _visible_particles(events, commands, hook):
        batch = _select(particles, rng)
        batches.append(batch)
        missing -= len(batch["mjj"])
        if missing <= 0:
            break
    columns = {name: np.concatenate([b[name] for b in batches])[: len(events)] for name in batches[0]}
    return pa.table(
        {
            "event": np.arange(events.start, events.stop, dtype=np.int32),
            "process": np.full(len(events), process, dtype=np.int8),
            **columns,
        }
    )


def _visible_particles(events: EventRange, commands: tuple[str, ...], hook: Any) -> Iterator[Any]:
    """Yield batches of final visible particles, endlessly, from a Pythia seeded by the range.

    The instance is new for every range: a used one carries state (its maxima adapt), and the events would
    depend on what was made before.
    """
    pythia = pythia8mc.Pythia("", False)
    seed = 1 + events.seed % 899_999_999  # Pythia's largest seed is 9e8
    common = ("Print:quiet = on", "Beams:eCM = 13000.", "Random:setSeed = on", f"Random:seed = {seed}")
    for command in (*common, *commands):
        if not pythia.readString(command):
            raise ValueError(f"Pythia does not understand {command!r}")
    if hook is not None:
        pythia.setUserHooksPtr(hook)
    if not pythia.init():
        raise RuntimeError(f"Pythia failed to initialise with {commands}")
    while True:
        batch = pythia.nextBatch(BATCH)
        p, code = batch.prt.p, abs(batch.prt.id)
        eta = np.arcsinh(p.pz / np.maximum(np.hypot(p.px, p.py), 1e-9))
        neutrino = (code == 12) | (code == 14) | (code == 16)
        visible = (batch.prt.status > 0) & ~neutrino & (abs(eta) < MAX_PARTICLE_ETA)
        yield ak.zip({"px": p.px, "py": p.py, "pz": p.pz, "E": p.e})[visible]


def _select(particles: Any, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Cluster, smear and select one batch; the stream is used for every event, selected or not."""
    jets, constituents, _ = cluster_two_leading(particles)
    jets = jets * (1 + ENERGY_RESOLUTION * rng.standard_normal(jets.shape[:2]))[..., None]
    mass = _mass(jets) * (1 + MASS_RESOLUTION * rng.standard_normal(jets.shape[:2]))
    pair = jets.sum(axis=1)
    mjj = _mass(pair)
    eta = np.arcsinh(jets[..., 2] / np.hypot(jets[..., 0], jets[..., 1]))
    delta_eta = abs(eta[:, 0] - eta[:, 1])
    enough = ak.to_numpy(ak.all(ak.num(constituents, axis=2) >= 3, axis=1))
    kept = np.flatnonzero((mjj > MIN_MJJ) & (delta_eta < MAX_DELTA_ETA) & enough)

    heavier_first = np.argsort(-mass[kept], axis=1, kind="stable")
    both = ak.flatten(constituents[kept], axis=1)
    tau = subjettiness(both).reshape(-1, 2, 3)
    per_jet = {
        "pt": np.hypot(jets[kept, :, 0], jets[kept, :, 1]),
        "m": mass[kept],
        "tau21": tau[..., 1] / tau[..., 0],
        "tau32": tau[..., 2] / tau[..., 1],
        "n": multiplicity(both).reshape(-1, 2),
    }
    columns: dict[str, NDArray[Any]] = {"mjj": mjj[kept], "delta_eta": delta_eta[kept]}
    for name, values in per_jet.items():
        ordered = np.take_along_axis(values, heavier_first, axis=1)
        columns |= {f"{name}_j1": ordered[:, 0], f"{name}_j2": ordered[:, 1]}
    return {name: _rounded(name, values) for name, values in columns.items()}


def _mass(p: Floats) -> Floats:
    """Return the invariant mass of four-momenta (..., 4) = (px, py, pz, E); round-off below zero counts as
    zero."""
    return np.sqrt(np.maximum(p[..., 3] ** 2 - (p[..., :3] ** 2).sum(axis=-1), 0.0))


def _rounded(name: str, values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind == "i":
        return values
    return values.round(DIGITS.get(name, SUBSTRUCTURE_DIGITS)).astype(np.float32)
