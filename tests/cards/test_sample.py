"""Opened data sets: made once, verified, read by column; damage is named and mended."""

from __future__ import annotations

import errno
import hashlib
import json

import numpy as np
import pyarrow as pa
import pytest

from lblhep.cards import content_digest, fingerprint, forget, open_sample, sample, verify
from lblhep.errors import CardError


@pytest.fixture
def made(write_card, workspace):
    write_card()
    return open_sample(workspace, "tiny")


@pytest.fixture
def another_process(monkeypatch):
    """Forget what this process has opened."""
    monkeypatch.setattr(sample, "_opened", {})


def test_columns(made, workspace):
    assert len(made) == 30
    assert made.table().column_names == ["event", "process", "x"]
    columns = made.columns(["process", "event"])
    assert list(columns) == ["process", "event"]
    assert columns["event"].tolist() == [*range(25), *range(100, 105)]
    assert columns["process"].tolist() == [0] * 25 + [1] * 5
    assert columns["process"].dtype == np.int8
    assert made.columns(["event"])["event"] is columns["event"]
    assert open_sample(workspace, "tiny").columns(["event"])["event"] is columns["event"]
    with pytest.raises(ValueError, match="read-only"):
        columns["event"][0] = 1


def test_an_unknown_column_is_named(made):
    for read in (made.columns, made.table):
        with pytest.raises(CardError, match=r"tiny\.yaml: has no column z; it has event, process, x"):
            read(["z"])


def test_parts_are_those_of_the_card(made):
    assert [(part.file, part.rows) for part in made.manifest.parts] == [
        ("background.parquet", 25),
        ("signal.parquet", 5),
    ]


def test_stated_content(write_card, workspace, made, another_process):
    write_card(tail=f"content: {made.content}\n")
    assert open_sample(workspace, "tiny").content == made.content
    card = write_card(tail=f"content: sha256:{'0' * 63}a\n")
    with pytest.raises(CardError, match=rf"content is {made.content}, but .*tiny\.yaml states"):
        open_sample(workspace, "tiny")
    forget(card)
    with pytest.raises(CardError, match=rf"content is {made.content}, but the card states"):
        open_sample(workspace, "tiny")


def test_what_a_killed_removal_left_is_removed(made, monkeypatch):
    def killed(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lblhep.atomic.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            forget(made.card)
    samples = made.directory.parents[1]
    assert [path.name.startswith(".draft-") for path in samples.iterdir()] == [True]
    forget(made.card)
    assert not list(samples.iterdir())


def truncate(path):
    path.write_bytes(path.read_bytes()[:-10])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["background.parquet", "manifest.json"])
@pytest.mark.parametrize("damage", [truncate, lambda path: path.unlink()], ids=["truncated", "missing"])
def test_damage_is_named_and_mended(made, workspace, another_process, file, damage):
    damage(made.directory / file)
    with pytest.raises(CardError, match=rf"{file}: .*; run `lblhep data rm tiny`"):
        open_sample(workspace, "tiny")
    assert [finding.verdict for finding in verify(made.card)] == ["wrong"]
    forget(made.card)
    assert len(open_sample(workspace, "tiny")) == 30


def test_a_changed_part(made, workspace, another_process):
    flip_a_bit(made.directory / "signal.parquet")
    with pytest.raises(CardError, match=r"signal\.parquet: sha256 is .*, but .* was written"):
        open_sample(workspace, "tiny")


def more_rows(manifest):
    manifest["parts"][0]["rows"] += 1


def swapped_rows(manifest):
    one, other = manifest["parts"]
    one["rows"], other["rows"] = other["rows"], one["rows"]


def swapped_parts(manifest):
    manifest["parts"].reverse()


def a_part_less(manifest):
    manifest["parts"].pop()


def other_content(manifest):
    manifest["content"] = f"sha256:{'0' * 64}"


