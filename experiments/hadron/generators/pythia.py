"""Pythia 8 makes pion-proton collisions here by its low-energy hadronic interactions (arXiv:2005.05658)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pythia8mc

from experiments.hadron.events.arrays import FROM_COLLISION
from experiments.hadron.events.species import PROTON
from experiments.hadron.generators.collisions import Collision, Particle

# At 0.35 GeV one collision of pi+ p in a thousand is inelastic, at 0.5 GeV one in thirty.
MAX_COLLISIONS = 200_000

RESONANT_CODE = (
    159  # Pythia's code of a collision by way of a resonance, whose place in the event is the fourth
)


COLLISION_SETTINGS = (
    f"Beams:idB = {PROTON}",
    "Beams:eCM = 5.",
    "Beams:allowVariableEnergy = on",
    "LowEnergyQCD:all = on",
    # c tau in mm: what decays by the strong force decays here.  pi0 (2.6e-5), eta (1.5e-7) and Sigma0 (2e-8),
    # whose decays are electromagnetic, are left to whoever follows the particles, as in a shower simulation.
    "ParticleDecays:limitTau0 = on",
    "ParticleDecays:tau0Max = 1e-9",
    "311:mayDecay = off",
)
DECAY_SETTINGS = COLLISION_SETTINGS[-3:]


def start(commands: tuple[str, ...], seed: int) -> Any:
    """Return a Pythia with ``commands``, whose decays leave K0 and its antiparticle, never K0S or K0L.

    Raises ValueError for a command that Pythia does not understand, and RuntimeError if it does not start.
    """
    pythia = pythia8mc.Pythia("", False)
    for command in ("Print:quiet = on", "Random:setSeed = on", f"Random:seed = {seed}", *commands):
        if not pythia.readString(command):
            raise ValueError(f"Pythia does not understand {command!r}")
    for command in flavoured_kaons(pythia.particleData):
        pythia.readString(command)
    if not pythia.init():
        raise RuntimeError(f"Pythia failed to initialise with {', '.join(commands)}")
    return pythia


def flavoured_kaons(data: Any) -> Iterator[str]:
    """Yield commands that make a decay to K0S K0L, 2 K0S or 2 K0L (of phi, f0, a0, ...) one to K0 and
    anti-K0.

    The pair is the same state in another basis, and in this one each particle has its strangeness.
    """
    code = data.nextId(1)
    while code:
        entry = data.findParticle(code)
        for number in range(entry.sizeChannels()):
            channel = entry.channel(number)
            products = [channel.product(i) for i in range(channel.multiplicity())]
            if len(products) == 2 and set(products) <= {130, 310}:
                yield f"{code}:{number}:products = 311 -311"
        code = data.nextId(code)


def final_particles(event: Any) -> list[Particle]:
    """Return what is left in a Pythia event, in its order."""
    return [(p.id(), p.px(), p.py(), p.pz(), p.e()) for p in event if p.status() > 0]


class Collider:
    """This class collides pions of one charge with protons, in their centre of mass."""

    def __init__(self, beam: int, seed: int) -> None:
        self.pythia = start((*COLLISION_SETTINGS, f"Beams:idA = {beam}"), seed)
        self.elastic = {beam, PROTON}

    def collide(self, sqrt_s: float) -> bool:
        """Make one collision at ``sqrt_s`` (GeV); return False if Pythia gives up (none of two million)."""
        self.pythia.setKinematics(sqrt_s)
        collided: bool = self.pythia.next()
        return collided

    def is_elastic(self) -> bool:
        """Return whether the collision left the pion and the proton that came in, and nothing else."""
        event = self.pythia.event
        # Of two particles that are left, the last two entries are the ones.
        return event.nFinal() == 2 and {event.back().id(), event[event.size() - 2].id()} == self.elastic

    def inelastic(self, sqrt_s: float) -> Collision:
        """Return what the next inelastic collision at ``sqrt_s`` (GeV) leaves.

        Raises RuntimeError if none of ``MAX_COLLISIONS`` is inelastic.
        """
        for _ in range(MAX_COLLISIONS):
            if self.collide(sqrt_s) and not self.is_elastic():
                return self._collision()
        raise RuntimeError(f"no inelastic collision in {MAX_COLLISIONS} at sqrt(s) = {sqrt_s} GeV")

    def _collision(self) -> Collision:
        event, code = self.pythia.event, int(self.pythia.infoPython().code())
        made = 3  # before it in the record: the system and what came in
        if code == RESONANT_CODE:
            code, made = event[3].id(), 4
        found = Collision(code, final_particles(event), [], [], [])
        places: dict[int, int] = {}  # of resonances, by their entries in the record
        for entry in range(made, event.size()):
            particle = event[entry]
            parent = places.get(particle.mother1(), FROM_COLLISION)
            if particle.status() > 0:
                found.parents.append(parent)
            elif particle.isHadron():  # not a quark, of which a string is made
                places[entry] = len(found.resonances)
                found.resonances.append(particle.id())
                found.resonance_parents.append(parent)
        return found
