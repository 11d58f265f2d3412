"""Every damage to any file of a launch is named or harmless, and resuming comes to the same results."""

from __future__ import annotations

import errno
import io
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lblhep.errors import LaunchError
from lblhep.launch import Launch, LaunchView, launch
from lblhep.launch.store.checksums import DamageError
from lblhep.recipe import Recipe

Toy = Callable[..., Recipe]
SMALL = {
    "scan": ("trials.axes.window.range=[0, 2]", "trials.axes.fold.range=[0, 2]", "trials.expect=4"),
    "search": ("trials.points=2", "task.epochs=2", "trials.scheduler=null"),
}
IDENTITY = ("launch.json", "recipe.yaml")
"""Nothing is known of a launch without these: they are named, and cannot be made again."""


def delete(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    """One bit in the middle: of a number, where the middle of a text has one."""
    content = bytearray(path.read_bytes())
    middle = [place for place in range(len(content) // 2, len(content)) if content[place] in b"0123456789"]
    content[middle[0] if path.suffix == ".json" and middle else len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def read_all(directory: Path) -> list[pd.DataFrame]:
    """What reports and comparisons read; raises what they would."""
    view = LaunchView(directory)
    assert view.recipe.study == "toy"
    for trial in view.rows["trial"]:
        assert len(view.arrays(trial, "noise")["values"]) == 3
    for group in view.groups["group"]:
        view.group_arrays(group)
    return [view.rows, view.groups, view.curves]


def same(found: list[pd.DataFrame], expected: list[pd.DataFrame]) -> None:
    for one, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def fault_of(directory: Path, expected: list[pd.DataFrame]) -> str:
    """What is said of a launch; empty if it is as expected."""
    try:
        same(read_all(directory), expected)
    except LaunchError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Launch]]:
    """Where launches are kept that have been run once for all tests, and those that are, by their recipe."""
    return tmp_path_factory.mktemp("done"), {}


@pytest.fixture
def finished(
    toy: Toy, request: pytest.FixtureRequest, done: tuple[Path, dict[str, Launch]]
) -> tuple[Recipe, Launch, Path]:
    """A small finished launch, as it is found damaged: with its tables, or killed before it wrote them."""
    recipe = toy(request.param, *SMALL[request.param])
    mlruns, (folder, launches) = recipe.workspace / "mlruns", done
    if request.param not in launches:
        launches[request.param] = launch(recipe, serial=True)
        shutil.copytree(mlruns, folder / request.param)
    shutil.rmtree(mlruns)
    shutil.copytree(folder / request.param, mlruns)
    outcome = launches[request.param]
    assert outcome.state == "finished"
    outcome = replace(outcome, directory=mlruns / "launches" / outcome.id)
    kept = recipe.workspace / "kept"
    shutil.copytree(outcome.directory, kept)
    return recipe, outcome, kept


def damages(kept: Path) -> Iterator[tuple[str, Callable[[Path], None]]]:
    for file in sorted(path for path in kept.rglob("*") if path.is_file()):
        for damage in (delete, empty, halve, flip):
            yield file.relative_to(kept).as_posix(), damage


@pytest.mark.parametrize("tables", [True, False], ids=["finished", "killed before its tables"])
@pytest.mark.parametrize("finished", ["scan", "search"], indirect=True)
def test_each_damage_is_named_or_harmless(finished: tuple[Recipe, Launch, Path], tables: bool) -> None:
    """It is harmless in what nothing reads: reports and the rows of packs whose table is there."""
    _, outcome, kept = finished
    for table in [] if tables else [*outcome.directory.glob("*.parquet"), *kept.glob("*.parquet")]:
        table.unlink()
    expected, named = read_all(kept), 0
    for file, damage in damages(kept):
        broken = outcome.directory / file
        damage(broken)
        fault = fault_of(outcome.directory, expected)
        shutil.copy(kept / file, broken)
        if fault:
            assert file in fault or (file, damage) == ("launch.json", delete), fault
            named += 1
        elif "/" not in file:
            harmless = file in ("lock", "groups.parquet") or (damage is delete and file.endswith(".parquet"))
            assert harmless, (file, damage)
        else:
            unread = ("index.html", "point.json", *(["rows.parquet", "curves.parquet"] if tables else []))
            assert file.endswith(unread), (file, damage)
    assert named >= (25 if tables else 30)


@pytest.mark.parametrize("damage", [delete, empty, halve, flip])
@pytest.mark.parametrize("finished", ["scan", "search"], indirect=True)
def test_each_damage_is_mended_on_resuming(
    finished: tuple[Recipe, Launch, Path], damage: Callable[[Path], None]
) -> None:
    """Every kind of file is damaged; the packs whose tables are still whole are not run again."""
    recipe, outcome, kept = finished
    expected, seen = read_all(kept), set()
    for file in sorted({file for file, _ in damages(kept)} - {*IDENTITY}):
        kind = file.rpartition("/")[2]
        if kind in seen:
            continue
        seen.add(kind)
        damage(outcome.directory / file)
        assert launch(recipe, serial=True, resume=outcome.id).state == "finished", (file, damage)
        same(read_all(outcome.directory), expected)
        shutil.rmtree(outcome.directory)
        shutil.copytree(kept, outcome.directory)
    assert len(seen) >= 7


@pytest.mark.parametrize("finished", ["search"], indirect=True)
def test_a_damaged_point_is_set_aside_and_run_again(finished: tuple[Recipe, Launch, Path]) -> None:
    recipe, outcome, kept = finished
    (outcome.directory / "packs" / "000001" / "pack.json").unlink()
    told: list[str] = []
    resumed = launch(recipe, serial=True, resume=outcome.id, observe=lambda now: told.append(now.message))
    assert resumed.state == "finished"
    same(read_all(outcome.directory), read_all(kept))
    assert [line for line in told if line.startswith("set aside: ") and "packs/000001/pack.json" in line]


@pytest.mark.parametrize("finished", ["scan"], indirect=True)
def test_what_is_no_pack_is_ignored(finished: tuple[Recipe, Launch, Path]) -> None:
    """Files and copies that Finder, Explorer, rsync and people leave."""
    recipe, outcome, kept = finished
    expected = read_all(kept)
    for folder in ("packs", "groups", "failed", "packs/000000", "groups/000000"):
        (outcome.directory / folder).mkdir(exist_ok=True)
        for stray in (".DS_Store", "Thumbs.db", "._000000", "000000.orig"):
            (outcome.directory / folder / stray).touch()
    for copy in ("000000 copy", "000000 (1)", "000000.bak", ".000000.swp"):
        shutil.copytree(kept / "packs" / "000000", outcome.directory / "packs" / copy)
        shutil.copytree(kept / "groups" / "000000", outcome.directory / "groups" / copy)
    same(read_all(outcome.directory), expected)
    for table in outcome.directory.glob("*.parquet"):
        table.unlink()
    same(read_all(outcome.directory), expected)
    assert launch(recipe, serial=True, resume=outcome.id).state == "finished"
    same(read_all(outcome.directory), expected)


@pytest.mark.parametrize("finished", ["scan"], indirect=True)
def test_a_copy_under_another_number_is_set_aside(finished: tuple[Recipe, Launch, Path]) -> None:
    recipe, outcome, kept = finished
    packs = outcome.directory / "packs"
    shutil.rmtree(packs / "000001")
    for number in ("000001", "000099"):
        shutil.copytree(packs / "000000", packs / number)
    told: list[str] = []
    resumed = launch(recipe, serial=True, resume=outcome.id, observe=lambda now: told.append(now.message))
    assert resumed.state == "finished"
    same(read_all(outcome.directory), read_all(kept))
    assert len([line for line in told if line.startswith("set aside: ")]) == 2
    assert "packs/000099: is no pack of this launch" in " ".join(told)


@pytest.mark.parametrize("finished", ["scan"], indirect=True)
def test_the_same_numbers_in_another_file_are_not_taken(finished: tuple[Recipe, Launch, Path]) -> None:
    """A sound file of another pack, or one that was written anew, is not what was written."""
    _, outcome, _ = finished
    arrays = [outcome.directory / "packs" / pack / "arrays.npz" for pack in ("000000", "000001")]
    assert zipfile.is_zipfile(arrays[1])
    shutil.copy(*arrays)
    with pytest.raises(DamageError, match=rf"000001/arrays.npz: .* --resume {outcome.id}"):
        read_all(outcome.directory)


@pytest.mark.parametrize("finished", ["scan"], indirect=True)
def test_a_later_format_is_named(finished: tuple[Recipe, Launch, Path]) -> None:
    from lblhep.launch.store import checksums

    _, outcome, _ = finished
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checksums, "FORMAT", 3)
        (outcome.directory / "packs/000000/pack.json").unlink()
        checksums.write_record(outcome.directory / "packs/000000/pack.json", {"pack": "000000"})
    with pytest.raises(LaunchError, match=r"pack.json: is of format 3, this version of lblhep reads 1 to 2"):
        read_all(outcome.directory)


@pytest.mark.parametrize("finished", ["scan"], indirect=True)
def test_a_later_format_is_no_damage(finished: tuple[Recipe, Launch, Path]) -> None:
    """Whatever its checksums are: resuming would set its packs aside."""
    recipe, outcome, _ = finished
    record = outcome.directory / "packs/000000/pack.json"
    record.write_text('{"format": 3, "checksum": "of another kind"}')
    with pytest.raises(LaunchError, match=r"pack.json: is of format 3, .*: use a newer one"):
        launch(recipe, serial=True, resume=outcome.id)
    assert record.is_file()


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE, errno.EACCES])
@pytest.mark.parametrize("name", ["pack.json", "rows.parquet", "metrics.json", "arrays.npz"])
@pytest.mark.parametrize("finished", ["scan"], indirect=True)
def test_what_cannot_be_read_now_is_no_damage(
    finished: tuple[Recipe, Launch, Path], monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    """A server may be away for a moment; taken for damage, resuming would run its packs again."""
    recipe, outcome, kept = finished
    real = io.open

    def refuse(path: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if str(path).endswith(name) and mode.startswith("r"):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, mode, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(io, "open", refuse)  # as pathlib calls it
        with pytest.raises(LaunchError, match=rf"{name}: {os.strerror(number)}; it is left as it is") as info:
            launch(recipe, serial=True, resume=outcome.id)
    assert not isinstance(info.value, DamageError)
    for folder in ("packs", "groups"):
        there = [path.relative_to(kept) for path in sorted((kept / folder).rglob("*"))]
        assert all((outcome.directory / path).exists() for path in there)
