"""Whole events: what the chain of decays knows of them, and what even an untrained flow cannot violate."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
import torch

from experiments.hadron.events.arrays import FROM_COLLISION, Resonances
from experiments.hadron.events.kinematics import centre_of_mass_energy
from experiments.hadron.events.particle_types import N_STABLE, NO_PARTICLE
from experiments.hadron.events.species import CONSERVED, MASSES, PROTON, conserved
from experiments.hadron.flow.batches import parts_of
from experiments.hadron.flow.breakups import Breakups, event_trees
from experiments.hadron.flow.channels import find_channels, find_resonance_decays
from experiments.hadron.flow.export import exported
from experiments.hadron.flow.resonance_masses import Masses, masses
from experiments.hadron.flow.steps import Decays, Origin, decays
from experiments.hadron.flow.whole_events import InteractionFlow
from lblhep.physics.decay_chain import invariant_mass


@pytest.fixture(scope="module")
def flow(random_flow) -> InteractionFlow:
    return random_flow(1.0)


def chains_of(sample: Breakups) -> list[Decays]:
    return decays(origin_of(sample), *map(torch.tensor, (sample.products, sample.mass, sample.momenta)))


def origin_of(sample: Breakups) -> Origin:
    return Origin(*map(torch.tensor, (np.sign(sample.beam), sample.origin, sample.energy)))


def rotated(momenta: np.ndarray, angle: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y, z, energy = np.moveaxis(momenta, -1, 0)
    return np.stack([cosine * x - sine * y, sine * x + cosine * y, z, energy], axis=-1)


def test_final_states_keep_every_particle_and_baryons_leave_first(events, states):
    total = states.momenta.sum(axis=1)
    np.testing.assert_allclose(total, events.sums(events.momenta), atol=1e-12)
    baryon = np.where(states.species == NO_PARTICLE, 0, CONSERVED[states.species, 1])
    assert (abs(baryon[:, 0]) == 1).all()
    np.testing.assert_array_equal((states.species != NO_PARTICLE).sum(axis=1), events.multiplicity)


def test_the_channels_of_a_sample_are_those_of_its_collisions(broken):
    types, every = broken
    channels, number = find_channels(types, every)
    collisions = every.of(every.are_collisions)
    np.testing.assert_array_equal(channels.process[number], collisions.origin)
    np.testing.assert_array_equal(channels.beam[number], collisions.beam)
    most = channels.products.shape[1]
    np.testing.assert_array_equal(channels.products[number], collisions.products[:, :most])
    assert (channels.lowest[number] <= collisions.mass.sum(axis=1) + 1e-9).all()


def test_what_is_given_and_predicted_is_the_same_after_a_rotation_about_the_beam(broken):
    _, every = broken
    turned = dataclasses.replace(every, momenta=rotated(every.momenta, 1.0))
    one, other = (chains_of(sample) for sample in (every, turned))
    for k, (a, b) in enumerate(zip(one, other, strict=True)):
        for x, y in zip(a.given, b.given, strict=True):
            torch.testing.assert_close(x, y, rtol=0, atol=1e-4)
        difference = (a.coordinates - b.coordinates).abs()
        difference[:, 2] = torch.minimum(difference[:, 2], 1 - difference[:, 2])
        # The one azimuth that turns is not predicted.
        assert not (a.meant[:, 2].any() and k == 0)
        # Counted from a transverse momentum, an azimuth means nothing where that is round-off.
        assert (difference * a.meant).quantile(0.99) < 1e-4


def test_every_decay_of_every_breakup_is_there_once(broken):
    _, every = broken
    found, number = chains_of(every), (every.products != NO_PARTICLE).sum(axis=1)
    assert sum(len(d.meant) for d in found) == (number - 1).sum()
    # Of two particles cos(theta*) alone is to be learned.
    two_body = int((found[0].meant == torch.tensor([False, True, False])).all(dim=1).sum())
    assert two_body == (number == 2).sum() > 0


def test_an_untrained_flow_conserves_everything(flow, uniform_numbers):
    """It conserves four-momentum, mass shells, charge, baryon number and strangeness, as no network can."""
    n = 3000
    energy = torch.logspace(np.log10(0.5), np.log10(26), n, dtype=torch.float64)
    beam = torch.tensor(np.resize([211, -211], n))
    sqrt_s = torch.tensor(centre_of_mass_energy(energy.numpy()))
    with torch.no_grad():
        _, species, momenta = flow(energy, beam, uniform_numbers(flow, n, seed=1))
    there = (species != NO_PARTICLE).numpy()
    place, p = species.numpy(), momenta.numpy()
    total = p.sum(axis=1)
    assert abs(total[:, :3]).max() < 1e-6
    assert abs(total[:, 3] - sqrt_s.numpy()).max() < 1e-6
    m2 = p[..., 3] ** 2 - (p[..., :3] ** 2).sum(axis=-1)
    assert abs(m2 - np.where(there, MASSES[place], 0) ** 2).max() < 1e-9
    assert (p[..., 3][there] >= 0).all()
    sums = np.where(there[..., None], CONSERVED[place], 0).sum(axis=1)
    np.testing.assert_array_equal(sums, conserved(beam.numpy()) + conserved(np.array(PROTON)))


def test_a_breakup_gives_back_the_uniform_numbers_that_it_was_drawn_with(flow, broken, uniform_numbers):
    """Training sees what sampling was given, in every decay and every mass."""
    types, every = broken
    origin, products = origin_of(every), torch.tensor(every.products)
    n = products.shape[1]
    uniform = uniform_numbers(flow, len(every), seed=4)[:, : 4 * n - 3]
    with torch.no_grad():
        momenta = flow.breakup(*origin, products, uniform)
        mass = invariant_mass(momenta)
        kept = torch.arange(len(every))
        for k, decay in enumerate(decays(origin, products, mass, momenta)):
            kept = kept[products[kept, k + 1] != NO_PARTICLE]
            model = flow.breakup.decay
            context, weights = model.given(decay.given), model.transverse_momentum.weights(decay.given)
            for i in range(3):
                integral = model.cube.integral(i, decay.coordinates, context, weights)
                away = (integral - uniform[kept, n + 3 * k + i]).abs()[decay.meant[:, i]]
                # float32, amplified where a density is steep
                assert len(away) == 0 or away.quantile(0.99) < 1e-3, (k, i)
        (drawn,) = masses(types, origin, products, mass)
        assert len(drawn.share) == (every.products >= N_STABLE).sum() > 100
        model = flow.breakup.mass
        integral = model.density.integral(
            0, drawn.share[:, None], model.context_of(drawn), model.weights(drawn)
        )
        numbers = [uniform[products[:, k] >= N_STABLE, k] for k in range(n)]
        # Of which the sample has one, has that mass whatever the number.
        some = drawn.room[:, 1] - drawn.room[:, 0] > 1e-3
        assert (integral - torch.cat(numbers)).abs()[some].quantile(0.99) < 1e-3


def test_events_of_a_generator_that_tells_nothing_are_trees_of_one_breakup(events, uniform_numbers):
    """No process, no cross-section, no resonance: UrQMD's and Geant4's."""
    untold = dataclasses.replace(
        events,
        process=np.zeros_like(events.process),
        parent=np.full_like(events.parent, FROM_COLLISION),
        resonances=Resonances.none(len(events)),
    )
    types, every = event_trees(untold, np.random.default_rng(1))
    assert (len(types), len(every)) == (N_STABLE, len(events))
    channels, _ = find_channels(types, every)
    decays = find_resonance_decays(types, every)
    flow = InteractionFlow(types, channels, decays, None, hidden=(16,), context=8, history=8, bins=4)
    assert flow.cascade.depth == 0
    assert [type(part) for part in parts_of(types, every)].count(Masses) == 0
    energy, beam = torch.full((200,), 5.0).double(), torch.full((200,), -211)
    with torch.no_grad():
        _, species, momenta = flow(energy, beam, uniform_numbers(flow, 200, seed=1))
    total = momenta.sum(dim=1)
    assert total[:, :3].abs().max() < 1e-9
    assert (species != NO_PARTICLE).sum(dim=1).max() > 3
    with pytest.warns(DeprecationWarning, match="torch.jit.load"):
        torch.jit.load(io.BytesIO(exported(flow, (0.5, 26.0))))
