"""Files that a card names: local and remote, checked before they count."""

from __future__ import annotations

import errno
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import uproot

from lblhep.cards import fetch, open_sample, verify
from lblhep.errors import CardError

CSV = b"event,process,x\n1,0,2.5\n2,1,3.5\n"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    file = tmp_path / "elsewhere" / "x.csv"
    file.parent.mkdir()
    file.write_bytes(CSV)
    return file


def card_of(write_card, *entries: str):
    return write_card("sources:\n  files:\n" + "".join(f"    - {{{entry}}}\n" for entry in entries))


def test_local_files_are_read_in_order(write_card, workspace):
    for name, text in (("b.csv", "event,process,x\n3,1,4.5\n"), ("a.csv", CSV.decode())):
        (workspace / "data_cards" / name).write_text(text)
    card_of(write_card, "path: b.csv, sha256: null", f"path: a.csv, sha256: {sha256(CSV)}")
    sample = open_sample(workspace, "tiny")
    assert sample.columns(["x"])["x"].tolist() == [4.5, 2.5, 3.5]
    assert [part.file for part in sample.manifest.parts] == ["0-b.parquet", "1-a.parquet"]


def test_root_ntuple_with_other_names(write_card, workspace):
    """Columns are renamed and the surplus is left; the values come back equal."""
    x = np.linspace(0, 1, 20, dtype=np.float32)
    columns = {
        "EventNumber": np.arange(20, dtype=np.int32),
        "process": np.zeros(20, np.int8),
        "fX": x,
        "more": x,
    }
    with uproot.recreate(workspace / "data_cards" / "t.root") as file:
        file.mktree("dir/t", {name: values.dtype for name, values in columns.items()}).extend(columns)
    card_of(write_card, "path: t.root, sha256: null, table: dir/t, columns: {event: EventNumber, x: fX}")
    sample = open_sample(workspace, "tiny")
    assert sample.table().column_names == ["event", "process", "x"]
    np.testing.assert_array_equal(sample.columns(["x"])["x"], x)


def test_a_reader_of_the_study(write_card, workspace):
    (workspace / "tiny_shape.py").write_text(
        "import pyarrow as pa\n"
        "def lines(path):\n"
        "    x = [float(line) for line in path.read_text().split()]\n"
        "    return pa.table({'event': list(range(len(x))), 'process': [0] * len(x), 'x': x})\n"
    )
    (workspace / "data_cards" / "x.txt").write_text("1.5\n2.5\n")
    card_of(write_card, "path: x.txt, sha256: null, reader: 'tiny_shape:lines'")
    assert open_sample(workspace, "tiny").columns(["x"])["x"].tolist() == [1.5, 2.5]


def test_a_missing_column_is_named(write_card, workspace):
    (workspace / "data_cards" / "x.csv").write_text("event,process\n1,2\n")
    card_of(write_card, "path: x.csv, sha256: null")
    with pytest.raises(CardError, match=r"x\.csv, line 1: has no column x; it has event, process"):
        open_sample(workspace, "tiny")


