"""Files and directories appear whole or not at all, and refusals say how to mend them."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from lblhep.cache import cache_root
from lblhep.cards import disk
from lblhep.errors import CardError


def test_the_cache_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path))
    assert disk.sample_directory("card", "f" * 64) == tmp_path / "samples" / "card" / ("f" * disk.HASH_DIGITS)
    monkeypatch.delenv("LBLHEP_CACHE")
    assert cache_root().name == "lblhep"


def test_a_file_is_committed_whole(tmp_path):
    place = tmp_path / "new" / "file"

    def write(path: Path) -> None:
        path.write_text("all of it")
        assert not place.exists()

    disk.commit_file(place, write)
    assert place.read_text() == "all of it"
    assert list(place.parent.iterdir()) == [place]


def test_a_failed_writer_leaves_what_was_there(tmp_path):
    place = tmp_path / "file"
    place.write_text("old")

    def write(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        disk.commit_file(place, write)
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_a_failed_directory_leaves_nothing_and_a_dead_one_is_no_hindrance(tmp_path):
    place = tmp_path / "set"
    draft = tmp_path / ".draft-node-1-0123abcd-set"
    draft.mkdir()
    (draft / "left by a killed process").touch()

    def fail(folder: Path) -> None:
        (folder / "part").touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(CardError, match=r"set: cannot be written: No space left .*; free some space"):
        disk.commit_directory(place, fail)
    assert list(tmp_path.iterdir()) == []
    disk.commit_directory(place, lambda folder: (folder / "part").touch())
    assert [path.name for path in place.iterdir()] == ["part"]


def test_a_cache_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "file"))
    place = disk.sample_directory("card", "f" * 64)
    with pytest.raises(CardError, match=r"cannot be written: .*LBLHEP_CACHE must name a folder"):
        disk.commit_file(place / "x", lambda path: path.touch())


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_every_refusal_has_a_remedy(tmp_path, code):
    with (
        pytest.raises(CardError, match=f"{tmp_path}: cannot be written: .*; .*LBLHEP_CACHE"),
        disk.writing(tmp_path),
    ):
        raise OSError(code, "refused")
