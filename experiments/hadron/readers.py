"""These readers bring Geant4's final states, as groups write them, to the columns of ``events.arrays``.

All layouts have one row an event of a pion on a proton at rest, and Geant4's unit, the MeV:

* ``geant4_root``: a TTree with ``beam`` (PDG code of the pion), ``T`` (its kinetic energy) and the vectors
  ``pdg``, ``px``, ``py``, ``pz``, ``E``;
* ``geant4_csv``: ``beam``, ``T`` and a fixed number of leading hadrons, ``pdg1,px1,py1,pz1,E1,pdg2,...``,
  where an event with fewer has ``pdg`` 0.  What is not among the leading hadrons is missing from the sums;
* ``g4evtgen_csv``: numbers between blanks without a header, ``beam dx dy dz T`` and then ``pdg px py pz E``
  of each particle;
* ``hadronic_nf_root``: a TTree ``output`` with ``incoming`` (E, px, py, pz of the pion) and the vectors
  ``particle_id``, ``particle_px``, ``particle_py``, ``particle_pz``, ``particle_E``.

In the first two the pion flies along +z; in the last two anywhere, and the event is turned.  All but
``geant4_csv`` tell K0S and K0L as K0 and its antiparticle (``generators.neutral_kaons``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from experiments.hadron.events.arrays import FROM_COLLISION, Events, Resonances
from experiments.hadron.events.kinematics import PION_MASS
from experiments.hadron.events.processes import UNKNOWN
from experiments.hadron.events.species import PI_MINUS, PI_PLUS
from experiments.hadron.generators.beams import along_z, pion_of
from experiments.hadron.generators.neutral_kaons import with_flavour
from lblhep.annotations import Floats, Integers
from lblhep.cards.formats import read_csv, read_root

MEV_PER_GEV = 1000  # exact: 700 MeV are 0.7 GeV, and 700 * 1e-3 is not
MOMENTA = ("px", "py", "pz", "E")
NUMBERS_EACH = 5  # of the beam and of each particle in a row of g4evtgen
SHELL_TOLERANCE = 1e-6  # of E^2: what float32 leaves of E^2 - p^2


def geant4_root(path: Path) -> pa.Table:
    """Read a ROOT file with one TTree of vectors."""
    tree = read_root(path, ["beam", "T", "pdg", *MOMENTA])
    multiplicity, flat = _vectors(tree, ("pdg", *MOMENTA))
    return _of_rows(
        tree, multiplicity, flat | {"pdg": with_flavour(flat["pdg"].astype(np.int64), multiplicity)}
    )


def _vectors(tree: pa.Table, names: Sequence[str]) -> tuple[Integers, dict[str, NDArray[Any]]]:
    """Return the lengths (N,) of the rows' vectors and their values; ValueError if the lengths differ."""
    lists = {name: tree[name].combine_chunks() for name in names}
    lengths = {name: pc.list_value_length(values).to_numpy() for name, values in lists.items()}
    for name in names:
        if not np.array_equal(lengths[name], lengths[names[0]]):
            raise ValueError(f"the vectors {name} and {names[0]} differ in length")
    return lengths[names[0]].astype(np.int64), {
        name: values.flatten().to_numpy() for name, values in lists.items()
    }


def geant4_csv(path: Path) -> pa.Table:
    """Read a CSV file of leading hadrons.

    Raises ValueError if there is no column ``pdg1``.
    """
    rows = read_csv(path)
    places = sorted(int(name[3:]) for name in rows.column_names if re.fullmatch(r"pdg\d+", name))
    if not places:
        raise ValueError("there is no column pdg1")
    padded = {
        name: np.stack([rows[f"{name}{place}"].to_numpy() for place in places], axis=1)
        for name in ("pdg", *MOMENTA)
    }
    there = padded["pdg"] != 0
    return _of_rows(rows, there.sum(axis=1), {name: values[there] for name, values in padded.items()})


