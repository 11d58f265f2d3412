"""The examples in the docstrings of ``lblhep.surrogates`` say what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import lblhep.surrogates

MODULES = ["lblhep.surrogates"] + [
    module.name for module in pkgutil.walk_packages(lblhep.surrogates.__path__, "lblhep.surrogates.")
]
PUBLIC = [
    "lblhep.surrogates",
    "lblhep.surrogates.box",
    "lblhep.surrogates.grid",
    "lblhep.surrogates.holdout",
    "lblhep.surrogates.intervals",
    "lblhep.surrogates.objective",
    "lblhep.surrogates.polynomial",
    "lblhep.surrogates.rational",
    "lblhep.surrogates.score",
    "lblhep.surrogates.tuning",
    "lblhep.surrogates.exchange",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    assert result.attempted > 0 or name not in PUBLIC
