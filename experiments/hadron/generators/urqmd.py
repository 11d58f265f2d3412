"""UrQMD 3.4 makes inelastic pion-proton collisions here through chromo, from sqrt(s) = 2 GeV on.

UrQMD is Fortran with one state for a process, and writes tables into the working folder: every event range
has a process and a folder of its own.  Three things are made the same as in the sample of Pythia:

* UrQMD gives a multiplet one mass (0.138 GeV for pions, 0.938 GeV for nucleons).  The momenta in the centre
  of mass are scaled by the factor that, with the masses of Pythia, gives sqrt(s).
* What UrQMD leaves and Pythia would not (c tau below 1e-9 mm) decays by Pythia.
* chromo reports K0S and K0L; here UrQMD's own record is read, which has K0 and anti-K0.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.optimize import brentq

from experiments.hadron.events.arrays import FROM_COLLISION
from experiments.hadron.events.kinematics import centre_of_mass_energy
from experiments.hadron.events.processes import UNKNOWN
from experiments.hadron.events.species import PROTON
from experiments.hadron.generators.collisions import (
    MAX_SEED,
    Collision,
    Particle,
    draw_beams,
    draw_energies,
    laboratory_events,
)
from experiments.hadron.generators.pythia import DECAY_SETTINGS, final_particles, start
from lblhep.annotations import Floats, Integers
from lblhep.cards.ranges import EventRange

REQUEST, COLLISIONS = "request.npz", "collisions.npz"


def pion_proton(events: EventRange, *, energy: float | Sequence[float]) -> pa.Table:
    """Return events of UrQMD in the form of ``experiments.hadron.producers:pion_proton``, from 1.52 GeV on.

    Raises ImportError if the extra ``urqmd`` is not installed.
    """
    if importlib.util.find_spec("chromo") is None:
        raise ImportError("UrQMD needs the extra `urqmd`: pip install -c constraints.txt -e '.[urqmd]'")
    rng = events.generator()
    kinetic_energy = draw_energies(energy, len(events), rng)
    beam = draw_beams(len(events), rng)
    urqmd_seed, decay_seed = (int(seed) for seed in rng.integers(1, MAX_SEED, 2))
    decays = start(("ProcessLevel:all = off", *DECAY_SETTINGS), decay_seed)
    collisions = [
        _without_resonances(decayed(decays, pdg, on_mass_shells(decays, pdg, momenta, sqrt_s)))
        for (pdg, momenta), sqrt_s in zip(
            _own_process(beam, kinetic_energy, urqmd_seed),
            centre_of_mass_energy(kinetic_energy).tolist(),
            strict=True,
        )
    ]
    return laboratory_events(events, beam, kinetic_energy, collisions).table()


def on_mass_shells(pythia: Any, pdg: Integers, momenta: Floats, sqrt_s: float) -> Floats:
    """Return four-momenta (particles, 4) at rest in all, with Pythia's masses and the energy ``sqrt_s``.

    Args:
        pythia: A Pythia, whose masses are taken.
        pdg: The PDG codes (particles,).
        momenta: Four-momenta (particles, 4) in any frame, with any masses, GeV.
        sqrt_s: The energy in GeV that they shall have.

    Returns:
        The scaled four-momenta in GeV.

    Raises:
        ValueError: The masses alone exceed ``sqrt_s``.
    """
    mass = np.array([pythia.particleData.m0(code) for code in pdg.tolist()])
    p = _at_rest(momenta)[:, :3]
    p2 = (p**2).sum(axis=1)
    if mass.sum() >= sqrt_s:
        raise ValueError(f"particles {pdg.tolist()} are heavier than sqrt(s) = {sqrt_s} GeV")
    # One factor of 2 in energy is far beyond what the masses' differences ask for.
    scale = brentq(lambda x: np.sqrt(mass**2 + x**2 * p2).sum() - sqrt_s, 0.0, 2.0, xtol=1e-15, rtol=1e-15)
    return np.column_stack([scale * p, np.sqrt(mass**2 + scale**2 * p2)])


def _at_rest(momenta: Floats) -> Floats:
    """Return four-momenta boosted to where their sum is at rest.

    The samples' digits depend on this form of the boost, which ``decay_chain.to_rest_frame`` writes
    otherwise.
    """
    total = momenta.sum(axis=0)
    beta = total[:3] / total[3]
    gamma = 1 / np.sqrt(1 - beta @ beta)
    along = momenta[:, :3] @ beta
    factor = gamma**2 / (1 + gamma) * along - gamma * momenta[:, 3]
    return np.column_stack([momenta[:, :3] + factor[:, None] * beta, gamma * (momenta[:, 3] - along)])


def decayed(pythia: Any, pdg: Integers, momenta: Floats) -> list[Particle]:
    """Return the particles after the decays that ``pythia`` is set to.

    Raises RuntimeError if Pythia fails.
    """
    event = pythia.event
    event.reset()
    for code, (px, py, pz, e) in zip(pdg.tolist(), momenta.tolist(), strict=True):
        event.append(code, 1, 0, 0, px, py, pz, e, pythia.particleData.m0(code))
    if not pythia.next():
        raise RuntimeError(f"Pythia failed to decay {pdg.tolist()}")
    return final_particles(event)


def _without_resonances(particles: list[Particle]) -> Collision:
    """Return a collision of these particles: the sample does not tell which resonances there were."""
    return Collision(UNKNOWN, particles, [FROM_COLLISION] * len(particles), [], [])


def _own_process(beam: Integers, kinetic_energy: Floats, seed: int) -> Iterator[tuple[Integers, Floats]]:
    """Yield each event's PDG codes (particles,) and four-momenta (particles, 4), as UrQMD has them."""
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / REQUEST, beam=beam, kinetic_energy=kinetic_energy, seed=seed)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        ended = subprocess.run(
            [sys.executable, "-m", __name__], cwd=folder, env=environment, capture_output=True, text=True
        )
        if ended.returncode:
            raise RuntimeError(f"UrQMD failed: {ended.stderr.strip() or ended.stdout.strip()}")
        with np.load(Path(folder) / COLLISIONS) as made:
            ends = np.cumsum(made["multiplicity"])[:-1]
            yield from zip(np.split(made["pdg"], ends), np.split(made["momenta"], ends), strict=True)


