"""``lblhep data``: what each verb prints and leaves behind."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from lblhep.cli.data import app
from lblhep.errors import CardError, RecipeError

CARD = """\
schema: lblhep/card@1
name: counts
title: Counted events
licence: CC0-1.0
citation: nobody
columns:
  event: {unit: "1", role: id, description: number of the event}
  score: {unit: "1", role: observable, missing: -9, description: a score}
sources:
"""
PRODUCE = """\
  produce:
    - {use: "counting_producer:count", name: all, events: 5, range: 2, seed: 1}
"""
PRODUCER = """
import numpy as np
import pyarrow as pa

def count(events):
    return pa.table({"event": np.arange(events.start, events.stop), "score": np.full(len(events), -9)})
"""


@pytest.fixture
def workspace(tmp_path, own_modules, monkeypatch):
    (tmp_path / "data_cards").mkdir()
    (tmp_path / "counting_producer.py").write_text(PRODUCER)
    (tmp_path / "data_cards" / "counts.yaml").write_text(CARD + PRODUCE)
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def data(*words: str) -> str:
    """Run a verb and give back what it printed; what it raises comes through."""
    return CliRunner().invoke(app, words, catch_exceptions=False).output


def test_list_and_show(workspace):
    assert "not made (0 of 3 ranges)" in data("list")
    (workspace / "data_cards" / "broken.yaml").write_text("schema: lblhep/card@1\n")
    assert "broken.yaml" in data("list")
    shown = data("show", "counts")
    for words in (
        "Counted events",
        "number of the event",
        "a score (missing: -9)",
        "counting_producer:count",
        "CC0-1.0",
        "fingerprint: ",
    ):
        assert words in shown


def test_make_verify_rm(workspace):
    lines = data("make", "counts", "--serial").splitlines()
    assert lines[0] == "counts: 0 of 3 ranges"
    assert lines[3].startswith("counts: 3 of 3 ranges, ")
    assert lines[4].startswith("counts: 5 events in ")
    assert lines[5].startswith("content: sha256:")
    assert "made" in data("list")
    assert "ok  cache, from produce: 5 rows" in data("verify", "counts")
    assert "removed" in data("rm", "counts", "--yes")
    assert "absent  cache, from produce: not made yet" in data("verify", "counts")
    assert "holds nothing" in data("rm", "counts", "--yes")


def test_sample_ships(workspace):
    printed = data("make", "counts", "--serial", "--sample")
    assert "put into data_cards/counts.yaml" in printed
    lines = printed[printed.index("sources:") :].removeprefix("sources:\n")
    files, _, content = lines.rpartition("content:")
    (workspace / "data_cards" / "counts.yaml").write_text(CARD + files + PRODUCE + "content:" + content)
    verified = data("verify", "counts")
    assert "ok  counts/all.parquet" in verified
    assert "absent  cache, from files" in verified
    assert "ok  cache, from produce" in verified


def test_rm_asks(workspace):
    data("make", "counts", "--serial")
    assert "Aborted" in CliRunner().invoke(app, ["rm", "counts"], input="n\n").output
    assert "ok  cache" in data("verify", "counts")


def test_fetch(workspace):
    elsewhere = workspace / "elsewhere.csv"
    elsewhere.write_text("event\n1\n2\n")
    files = f"  files:\n    - {{url: '{elsewhere.as_uri()}', sha256: null}}\n"
    (workspace / "data_cards" / "counts.yaml").write_text(CARD + files)
    printed = data("fetch", "counts")
    assert "unverified" in printed
    sha256 = printed.split("sha256: ")[1].strip()
    assert "unverified" in data("verify", "counts")
    (workspace / "data_cards" / "counts.yaml").write_text(CARD + files.replace("null", sha256))
    assert f"ok  {elsewhere.as_uri()}" in data("verify", "counts")


def test_wrong_data_are_an_error(workspace):
    (workspace / "data_cards" / "x.csv").write_text("event\n1\n")
    files = f"  files:\n    - {{path: x.csv, sha256: {'ab' * 32}}}\n"
    (workspace / "data_cards" / "counts.yaml").write_text(CARD + files)
    with pytest.raises(CardError, match="counts: 1 of its data are wrong"):
        data("verify", "counts")


@pytest.mark.parametrize("verb", ["show", "make", "fetch", "verify", "rm"])
def test_bad_names_and_cards(workspace, verb):
    with pytest.raises(CardError, match="did you mean `counts`"):
        data(verb, "count")
    (workspace / "data_cards" / "counts.yaml").write_text(CARD)
    with pytest.raises(RecipeError, match=r"counts\.yaml:9:1: sources"):
        data(verb, "counts")


def test_nothing_to_fetch(workspace):
    with pytest.raises(CardError, match="names no files; `lblhep data make counts`"):
        data("fetch", "counts")
