"""Write a trained flow as one TorchScript file that needs neither lblhep nor its preprocessing.

    model = torch.jit.load("pion-proton.pt")
    pdg, momenta = model.sample(0.7, 1000)         # GeV, events; and optionally the pion's PDG code
    pdg, momenta = model(kinetic_energy, beam, torch.rand(n, model.numbers, dtype=torch.float64))

``pdg`` (N, n) is int64 and 0 beyond the last particle, ``momenta`` (N, n, 4) are (px, py, pz, E) in the
laboratory, GeV, float64.  The second form is a function of ``kinetic_energy`` (N,), float64, and ``beam``
(N,), int64: the same numbers give the same events, and momenta have gradients with respect to the energy.
Either raises torch.jit.Error for energies beyond those of the training, beams that are no pions, and tensors
of other shapes.  Within ``torch.jit.optimized_execution(False)`` (C++: setGraphExecutorOptimize(false)) calls
take what they need; otherwise TorchScript spends half a minute on the first few, and is no faster then.
"""

from __future__ import annotations

import io
import warnings
import zipfile

import torch
from torch import Tensor, nn

from experiments.hadron.events.kinematics import PION_MASS, PROTON_MASS, beam_momentum, centre_of_mass_energy
from experiments.hadron.events.particle_types import N_STABLE
from experiments.hadron.events.species import CODES, PI_PLUS
from experiments.hadron.flow.branching import ChannelModel
from experiments.hadron.flow.cascade import Cascade, boosted, uniform_numbers
from experiments.hadron.flow.whole_events import InteractionFlow

# GeV, in 99 of 100 events: float32 is rounded otherwise in a trace, and steep densities amplify.
MOMENTUM_TOLERANCE = 1e-4