@pytest.mark.parametrize("alter", [more_rows, swapped_rows, swapped_parts, a_part_less, other_content])
def test_an_altered_manifest_is_found(made, another_process, alter):
    file = made.directory / "manifest.json"
    manifest = json.loads(file.read_text())
    alter(manifest)
    file.write_text(json.dumps(manifest))
    (finding,) = verify(made.card)
    assert finding.verdict == "wrong"
    assert "manifest.json" in finding.detail


def test_rows_that_a_part_lacks_are_found_when_it_is_opened(made, workspace, another_process):
    file = made.directory / "manifest.json"
    file.write_text(file.read_text().replace('"rows": 25', '"rows": 24'))
    with pytest.raises(CardError, match=r"background\.parquet: has 25 rows, but .*manifest\.json says 24"):
        open_sample(workspace, "tiny")


def test_a_link_in_the_cache_is_not_removed(made, tmp_path):
    """Somebody has put the data on another disk."""
    made.directory.parent.rename(tmp_path / "elsewhere")
    made.directory.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CardError, match="is a link, which is not removed"):
        forget(made.card)
    assert (tmp_path / "elsewhere" / made.directory.name / "manifest.json").is_file()


def test_a_full_disk_leaves_nothing(write_card, workspace, cached_files, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    (workspace / "data_cards" / "x.csv").write_text("event,process,x\n1,0,2.5\n")
    card = write_card("sources:\n  files:\n    - {path: x.csv, sha256: null}\n")
    with monkeypatch.context() as patch:
        patch.setattr("pyarrow.parquet.write_table", full)
        with pytest.raises(CardError, match="No space left on device; free some space"):
            open_sample(workspace, "tiny")
    assert cached_files() == []
    assert len(open_sample(workspace, "tiny")) == 1
    assert sample.stored(card, fingerprint(card)) is not None


def test_data_outlive_their_source(write_card, workspace):
    """The cache is the data set: the file that it came from may go."""
    file = workspace / "data_cards" / "x.csv"
    file.write_text("event,process,x\n1,0,2.5\n")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    write_card(f"sources:\n  files:\n    - {{path: x.csv, sha256: {sha256}}}\n")
    open_sample(workspace, "tiny")
    file.unlink()
    assert len(open_sample(workspace, "tiny")) == 1


RAGGED = """
import numpy as np
import pyarrow as pa

def tracks(events):
    count = np.arange(events.start, events.stop) % 3
    offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int32)
    pt = events.generator().exponential(size=offsets[-1])
    return pa.table({"event": np.arange(events.start, events.stop),
                     "pt": pa.ListArray.from_arrays(offsets, pt)})
"""


def test_lists_of_any_length(write_card, workspace):
    """Made in ranges, written, read and verified like numbers; an event may have none."""
    (workspace / "tiny_producer.py").write_text(RAGGED)
    head = """\
schema: lblhep/card@1
name: tiny
title: Tracks
licence: CC0-1.0
citation: none
columns:
  event: {unit: "1", role: id, description: number}
  pt: {unit: GeV, role: observable, description: each track's}
"""
    card = write_card(
        "sources:\n  produce:\n    - {use: 'tiny_producer:tracks', events: 25, range: 10, seed: 1}\n",
        head=head,
    )
    made = open_sample(workspace, "tiny")
    pt = made.table(["pt"])["pt"].combine_chunks()
    assert np.diff(pt.offsets.to_numpy()).tolist() == [i % 3 for i in range(25)]
    import tiny_producer

    ranges = [tiny_producer.tracks(events) for events in card.sources.produce[0].ranges()]
    assert made.content == content_digest(pa.concat_tables(ranges))
    expected = [row for table in ranges for row in table["pt"].to_pylist()]
    assert pt.to_pylist() == expected
    assert [row.tolist() for row in made.columns(["pt"])["pt"]] == expected
    assert [finding.verdict for finding in verify(card)] == ["ok"]
