"""A point's Pythia settings."""

from __future__ import annotations

import pytest
import pythia8mc

from experiments.tuning.events.lund import MONASH, b_of_mean_z, generator_parameters, mean_z, settings


def test_monash_is_pythias_default():
    pythia = pythia8mc.Pythia("", False)
    for command in settings(MONASH):
        name, _, value = command.partition(" = ")
        assert pythia.settings.parm(name) == float(value)


@pytest.mark.parametrize(("a", "mean", "sigma"), [(0.6, 0.57, 0.335), (0.3, 0.52, 0.25), (1.2, 0.6, 0.4)])
def test_b_is_what_pythia_derives(a, mean, sigma):
    """Pythia's rho mass and integration differ by about 1e-3."""
    pythia = pythia8mc.Pythia("", False)
    derived = {
        "StringZ:deriveLundPars": 1,
        "StringZ:aLund": a,
        "StringZ:avgZLund": mean,
        "StringPT:sigma": sigma,
    }
    for name, value in derived.items():
        assert pythia.readString(f"{name} = {value}")
    assert pythia.readString("Print:quiet = on")
    assert pythia.readString("ProcessLevel:all = off")
    assert pythia.init()
    assert b_of_mean_z(a, mean, sigma) == pytest.approx(pythia.settings.parm("StringZ:bLund"), rel=3e-3)


def test_b_gives_the_mean_back():
    assert mean_z(0.5, b_of_mean_z(0.5, 0.58, 0.3), 0.3) == pytest.approx(0.58, abs=1e-6)
    monash = mean_z(MONASH["aLund"], MONASH["bLund"], MONASH["sigma"])
    assert monash == pytest.approx(0.55, abs=1e-3)


def test_mean_z_replaces_b():
    parameters = generator_parameters({"alphaS": 0.13, "aLund": 0.5, "avgZ": 0.58, "sigma": 0.3})
    assert parameters == {"alphaS": 0.13, "aLund": 0.5, "sigma": 0.3, "bLund": b_of_mean_z(0.5, 0.58, 0.3)}


def test_pythia_takes_any_b():
    """A small sigma with a large a means a b beyond Pythia's limits, which are advice."""
    point = {"alphaS": 0.13, "aLund": 1.5, "avgZ": 0.63, "sigma": 0.22}
    pythia = pythia8mc.Pythia("", False)
    for command in settings(point):
        assert pythia.readString(command)
    b = pythia.settings.parm("StringZ:bLund")
    assert b == generator_parameters(point)["bLund"] > 2


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ({"avgZ": 0.5, "bLund": 1.0}, "bLund or avgZ, not both"),
        ({"alphas": 0.13}, "alphas: not a parameter; there are alphaS"),
        ({"avgZ": 0.9999}, "no b gives avgZ = 0.9999"),
    ],
)
def test_a_point_that_is_none(point, words):
    with pytest.raises(ValueError, match=words):
        settings(point)
