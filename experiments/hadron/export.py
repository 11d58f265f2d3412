"""A trained flow as one TorchScript file that needs neither lblhep nor its preprocessing.

    model = torch.jit.load("pion-proton.pt")
    pdg, momenta = model.sample(0.7, 1000)         # GeV, events; and optionally the pion's PDG code
    pdg, momenta = model(kinetic_energy, beam, torch.rand(n, model.numbers, dtype=torch.float64))

``pdg`` (N, n) is int64 and 0 beyond the last particle, ``momenta`` (N, n, 4) are (px, py, pz, E) in the
laboratory, GeV, float64.  The second form is a function of ``kinetic_energy`` (N,), float64, and ``beam``
(N,), int64: the same numbers give the same events, and momenta have gradients with respect to the energy.
Either raises torch.jit.Error for energies beyond those of the training and beams that are no pions.
"""

from __future__ import annotations

import io
import warnings
import zipfile

import torch
from torch import Tensor, nn

from experiments.hadron.channels import NONE
from experiments.hadron.flow import InteractionFlow
from experiments.hadron.kinematics import PION_MASS, PROTON_MASS, beam_momentum
from experiments.hadron.species import CODES, PI_PLUS
from lblhep.physics.decay_chain import to_rest_frame

SAME = 1e-4  # GeV, in 99 of 100 events: float32 is rounded otherwise in a trace, and steep densities amplify


class LaboratoryEvents(nn.Module):
    """``InteractionFlow`` with PDG codes, and momenta in the frame where the proton was at rest."""

    def __init__(self, flow: InteractionFlow) -> None:
        super().__init__()
        self.flow = flow
        self.register_buffer("codes", torch.tensor([*CODES, 0]))

    def forward(self, kinetic_energy: Tensor, beam: Tensor, even: Tensor) -> tuple[Tensor, Tensor]:
        """See the module's text."""
        _, species, momenta = self.flow(kinetic_energy, beam, even)
        there = species != NONE
        zero = torch.zeros_like(kinetic_energy)
        energy = kinetic_energy + PION_MASS + PROTON_MASS
        # Seen from the centre of mass, the laboratory moves along -z.
        laboratory = torch.stack([zero, zero, -beam_momentum(kinetic_energy), energy], dim=1)
        boosted = to_rest_frame(momenta, laboratory[:, None])
        pdg = self.codes[torch.where(there, species, len(CODES))]
        return pdg, torch.where(there[..., None], boosted, 0.0)


class Sampler(nn.Module):
    """What is written: a traced ``LaboratoryEvents`` that draws its own random numbers when asked to."""

    def __init__(self, events: nn.Module, numbers: int, energies: tuple[float, float]) -> None:
        super().__init__()
        self.events, self.numbers = events, numbers
        self.lowest, self.highest = energies
        self.range = f"kinetic energies must be between {energies[0]:g} and {energies[1]:g} GeV"
        self.pion = PI_PLUS  # TorchScript knows no globals

    def forward(self, kinetic_energy: Tensor, beam: Tensor, even: Tensor) -> tuple[Tensor, Tensor]:
        kinetic_energy = kinetic_energy.double()
        if not bool(((kinetic_energy >= self.lowest) & (kinetic_energy <= self.highest)).all()):
            raise ValueError(self.range)
        if not bool((beam.abs() == self.pion).all()):
            raise ValueError("beams must be 211 or -211, the PDG codes of charged pions")
        pdg, momenta = self.events(kinetic_energy, beam, even.double())
        return pdg, momenta

    @torch.jit.export
    def sample(self, kinetic_energy: float, n: int, beam: int = PI_PLUS) -> tuple[Tensor, Tensor]:
        """``n`` events at one energy; seeded by torch.manual_seed."""
        even = torch.rand(n, self.numbers, dtype=torch.float64)
        energy = torch.full([n], kinetic_energy, dtype=torch.float64)
        with torch.no_grad():
            return self.forward(energy, torch.full([n], beam, dtype=torch.int64), even)


def exported(flow: InteractionFlow, energies: tuple[float, float]) -> bytes:
    """The TorchScript file of ``flow``, which was trained from one to the other of these energies in GeV.

    Raises RuntimeError if what was written, read again, does not give the flow's events: the same particles
    in all, the same momenta to ``SAME`` in 99 of 100.
    """
    whole = LaboratoryEvents(flow.eval())
    file = io.BytesIO()
    with warnings.catch_warnings():
        # nflows checks values with Python's if, which a trace takes once and for all: what is checked holds.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        # TorchScript is deprecated, and still what C++ programs such as Geant4 applications can load.
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(whole, _longest(flow, energies[1]), check_trace=False)
        torch.jit.save(torch.jit.script(Sampler(traced, flow.numbers, energies)), file)
        written = _without_places(file)
        read = torch.jit.load(io.BytesIO(written))
    _check(whole, read, energies)
    return written


def _without_places(file: io.BytesIO) -> bytes:
    """The archive without what says in which files of this machine its code was."""
    written = io.BytesIO()
    with zipfile.ZipFile(file) as found, zipfile.ZipFile(written, "w") as kept:
        for entry in found.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                kept.writestr(entry, found.read(entry))
    return written.getvalue()


def _longest(flow: InteractionFlow, highest: float) -> tuple[Tensor, Tensor, Tensor]:
    """Input that gives an event of the channel with most particles: a trace has to see every decay."""
    channel = int((flow.species != NONE).sum(dim=1).argmax())
    energy = torch.tensor([highest], dtype=torch.float64)
    beam = flow.channel.beam[channel : channel + 1]
    reached = flow.channel.cumulative(energy, beam)[0]
    even = torch.full((1, flow.numbers), 0.5, dtype=torch.float64)
    below = reached[channel - 1] if channel else torch.zeros(())
    even[0, 0] = 1 - (below + reached[channel]) / 2
    return energy, beam, even


def _check(
    flow: LaboratoryEvents, read: torch.jit.ScriptModule, energies: tuple[float, float], n: int = 1000
) -> None:
    random = torch.Generator().manual_seed(1)
    even = torch.rand(n, read.numbers, generator=random, dtype=torch.float64)
    lowest, highest = energies
    energy = lowest * (highest / lowest) ** torch.linspace(0, 1, n, dtype=torch.float64)
    energy = energy.clamp(lowest, highest)
    beam = torch.tensor([PI_PLUS, -PI_PLUS]).repeat(-(-n // 2))[:n]
    with torch.no_grad():
        (ours, momenta), (theirs, others) = flow(energy, beam, even), read(energy, beam, even)
    apart = (momenta - others).abs().amax(dim=(1, 2))
    if not torch.equal(ours, theirs) or not apart.quantile(0.99) <= SAME:
        raise RuntimeError("the exported model gives other events than the one it was made from")
