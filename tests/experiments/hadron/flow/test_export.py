"""The exported flow is the flow, and a function that can be differentiated."""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import experiments.hadron.flow.whole_events
from experiments.hadron.events.kinematics import to_laboratory
from experiments.hadron.events.particle_types import NO_PARTICLE
from experiments.hadron.events.species import CODES
from experiments.hadron.flow import export
from experiments.hadron.flow.export import MOMENTUM_TOLERANCE, Draw, LaboratoryEvents, exported
from experiments.hadron.flow.whole_events import InteractionFlow
from lblhep.nn import cube_flow
from tests.experiments.hadron.conftest import total_momentum

ENERGIES = (0.55, 20.0)  # GeV


@pytest.fixture(scope="module")
def flow(random_flow) -> InteractionFlow:
    return random_flow(0.3)


@pytest.fixture(autouse=True)
def no_compilation():
    """Run TorchScript as the README asks for, without compiling each kind of call anew."""
    with torch.jit.optimized_execution(False):
        yield


@pytest.fixture(scope="module")
def traced(flow) -> LaboratoryEvents:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return export._traced(flow.eval())


@pytest.fixture(scope="module")
def file(flow, traced) -> io.BytesIO:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "_traced", lambda flow: traced)
        return io.BytesIO(exported(flow, ENERGIES))


@pytest.fixture(scope="module")
def read(file) -> torch.jit.ScriptModule:
    return loaded(file)


def loaded(file: io.BytesIO) -> torch.jit.ScriptModule:
    file.seek(0)
    with pytest.warns(DeprecationWarning, match="torch.jit.load"):
        return torch.jit.load(file)


def test_events_are_the_flows_in_the_laboratory(flow, read, uniform_numbers):
    """Boosted by the numpy code that the sample was made with."""
    energy = torch.full((500,), 5.0, dtype=torch.float64)
    beam, numbers = torch.full((500,), -211), uniform_numbers(flow, 500, 1)
    with torch.no_grad():
        _, species, momenta = flow(energy, beam, numbers)
        pdg, laboratory = read(energy, beam, numbers)
    there = (species != NO_PARTICLE).numpy()
    np.testing.assert_array_equal(pdg.numpy()[there], CODES[species.numpy()[there]])
    assert not pdg.numpy()[~there].any()
    expected = to_laboratory(momenta.numpy()[there], np.full(there.sum(), 5.0))
    assert np.quantile(abs(laboratory.numpy()[there] - expected), 0.99) < MOMENTUM_TOLERANCE
    assert not laboratory.numpy()[~there].any()
    total = np.tile(total_momentum(np.array(5.0)), (500, 1))
    np.testing.assert_allclose(laboratory.numpy().sum(axis=1), total, atol=1e-9)


def test_compiled_events_are_the_flows(flow, file, uniform_numbers):
    """TorchScript, as it runs by default, looks on at the first call and compiles at the second."""
    compiled, energy = loaded(file), torch.full((20,), 5.0, dtype=torch.float64)
    beam, numbers = torch.full((20,), 211), uniform_numbers(flow, 20, 4)
    events = LaboratoryEvents(Draw(flow.channel), flow.cascade, flow)
    with torch.no_grad(), torch.jit.optimized_execution(True):
        expected, momenta = events(energy, beam, numbers)
        for _ in range(3):
            pdg, laboratory = compiled(energy, beam, numbers)
            assert torch.equal(pdg, expected)
            assert (laboratory - momenta).abs().max() < MOMENTUM_TOLERANCE


@pytest.mark.parametrize("n", [1, 3, 700])
def test_it_draws_any_number_of_events_itself(read, n):
    """Also so few that no long chain is among them, of which the trace was made."""
    torch.manual_seed(5)
    pdg, momenta = read.sample(0.7, n)
    assert len(pdg) == len(momenta) == n
    assert (pdg[:, 0] != 0).all()
    again, _ = read.sample(0.7, n, -211)
    assert again.shape == pdg.shape


def test_the_file_names_no_folder_of_this_machine(file):
    folders = [
        str(Path(m.__file__).parent).encode()
        for m in (torch, cube_flow, experiments.hadron.flow.whole_events)
    ]
    with zipfile.ZipFile(file) as archive:
        entries = [archive.read(entry) for entry in archive.infolist()]
    assert sum(len(entry) for entry in entries) > 10_000
    assert not any(folder in entry for entry in entries for folder in folders)


def test_energies_may_be_in_single_precision(flow, read, uniform_numbers):
    energy, beam, numbers = torch.full((5,), 3.0), torch.full((5,), 211), uniform_numbers(flow, 5, 1)
    assert torch.equal(read(energy, beam, numbers)[1], read(energy.double(), beam, numbers)[1])


def test_what_it_was_not_trained_for_is_refused(read):
    with pytest.raises(torch.jit.Error, match=r"kinetic energies must be between 0\.55 and 20 GeV"):
        read.sample(21.0, 5)
    with pytest.raises(torch.jit.Error, match="kinetic energies must be between"):
        read.sample(float("nan"), 5)
    with pytest.raises(torch.jit.Error, match="211 or -211"):
        read.sample(3.0, 5, 321)
    assert not read.sample(3.0, 5)[1].requires_grad


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_other_shapes_are_refused(flow, read, uniform_numbers, wrong):
    given = [torch.full((5,), 3.0), torch.full((5,), 211), uniform_numbers(flow, 5, 1)]
    read(*given)
    given[wrong] = given[wrong][:1]
    with pytest.raises(torch.jit.Error, match=r"for n collisions: energies \(n,\)"):
        read(*given)
    given[wrong] = given[wrong][0]
    with pytest.raises(torch.jit.Error, match=r"for n collisions"):
        read(*given)


def test_momenta_have_gradients_with_respect_to_the_energy(flow, uniform_numbers):
    """Against differences, where the channel stays the same and the spline is smooth."""
    events, n, step = LaboratoryEvents(Draw(flow.channel), flow.cascade, flow), 200, 1e-4
    energy = torch.full((n,), 6.0, dtype=torch.float64, requires_grad=True)
    beam, numbers = torch.full((n,), 211), uniform_numbers(flow, n, 3)
    pdg, momenta = events(energy, beam, numbers)
    (slope,) = torch.autograd.grad(momenta[:, 0, 3].sum(), energy)
    with torch.no_grad():
        (up, high), (down, low) = (events(energy + s, beam, numbers) for s in (step, -step))
    same = (up == pdg).all(dim=1) & (down == pdg).all(dim=1)
    assert same.sum() > 0.95 * n
    difference = (high - low)[:, 0, 3] / (2 * step)
    # float32 networks: differences are good to a few per cent.
    close = (slope - difference).abs() < 0.05 * (1 + difference.abs())
    assert close[same].float().mean() > 0.95


def test_a_trace_that_gives_other_events_is_refused(flow, traced, monkeypatch):
    monkeypatch.setattr(export, "_traced", lambda flow: traced)
    monkeypatch.setattr(export, "MOMENTUM_TOLERANCE", -1.0)
    with pytest.raises(RuntimeError, match="other events"):
        exported(flow, ENERGIES)