class LaboratoryEvents(nn.Module):
    """This module makes events with PDG codes in the laboratory, for TorchScript to read.

    ``draw`` is a ``Draw``, or a trace of it.
    """

    def __init__(self, draw: nn.Module, cascade: Cascade, flow: InteractionFlow) -> None:
        super().__init__()
        self.draw, self.cascade = draw, cascade
        self.register_buffer("process", flow.channel.process)
        self.register_buffer("products", flow.products)
        self.register_buffer("codes", torch.tensor([*CODES, 0]))  # of NO_PARTICLE, the last

    def forward(self, kinetic_energy: Tensor, beam: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Return PDG codes and momenta, as the module's text says."""
        chosen, energy, system = self.draw(kinetic_energy, beam, uniform[:, 0])
        process, products = self.process[chosen], self.products[chosen]
        species, momenta = self.cascade(torch.sign(beam), process, energy, products, uniform[:, 1:])
        return self.codes[species], boosted(momenta, system)


class Draw(nn.Module):
    """This module draws the channels of collisions, and finds their energies and momenta.

    The energies (N,) are those in the centre of mass, the momenta (N, 4) those of the system in the
    laboratory.
    """

    def __init__(self, channel: ChannelModel) -> None:
        super().__init__()
        self.channel = channel

    def forward(self, kinetic_energy: Tensor, beam: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        zero, total = torch.zeros_like(kinetic_energy), kinetic_energy + PION_MASS + PROTON_MASS
        system = torch.stack([zero, zero, beam_momentum(kinetic_energy), total], dim=1)
        return self.channel.draw(kinetic_energy, beam, uniform), centre_of_mass_energy(kinetic_energy), system


class Sampler(nn.Module):
    """This module is the written one: ``LaboratoryEvents`` that can draw their own random numbers."""

    def __init__(self, events: nn.Module, numbers: int, energies: tuple[float, float]) -> None:
        super().__init__()
        self.events, self.numbers = events, numbers
        self.lowest, self.highest = energies
        self.range = f"kinetic energies must be between {energies[0]:g} and {energies[1]:g} GeV"
        self.pion = PI_PLUS  # TorchScript knows no globals
        self.shapes = f"for n collisions: energies (n,), beams (n,), uniform numbers (n, {numbers})"

    def forward(self, kinetic_energy: Tensor, beam: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        kinetic_energy, beam = kinetic_energy.double(), beam.long()
        n = beam.numel()
        if kinetic_energy.shape != [n] or beam.shape != [n] or uniform.shape != [n, self.numbers]:
            raise ValueError(self.shapes)
        if not bool(((kinetic_energy >= self.lowest) & (kinetic_energy <= self.highest)).all()):
            raise ValueError(self.range)
        if not bool((beam.abs() == self.pion).all()):
            raise ValueError("beams must be 211 or -211, the PDG codes of charged pions")
        pdg, momenta = self.events(kinetic_energy, beam, uniform.double())
        return pdg, momenta

    @torch.jit.export
    def sample(self, kinetic_energy: float, n: int, beam: int = PI_PLUS) -> tuple[Tensor, Tensor]:
        """Return ``n`` events at one energy; they are seeded by torch.manual_seed."""
        uniform = torch.rand(n, self.numbers, dtype=torch.float64)
        energy = torch.full([n], kinetic_energy, dtype=torch.float64)
        with torch.no_grad():
            return self.forward(energy, torch.full([n], beam, dtype=torch.int64), uniform)


def exported(flow: InteractionFlow, energies: tuple[float, float]) -> bytes:
    """Return the TorchScript file of ``flow``, which was trained between these energies in GeV.

    Raises RuntimeError if what was written, read again, does not give the flow's events: the same particles
    in all, the same momenta to ``MOMENTUM_TOLERANCE`` in 99 of 100.
    """
    whole = LaboratoryEvents(Draw(flow.eval().channel), flow.cascade, flow)
    file = io.BytesIO()
    with warnings.catch_warnings():
        # nflows checks values with Python's if, which a trace takes once and for all: what is checked holds.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        # TorchScript is deprecated, and still what C++ programs such as Geant4 applications can load.
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted = torch.jit.script(Sampler(_traced(flow), flow.numbers, energies))
        torch.jit.save(scripted, file)
        written = _without_places(file)
        read = torch.jit.load(io.BytesIO(written))
    _check(whole, read, energies)
    return written


def _without_places(file: io.BytesIO) -> bytes:
    """Return the archive without the entries that say in which files its code was."""
    written = io.BytesIO()
    with zipfile.ZipFile(file) as found, zipfile.ZipFile(written, "w") as kept:
        for entry in found.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                kept.writestr(entry, found.read(entry))
    return written.getvalue()


def _traced(flow: InteractionFlow) -> LaboratoryEvents:
    """Trace what TorchScript cannot read, by input in which all happens: resonances at all places."""
    cascade, collision = flow.cascade, torch.zeros(1, dtype=torch.int64)

    def of(products: int) -> nn.Module:
        types = torch.full((1, products), min(N_STABLE, len(cascade.rank) - 2))
        uniform = torch.full((1, uniform_numbers(products)), 0.5, dtype=torch.float64)
        given = torch.ones_like(collision), collision, torch.full((1,), 1e3).double(), types, uniform
        return torch.jit.trace(flow.breakup, given, check_trace=False)

    half = torch.full((1,), 0.5, dtype=torch.float64)
    given = 10 * torch.ones_like(half), PI_PLUS * torch.ones_like(collision), half
    draw = torch.jit.trace(Draw(flow.channel), given, check_trace=False)
    return LaboratoryEvents(
        draw, Cascade(of(cascade.collision_products), of(cascade.resonance_products), *flow.known), flow
    )


def _check(
    flow: LaboratoryEvents, read: torch.jit.ScriptModule, energies: tuple[float, float], n: int = 1000
) -> None:
    random = torch.Generator().manual_seed(1)
    uniform = torch.rand(n, read.numbers, generator=random, dtype=torch.float64)
    lowest, highest = energies
    energy = lowest * (highest / lowest) ** torch.linspace(0, 1, n, dtype=torch.float64)
    energy = energy.clamp(lowest, highest)
    beam = torch.tensor([PI_PLUS, -PI_PLUS]).repeat(-(-n // 2))[:n]
    # Compiling for one call would take longer than the call.
    with torch.jit.optimized_execution(False), torch.no_grad():
        (ours, momenta), (theirs, others) = flow(energy, beam, uniform), read(energy, beam, uniform)
    apart = (momenta - others).abs().amax(dim=(1, 2))
    if not torch.equal(ours, theirs) or not apart.quantile(0.99) <= MOMENTUM_TOLERANCE:
        raise RuntimeError("the exported model gives other events than the one it was made from")