def _collide_as_requested() -> None:
    """Do in its own folder what the process that ``_own_process`` starts has to do."""
    with np.load(REQUEST) as request:
        beam, kinetic_energy, seed = (request[name] for name in ("beam", "kinetic_energy", "seed"))
    collisions = list(_inelastic(beam.tolist(), kinetic_energy.tolist(), int(seed)))
    np.savez(
        COLLISIONS,
        multiplicity=np.array([len(pdg) for pdg, _ in collisions]),
        pdg=np.concatenate([pdg for pdg, _ in collisions]),
        momenta=np.concatenate([momenta for _, momenta in collisions]),
    )


def _inelastic(
    beam: list[int], kinetic_energy: list[float], seed: int
) -> Iterator[tuple[Integers, NDArray[Any]]]:
    from chromo.kinematics import FixedTarget, KinEnergy
    from chromo.models import UrQMD34

    at = [FixedTarget(KinEnergy(t), pion, PROTON) for pion, t in zip(beam, kinetic_energy, strict=True)]
    urqmd = UrQMD34(at[0], seed=seed)
    codes = _codes(urqmd._pdg2modid)
    record = urqmd._lib
    for pion, kinematics in zip(beam, at, strict=True):
        urqmd.kinematics = kinematics
        while True:
            urqmd._generate()  # without chromo's event, which has no K0
            n = int(record.sys.npart)
            types, isospins = record.isys.ityp[:n].tolist(), record.isys.iso3[:n].tolist()
            pdg = np.array([codes[key] for key in zip(types, isospins, strict=True)])
            if sorted(pdg.tolist()) != sorted((pion, PROTON)):
                break
        p = record.coor
        yield pdg, np.stack([p.px[:n], p.py[:n], p.pz[:n], p.p0[:n]], axis=1)


# 2 I3 of neutral cascades, of which chromo's table has 0.
XI0 = {(49, 1): 3322, (50, 1): 3324}


def _codes(chromo_table: dict[int, tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Return PDG codes by UrQMD's type and 2 I3, from chromo's table.

    The table gives an antibaryon its baryon's I3.
    """
    particles = {(kind, isospin): code for code, (kind, isospin) in chromo_table.items() if kind > 0}
    particles |= XI0
    kinds = {kind for kind, _ in chromo_table.values()}
    return particles | {(-k, -isospin): -code for (k, isospin), code in particles.items() if -k in kinds}


if __name__ == "__main__":
    _collide_as_requested()
