"""Names that reach the disk have one grammar, asked before anything is touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lblhep.cards import read_card
from lblhep.cli import app
from lblhep.errors import CardError, RecipeError
from lblhep.launch.store.directory import create
from lblhep.names import name_fault
from lblhep.recipe import Recipe

GOOD = ("a", "7", "dijets-pythia8", "v1.2_b", "x" * 64)
BAD = ("", ".", "..", "a..b", ".a", "-rf", "_a", "a b", "a/b", "../a", "é", "a\n", "a\\b", "~", "x" * 65)
LONG = Path(__file__).parent / "recipe" / "data" / "long-card-name.yaml"


@pytest.mark.parametrize("name", GOOD)
def test_good_names(name: str) -> None:
    assert not name_fault(name)


@pytest.mark.parametrize("name", BAD)
def test_bad_names(name: str, toy: Callable[..., Recipe]) -> None:
    assert name_fault(name).startswith("must be made of 1 to 64 letters")
    assert len(name_fault("y" * 100_000)) < 300
    sound = toy("scan")
    with pytest.raises(CardError, match="the name of a data card must be made of"):
        read_card(sound.workspace, name)
    with pytest.raises(RecipeError, match="study: must be made of"):
        toy("scan", f"study={name!r}")
    with pytest.raises(RecipeError, match=r"datasets\.d\.card: must be made of"):
        toy("scan", f"datasets={{d: {{use: 'a:b', card: {name!r}}}}}")


def test_data_rm_of_dots_removes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = """\
schema: lblhep/card@1
name: ..
title: Up
licence: CC0-1.0
citation: none
columns: {x: {unit: GeV, role: observable, description: a number}}
sources: {files: [{path: x.csv, sha256: null}]}
"""
    (tmp_path / "data_cards").mkdir()
    (tmp_path / "data_cards" / "...yaml").write_text(card)
    kept = tmp_path / "cache" / "samples" / "dijets" / "part.parquet"
    kept.parent.mkdir(parents=True)
    kept.touch()
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["data", "rm", "-y", ".."])
    assert result.exit_code == 1
    assert "must be made of" in result.stderr
    assert kept.exists()


def test_a_long_card_name_is_a_problem_among_others(toy: Callable[..., Recipe]) -> None:
    recipe = toy("scan").workspace / "recipes" / "long.yaml"
    shutil.copy(LONG, recipe)
    result = CliRunner().invoke(app, ["validate", "--no-import", str(recipe)])
    assert result.exit_code == 2
    assert "datasets.d.card: must be made of" in result.stderr
    assert "sede: is not known; did you mean `seed`?" in result.stderr


def test_new_refuses_before_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a" * 65, "a" * 300, "..", "a.b"):
        result = CliRunner().invoke(app, ["new", name])
        assert result.exit_code == 1
        assert "at most 64" in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


def test_a_launch_of_a_long_name_is_named_by_the_grammar_too(toy: Callable[..., Recipe]) -> None:
    recipe = toy("scan", f"study={'s' * 64}")
    made = [create(recipe, {}).id for _ in range(2)]
    assert len(set(made)) == 2
    assert not any(map(name_fault, made))
