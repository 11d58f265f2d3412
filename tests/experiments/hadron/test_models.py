"""Models of both forms train on what they should, and each learns something that can be seen."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning import Trainer

from experiments.hadron.datasets import HeldOut, LeadingHadrons, WholeEvents
from experiments.hadron.events.kinematics import kinetic_energy_of
from experiments.hadron.events.observables import REDUCED, leading_hadrons
from experiments.hadron.flow.batches import ChannelsMade, parts_of, taken
from experiments.hadron.flow.conditions import COLLISION_INPUTS
from experiments.hadron.flow.quantiles import Quantiles
from experiments.hadron.flow.resonance_masses import Masses
from experiments.hadron.flow.steps import Decays
from experiments.hadron.flow.transverse_momentum import POLAR_CELLS
from experiments.hadron.gan import Gan, WassersteinGan
from experiments.hadron.models import ReducedFlow, WholeEventFlow
from experiments.hadron.producers import pion_proton
from lblhep.cards.ranges import EventRange

WINDOWS = {"held_out": [3.0], "half_width": 0.35, "validation": [6.0], "validation_half_width": 0.3}
LIGHTNING = (
    "ignore:.*:DeprecationWarning",
    "ignore:.*LeafSpec.*",
    "ignore:.*num_workers.*",
    "ignore:.*many workers.*",
)


class Sample:
    """This class stands for an opened card."""

    def __init__(self, events: int) -> None:
        self._table = pion_proton(EventRange(0, events, 7), energy=[1.0, 20.0])

    def table(self, columns):
        return self._table.select(columns)


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample(12_000)


@pytest.fixture(scope="module")
def leading(sample) -> LeadingHadrons:
    return LeadingHadrons(sample, np.random.default_rng(1), batch_size=256, **WINDOWS)


@pytest.fixture(scope="module")
def whole(sample) -> WholeEvents:
    return WholeEvents(sample, np.random.default_rng(1), batch_size=256, **WINDOWS)


def test_quantiles_make_the_training_sample_uniform_and_can_be_undone(leading):
    values = torch.tensor(np.stack([*leading_hadrons(leading.training).values()], axis=1))
    quantiles = Quantiles(leading.offers["quantiles"])
    uniform = quantiles.to_cube(values)
    assert ((uniform >= 0) & (uniform <= 1)).all()
    torch.testing.assert_close(
        uniform.mean(dim=0), torch.full((5,), 0.5, dtype=torch.float64), atol=0.01, rtol=0
    )
    torch.testing.assert_close(quantiles.from_cube(uniform), values, atol=1e-9, rtol=0)


def test_nobody_trains_on_a_window_that_is_held_out_or_validates(leading):
    train, validation = (np.log(part.kinetic_energy) for part in (leading.training, leading.validation))
    assert abs(train - np.log(3)).min() >= 0.35
    assert abs(train - np.log(6)).min() >= 0.3
    assert abs(validation - np.log(6)).max() < 0.3


def test_whole_events_of_a_window_that_is_held_out_are_nowhere(whole, sample):
    """Neither among what is learned and validated nor in channels, decays and masses: a sample without them
    gives the same."""
    energy = sample.table(["kinetic_energy"])["kinetic_energy"].to_numpy()
    without = copy.copy(sample)
    without._table = sample._table.filter(abs(np.log(energy / 3)) >= 0.35)
    windows = WINDOWS | {"half_width": 1e-9}
    other = WholeEvents(without, np.random.default_rng(1), batch_size=256, **windows)
    for name in ("kinds", "channels", "resonance_decays"):
        for ours, theirs in zip(*(vars(d.offers[name]).values() for d in (whole, other)), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    collisions = whole._training.of(whole._training.are_collisions)
    kinetic_energy = kinetic_energy_of(collisions.energy)
    assert abs(np.log(kinetic_energy / 3)).min() > 0.35 - 1e-9
    assert abs(np.log(kinetic_energy / 6)).min() > 0.3 - 1e-9


def test_windows_that_overlap_are_refused(sample):
    with pytest.raises(ValueError, match="overlaps"):
        LeadingHadrons(sample, np.random.default_rng(1), **{**WINDOWS, "validation": [4.0]})


def test_a_window_of_no_width_is_refused(sample):
    with pytest.raises(ValueError, match="holds nothing out"):
        LeadingHadrons(sample, np.random.default_rng(1), **{**WINDOWS, "half_width": 0})


def test_a_window_in_which_nothing_validates_is_refused(sample):
    data = LeadingHadrons(sample, np.random.default_rng(1), **{**WINDOWS, "validation": [6.0, 60.0]})
    with pytest.raises(ValueError, match="no event validates at 60 GeV"):
        data.val_dataloader()


def test_a_test_energy_that_the_card_lacks_is_refused_at_once(sample):
    with pytest.raises(ValueError, match=r"no events at 4.2 GeV \(its energies: 1.00026 to"):
        HeldOut(sample, np.random.default_rng(1), energies=[4.2])


def test_the_wasserstein_gans_opponent_is_penalised_for_its_slope(leading):
    """A linear opponent, w (2 u - 1), has a loss that is known by hand.

    Its loss is 2 w times the mean of what is made less that of what is true, and ten times (2 |w| - 1)
    squared.
    """
    model = WassersteinGan(hidden=[8], **leading.offers)
    known, true, made = torch.randn(50, COLLISION_INPUTS), torch.rand(50, 5), torch.rand(50, 5)
    w = torch.tensor([0.3, -1.0, 0.2, 0.0, 2.0])
    model.opponent = torch.nn.Linear(COLLISION_INPUTS + 5, 1)
    with torch.no_grad():
        model.opponent.weight[0, COLLISION_INPUTS:] = w
    expected = 2 * w @ (made.mean(dim=0) - true.mean(dim=0)) + 10 * (2 * w.norm() - 1) ** 2
    torch.testing.assert_close(model.opponent_loss(known, true, made), expected)
    judged = known @ model.opponent.weight[0, :COLLISION_INPUTS] + (2 * made - 1) @ w + model.opponent.bias
    torch.testing.assert_close(model.generator_loss(known, made), -judged.mean())


def test_a_training_that_was_taken_up_again_counts_what_it_took_before(leading):
    model, checkpoint = Gan(hidden=[8], **leading.offers), {}
    model.on_load_checkpoint({"cpu_seconds": 100.0})
    model.on_train_start()
    model.on_save_checkpoint(checkpoint)
    model.on_train_end()
    assert 100 <= checkpoint["cpu_seconds"] <= model.cpu_seconds < 110


def trained(model, data, epochs):
    """The validation distance before and after some epochs."""
    trainer = Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, num_sanity_val_steps=0,
    )  # fmt: skip
    before = trainer.validate(model, data.val_dataloader(), verbose=False)[0]["validation_w1"]
    trainer.fit(model, data.train_dataloader(), data.val_dataloader())
    return before, float(trainer.callback_metrics["validation_w1"])


@pytest.mark.filterwarnings(*LIGHTNING)
@pytest.mark.parametrize(
    ("kind", "arguments", "epochs"),
    [
        (ReducedFlow, {"hidden": [32], "bins": 8, "rate": 1e-2}, 6),
        (WassersteinGan, {"hidden": [32, 32], "rate": 2e-3}, 20),
        (Gan, {"hidden": [32, 32], "rate": 1e-3}, 8),
    ],
)
def test_every_model_comes_closer_to_events_that_it_has_not_seen(leading, kind, arguments, epochs):
    """A reduced flow also learns what goes with what, of events that it has and has not seen.

    The variables are uniform one by one; that log p grows beyond 0 is their dependence, and the energy's.
    """
    torch.manual_seed(1)
    model = kind(**arguments, **leading.offers)
    before, after = trained(model, leading, epochs)
    assert after < before
    rates = [optimizer.param_groups[0]["lr"] for optimizer in model.trainer.optimizers]
    assert max(rates) < 1e-3 * model.rate
    generated = model.leading(np.full(10, 3.0), np.full(10, 211), seed=1)
    assert set(generated) == set(REDUCED)
    assert all(len(values) == 10 for values in generated.values())
    if kind is ReducedFlow:
        known, uniform = next(iter(leading.train_dataloader()))
        assert model.flow.log_prob(uniform, known).sum(dim=1).mean() > 0.5
        assert float(model.trainer.callback_metrics["validation_loss"]) < -0.5


@pytest.mark.filterwarnings(*LIGHTNING)
def test_the_flow_of_whole_events_comes_closer_too(whole):
    torch.manual_seed(1)
    whole = copy.copy(whole)
    whole.batch_size = 1024
    offers = whole.offers | {"batch_size": 1024}
    model = WholeEventFlow(
        **offers, rate=2e-2, hidden=(32,), context=16, history=16, bins=8, channel_hidden=(16,)
    )
    before, after = trained(model, whole, 1)
    assert after < 0.8 * before


def test_a_decay_counts_alike_in_a_batch_of_its_own_and_in_a_full_one(whole):
    """The rare events with most particles have batches of their own, of few events.  So do channels."""
    model = WholeEventFlow(**whole.offers, flatten=0.0)
    batches = [*whole.train_dataloader()]
    steps = [batch for batch in batches if isinstance(batch, Decays)]
    assert min(len(batch.meant) for batch in steps) < 20
    full = [next(batch for batch in steps if len(batch.meant) == 256)]
    full += [next(batch for batch in batches if isinstance(batch, ChannelsMade) and len(batch.beam) == 4)]
    full += [next(batch for batch in batches if isinstance(batch, Masses) and len(batch.share) == 256)]
    for batch in full:
        rows = torch.arange(len(batch[-1]))
        sizes = [1] * min(16, len(rows) - 1)
        alone = [taken(batch, part) for part in rows.split([*sizes, len(rows) - len(sizes)])]
        in_parts = sum(model.training_step(one, 0) for one in alone)
        torch.testing.assert_close(model.training_step(batch, 0), in_parts, rtol=1e-4, atol=1e-5)


def test_the_validation_loss_of_an_untrained_flow_is_that_of_isotropic_decays(whole):
    """Masses are uniform, too, if there is no threshold.

    Isotropic decays have a density of pi / 2 sin(theta) in theta / pi: in a cell, its share of the sum of
    all.
    """
    (batch,) = whole.val_dataloader()
    parts = parts_of(whole.offers["kinds"], batch.breakups)
    polar = torch.cat([part.coordinates[:, 1] for part in parts if isinstance(part, Decays)])
    cells = (torch.pi * (torch.arange(POLAR_CELLS) + 0.5) / POLAR_CELLS).sin()
    density = POLAR_CELLS * cells / cells.sum()
    expected = -density[(POLAR_CELLS * polar).long().clamp_max(POLAR_CELLS - 1)].log().sum() / len(
        batch.events
    )
    model = WholeEventFlow(**whole.offers)
    torch.nn.init.zeros_(model.flow.breakup.mass.power)
    with torch.no_grad():
        assert model.loss(batch) == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.filterwarnings(*LIGHTNING)
@pytest.mark.parametrize("batches", [2, 3, 10, 19])
def test_a_training_of_a_few_batches_has_its_rates_too(leading, batches):
    """One epoch of so many; the last of the rates is the lowest but for two batches, which only go up."""
    model, rates = Gan(hidden=[8], **leading.offers), []
    model.trainer = SimpleNamespace(estimated_stepping_batches=batches)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = model.schedule(optimizer)
    for _ in range(batches):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(rates) < batches:
            schedule.step()
    assert max(rates) == pytest.approx(model.rate)
    assert batches == 2 or min(rates) == rates[-1] < 1e-3 * model.rate


@pytest.mark.filterwarnings(*LIGHTNING)
def test_a_training_of_one_batch_is_refused(leading):
    model = Gan(hidden=[8], **leading.offers)
    leading = copy.copy(leading)
    leading.batch_size = len(leading.training)
    with pytest.raises(ValueError, match="one batch in all is no training"):
        trained(model, leading, 1)