def g4evtgen_csv(path: Path) -> pa.Table:
    """Read a file of g4evtgen, rows of any length.

    Raises ValueError with the line that is wrong.
    """
    lines = enumerate(path.read_text().splitlines(), start=1)
    rows = [_numbers(line, text) for line, text in lines if text.strip()]
    if not rows:
        raise ValueError("there is no event in this file")
    beam, *direction, kinetic_energy = np.stack([row[:NUMBERS_EACH] for row in rows], axis=1)
    particles = np.concatenate([row[NUMBERS_EACH:] for row in rows]).reshape(-1, NUMBERS_EACH)
    multiplicity = np.array([len(row) // NUMBERS_EACH - 1 for row in rows])
    if not np.isin(beam, (PI_PLUS, PI_MINUS)).all():
        row = int(np.argmin(np.isin(beam, (PI_PLUS, PI_MINUS))))
        raise ValueError(f"the beam of event {row} (from 0) is {beam[row]:g}; expected 211 or -211")
    return _events(
        beam=beam.astype(np.int64),
        kinetic_energy=kinetic_energy,
        multiplicity=multiplicity,
        pdg=with_flavour(particles[:, 0].astype(np.int64), multiplicity),
        momenta=along_z(particles[:, 1:], np.stack(direction, axis=1), multiplicity),
    )


def _numbers(line: int, text: str) -> Floats:
    try:
        numbers = np.array(text.split(), dtype=np.float64)
    except ValueError:
        numbers = np.array([np.nan])
    if not np.isfinite(numbers).all():
        raise ValueError(f"line {line}: {text!r:.60} is not made of numbers between blanks")
    if len(numbers) < 2 * NUMBERS_EACH or len(numbers) % NUMBERS_EACH:
        raise ValueError(
            f"line {line}: {len(numbers)} numbers; expected {NUMBERS_EACH} of the beam and of each particle"
        )
    return numbers


def hadronic_nf_root(path: Path) -> pa.Table:
    """Read a TTree ``output`` of pions on hydrogen; the charge of the products tells which pion it was.

    Its numbers are float32: kinetic energies have an error of an ulp of the pion's energy, 1 keV at 12 GeV.
    Raises ValueError if ``incoming`` is no pion, or the charges are those of neither.
    """
    particles = ("particle_id", *(f"particle_{name}" for name in MOMENTA))
    tree = read_root(path, ["incoming", *particles], table="output")
    numbers, beams = _vectors(tree, ["incoming"])
    if (numbers != len(MOMENTA)).any():
        raise ValueError("incoming has other numbers than E, px, py, pz")
    energy, *momentum = beams["incoming"].astype(np.float64).reshape(-1, len(MOMENTA)).T
    direction = np.stack(momentum, axis=1)
    mass = PION_MASS * MEV_PER_GEV
    if (wrong := abs(energy**2 - (direction**2).sum(axis=1) - mass**2) > SHELL_TOLERANCE * energy**2).any():
        raise ValueError(f"incoming of event {int(np.argmax(wrong))} is not E, px, py, pz of a pion in MeV")
    multiplicity, flat = _vectors(tree, particles)
    pdg = with_flavour(flat["particle_id"].astype(np.int64), multiplicity)
    return _events(
        beam=pion_of(pdg, multiplicity),
        kinetic_energy=energy - mass,
        multiplicity=multiplicity,
        pdg=pdg,
        momenta=along_z(
            np.stack([flat[name].astype(np.float64) for name in particles[1:]], axis=1),
            direction,
            multiplicity,
        ),
    )


def _of_rows(rows: pa.Table, multiplicity: NDArray[Any], flat: dict[str, NDArray[Any]]) -> pa.Table:
    """Return the columns, from each row's number of particles and the particles one after another."""
    return _events(
        beam=rows["beam"].to_numpy().astype(np.int64),
        kinetic_energy=rows["T"].to_numpy().astype(np.float64),
        multiplicity=multiplicity,
        pdg=flat["pdg"].astype(np.int64),
        momenta=np.stack([flat[name].astype(np.float64) for name in MOMENTA], axis=1),
    )


def _events(
    *, beam: Integers, kinetic_energy: Floats, multiplicity: NDArray[Any], pdg: Integers, momenta: Floats
) -> pa.Table:
    """Return the columns of N events with P particles; energies (N,) and momenta (P, 4) are in MeV."""
    return Events(
        number=np.arange(len(beam)),
        beam=beam,
        kinetic_energy=kinetic_energy / MEV_PER_GEV,
        process=np.full(len(beam), UNKNOWN),
        offsets=np.concatenate([[0], np.cumsum(multiplicity)]),
        pdg=pdg,
        momenta=momenta / MEV_PER_GEV,
        parent=np.full(len(pdg), FROM_COLLISION),
        resonances=Resonances.none(len(beam)),
    ).table()
