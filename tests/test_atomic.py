"""Files and folders appear and vanish whole, and a lock has one holder, who may die."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lblhep import atomic


def write_folder(path: Path) -> None:
    with atomic.whole_directory(path) as draft:
        (draft / "within").mkdir()
        (draft / "within" / "file").write_text("new")


def write_file(path: Path) -> None:
    atomic.write_file(path, lambda draft: draft.write_text("new"))


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    place = tmp_path / "table.npz"
    place.write_text("old")

    def write(draft: Path) -> None:
        assert draft.suffix == ".npz"  # numpy would add it
        draft.write_text("new")
        assert place.read_text() == "old"

    atomic.write_file(place, write)
    assert place.read_text() == "new"
    assert list(tmp_path.iterdir()) == [place]


def test_a_failed_writer_leaves_what_was_there(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("old")

    def write(draft: Path) -> None:
        draft.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space"):
        atomic.write_file(place, write)
    with pytest.raises(OSError, match="No space"), atomic.whole_directory(tmp_path / "folder") as draft:
        write(draft / "file")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_folder_that_is_there_stays(tmp_path: Path) -> None:
    place = tmp_path / "folder"
    place.mkdir()
    (place / "old").touch()
    with pytest.raises(FileExistsError, match="folder"):
        write_folder(place)
    assert sorted(tmp_path.rglob("*")) == [place, place / "old"]


@pytest.mark.parametrize("write", [write_file, write_folder])
def test_bytes_reach_the_disk_before_the_name_and_the_name_before_the_end(
    tmp_path: Path, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, bool]] = []
    place, real = tmp_path / "place", atomic.to_disk

    def to_disk(path: Path) -> None:
        said.append((path.name.split("-")[-1], place.exists()))
        real(path)

    monkeypatch.setattr(atomic, "to_disk", to_disk)
    write(place)
    within = [] if write is write_file else [("within", False), ("file", False)]
    assert said == [*within, ("place", False), (tmp_path.name.split("-")[-1], True)]


def test_drafts_of_two_writers_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)  # as in two containers
    atomic.write_file(tmp_path / "file", lambda draft: (draft.touch(), write_file(tmp_path / "file")))
    with atomic.whole_directory(tmp_path / "other"):
        write_folder(tmp_path / "folder")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder", "other"}


def test_a_killed_writer_leaves_a_draft_that_is_swept(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from lblhep import atomic
kill = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
here = Path({str(tmp_path)!r})
if os.fork() == 0:
    atomic.write_file(here / "file", lambda draft: (draft.write_text("half"), kill()))
os.wait()
with atomic.whole_directory(here / "folder") as draft:
    (draft / "half").touch()
    kill()
"""
    assert subprocess.run([sys.executable, "-c", script]).returncode == -signal.SIGKILL
    (tmp_path / ".DS_Store").touch()
    left = [path.name for path in tmp_path.iterdir()]
    assert len(left) == 3
    assert all(name.startswith(".") for name in left)
    atomic.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".DS_Store"]
    atomic.sweep(tmp_path / "never made")


def test_a_folder_is_removed_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "folder"
    write_folder(place)

    def killed(path: Path) -> None:
        assert not place.exists()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(atomic.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            atomic.remove_directory(place)
    atomic.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        atomic.remove_directory(place)


def test_a_link_is_not_removed(tmp_path: Path) -> None:
    write_folder(tmp_path / "elsewhere")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotADirectoryError, match="is a link"):
        atomic.remove_directory(link)
    assert (link / "within" / "file").read_text() == "new"


@pytest.mark.parametrize("refused", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_a_file_system_that_cannot_sync_folders(
    tmp_path: Path, refused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()

    def fsync(descriptor: int) -> None:
        raise OSError(refused, os.strerror(refused))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=os.strerror(refused)):
        atomic.to_disk(tmp_path / "file")
    if refused == errno.EIO:
        with pytest.raises(OSError, match=os.strerror(refused)):
            atomic.to_disk(tmp_path)
    else:
        atomic.to_disk(tmp_path)


def test_a_lock_has_one_holder_who_is_named(tmp_path: Path, lock_holder: subprocess.Popen[str]) -> None:
    assert atomic.is_locked(tmp_path / "lock")
    with (
        pytest.raises(atomic.LockedError, match=rf"^process {lock_holder.pid} on {os.uname().nodename}$"),
        atomic.lock(tmp_path / "lock", wait=False),
    ):
        pass


def test_a_killed_holder_holds_nothing(tmp_path: Path, lock_holder: subprocess.Popen[str]) -> None:
    os.kill(lock_holder.pid, signal.SIGKILL)
    lock_holder.wait()
    assert not atomic.is_locked(tmp_path / "lock")
    for _ in range(2):  # and it can be taken again
        with atomic.lock(tmp_path / "lock", wait=False):
            assert (tmp_path / "lock").read_text().startswith(f"process {os.getpid()} on ")


def test_waiting_for_a_lock(tmp_path: Path, lock_holder: subprocess.Popen[str]) -> None:
    start = time.monotonic()
    threading.Timer(0.3, lock_holder.kill).start()
    with atomic.lock(tmp_path / "lock", wait=True):
        assert time.monotonic() - start >= 0.3


def test_waiting_for_a_lock_is_said(
    tmp_path: Path,
    lock_holder: subprocess.Popen[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lblhep.waiting.FIRST_LINE_SECONDS", 0.1)
    monkeypatch.setattr(sys, "stderr", said := io.StringIO())

    def kill_once_it_is_said() -> None:
        end = time.monotonic() + 10
        while not said.getvalue().endswith("\n") and time.monotonic() < end:
            time.sleep(0.02)
        lock_holder.kill()

    threading.Thread(target=kill_once_it_is_said).start()
    with atomic.lock(tmp_path / "lock", wait=True):
        assert said.getvalue().startswith(f"waiting for process {lock_holder.pid} on ")
    assert f"which holds {tmp_path / 'lock'}: " in said.getvalue()


def test_who_looks_at_a_lock_hinders_nobody(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not atomic.is_locked(path)
    path.touch()
    with path.open() as look:
        fcntl.flock(look, fcntl.LOCK_SH)  # as ``is_locked`` does, for less than a millisecond
        threading.Timer(0.05, lambda: fcntl.flock(look, fcntl.LOCK_UN)).start()
        with atomic.lock(path, wait=False):
            assert atomic.is_locked(path)
