"""The examples in the docstrings of nn, physics, cards and recipe run, and every public function has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lblhep
from lblhep.cards import make, open_sample, read_card

PACKAGES = ("lblhep.nn", "lblhep.physics", "lblhep.cards", "lblhep.recipe")
MODULES = [
    found.name
    for found in pkgutil.walk_packages(lblhep.__path__, "lblhep.")
    if found.name.startswith(tuple(f"{package}." for package in PACKAGES))
]
RECIPE = """\
schema: lblhep/recipe@1
study: toy
seed: 1
task: {use: "toy:Task", steps: 3}
trials: {kind: scan, expect: 2, axes: {steps: {path: task.steps, range: [1, 3]}}}
"""
CARD = """\
schema: lblhep/card@1
name: NAME
title: Jets
licence: none
citation: none
columns: {pt: {unit: GeV, role: observable, description: transverse momentum}}
"""
FILES = "sources: {files: [{path: jets.csv, sha256: null}]}\n"
PRODUCE = "sources: {produce: [{use: 'example_producer:jets', events: 6, range: 2, seed: 1}]}\n"
PRODUCER = """\
import pyarrow as pa


def jets(events):
    return pa.table({"pt": events.generator().exponential(size=len(events))})
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A workspace with a recipe, a card of a file, and two cards of a producer."""
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder = tmp_path / "workspace"
    (folder / "data_cards").mkdir(parents=True)
    (folder / "recipes").mkdir()
    (folder / "example_producer.py").write_text(PRODUCER)
    (folder / "recipes" / "toy.yaml").write_text(RECIPE)
    (folder / "data_cards" / "jets.csv").write_text("pt\n10.0\n20.0\n30.0\n")
    for name, sources in (("jets", FILES), ("made", PRODUCE), ("fresh", PRODUCE)):
        (folder / "data_cards" / f"{name}.yaml").write_text(CARD.replace("NAME", name) + sources)
    yield folder
    sys.modules.pop("example_producer", None)


@pytest.mark.parametrize("module", MODULES)
def test_examples(module, workspace):
    known = {"workspace": workspace, "read_card": read_card, "open_sample": open_sample, "make": make}
    said: list[str] = []
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder().find(importlib.import_module(module), extraglobs=known):
        runner.run(example, out=said.append)
    assert not said, "".join(said)


def public_functions() -> Iterator[tuple[str, object]]:
    """What ``nn``, ``cards`` and ``recipe`` export, and the functions of the modules of ``physics``."""
    for package in ("lblhep.nn", "lblhep.cards", "lblhep.recipe"):
        exported = importlib.import_module(package)
        yield from ((f"{package}.{name}", getattr(exported, name)) for name in exported.__all__)
    for module in MODULES:
        if module.startswith("lblhep.physics."):
            yield from (
                (f"{module}.{name}", each)
                for name, each in vars(importlib.import_module(module)).items()
                if not name.startswith("_") and getattr(each, "__module__", None) == module
            )


@pytest.mark.parametrize(
    ("name", "function"), [pair for pair in public_functions() if inspect.isfunction(pair[1])]
)
def test_public_functions_have_an_example(name, function):
    assert ">>>" in (function.__doc__ or ""), f"{name} has no example"