def test_a_frame_of_pandas_with_integer_names(write_card, workspace, data, head):
    """The raw file of the LHC Olympics is of this kind."""
    (workspace / "data_cards" / "t.h5").write_bytes((data / "to_hdf_intcols.h5").read_bytes())
    head = head.replace('  event: {unit: "1", role: id, description: number}\n', "")
    for names in ("{process: 0, x: 1}", "{process: '0', x: '1'}"):
        write_card(f"sources:\n  files:\n    - {{path: t.h5, sha256: null, columns: {names}}}\n", head=head)
        sample = open_sample(workspace, "tiny")
        assert sample.columns(["process"])["process"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_german_csv(write_card, workspace):
    (workspace / "data_cards" / "t.csv").write_text("% Messung 1; 2\nevent;process;x\n1;0;2,5\n")
    card_of(write_card, "path: t.csv, sha256: null, separator: ';', decimal: ',', comment: '%'")
    assert open_sample(workspace, "tiny").columns(["x"])["x"].tolist() == [2.5]


def test_types_must_agree(write_card, workspace):
    (workspace / "data_cards" / "a.csv").write_bytes(CSV)
    (workspace / "data_cards" / "b.csv").write_text("event,process,x\n1,text,2.5\n")
    card_of(write_card, "path: a.csv, sha256: null", "path: b.csv, sha256: null")
    with pytest.raises(CardError, match=r"b\.csv: its columns' types differ"):
        open_sample(workspace, "tiny")


@pytest.mark.parametrize("verb", ["open", "verify"])
def test_a_wrong_local_checksum(write_card, workspace, cached_files, verb):
    (workspace / "data_cards" / "x.csv").write_bytes(CSV)
    card = card_of(write_card, f"path: x.csv, sha256: {sha256(b'other')}")
    if verb == "verify":
        assert [finding.verdict for finding in verify(card)] == ["wrong", "absent"]
        return
    with pytest.raises(CardError, match=rf"x\.csv: sha256 is {sha256(CSV)}, but the card states"):
        open_sample(workspace, "tiny")
    assert cached_files() == []


def test_fetch_and_verify(write_card, workspace, elsewhere):
    card = card_of(write_card, f"url: '{elsewhere.as_uri()}', sha256: {sha256(CSV)}")
    assert [finding.verdict for finding in verify(card)] == ["absent", "absent"]
    ((source, path),) = fetch(card)
    assert path.read_bytes() == CSV
    assert source.url == elsewhere.as_uri()
    elsewhere.unlink()  # fetched once
    assert len(open_sample(workspace, "tiny")) == 2
    assert [finding.verdict for finding in verify(card)] == ["ok", "ok"]


def test_no_checksum_is_unverified(write_card, elsewhere):
    card = card_of(write_card, f"url: '{elsewhere.as_uri()}', sha256: null")
    list(fetch(card))
    first, _ = verify(card)
    assert first.verdict == "unverified"
    assert sha256(CSV) in first.detail


def test_a_wrong_remote_checksum_leaves_nothing(write_card, elsewhere, cached_files):
    card = card_of(write_card, f"url: '{elsewhere.as_uri()}', sha256: {sha256(b'other')}")
    with pytest.raises(CardError, match=rf"x\.csv: sha256 is {sha256(CSV)}, but the card states"):
        list(fetch(card))
    assert cached_files() == []


class Handler(BaseHTTPRequestHandler):
    """``/short.csv`` ends before its Content-Length, ``/x.csv`` is whole, all else is absent."""

    def do_GET(self):
        if self.path not in ("/short.csv", "/x.csv"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CSV) + (10 if "short" in self.path else 0)))
        self.end_headers()
        self.wfile.write(CSV)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_http(write_card, server):
    seen = []
    card = card_of(write_card, f"url: '{server}/x.csv', sha256: {sha256(CSV)}")
    ((_, path),) = fetch(card, lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CSV
    assert seen == [(len(CSV), len(CSV))]


@pytest.mark.parametrize(("file", "words"), [("short.csv", "ended after"), ("absent.csv", "404")])
def test_http_failures(write_card, server, cached_files, file, words):
    card = card_of(write_card, f"url: '{server}/{file}', sha256: null")
    with pytest.raises(CardError, match=rf"{file}: cannot be fetched: .*{words}.*fetch again"):
        list(fetch(card))
    assert cached_files() == []


def test_no_network(write_card, cached_files):
    card = card_of(write_card, "url: 'http://127.0.0.1:9/x.csv', sha256: null")
    with pytest.raises(CardError, match=r"127\.0\.0\.1:9/x\.csv: cannot be fetched: .*check the address"):
        list(fetch(card))
    assert cached_files() == []


def test_a_full_disk_leaves_nothing(write_card, elsewhere, cached_files, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    card = card_of(write_card, f"url: '{elsewhere.as_uri()}', sha256: null")
    with pytest.raises(
        CardError, match=r"x\.csv: cannot be written: No space left on device; free some space"
    ):
        list(fetch(card))
    assert cached_files() == []
