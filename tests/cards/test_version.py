"""Fingerprints: prose costs nothing, stale data is never used."""

from __future__ import annotations

import hashlib
import json
import sys

import pytest

from lblhep.cards import fingerprint
from lblhep.cards.version import code_version
from lblhep.errors import ComponentError


def test_prose_costs_nothing(write_card, head):
    before = fingerprint(write_card())
    prose = (
        head.replace("CC0-1.0", "CC-BY-4.0").replace("a number", "another").replace("title: Tiny", "title: T")
    )
    assert fingerprint(write_card(head=prose, tail="luminosity: 3\n")) == before


@pytest.mark.parametrize(
    "change",
    [("GeV", "MeV"), ("role: observable", "role: weight"), ("  x:", "  y:")],
    ids=["unit", "role", "name"],
)
def test_columns_count(write_card, head, change):
    assert fingerprint(write_card(head=head.replace(*change))) != fingerprint(write_card())


@pytest.mark.parametrize(
    "change", [("events: 25", "events: 26"), ("seed: 1", "seed: 3"), ("process: 1", "process: 2")]
)
def test_sources_count(write_card, change):
    from_card = write_card()
    text = from_card.file.read_text()
    before = fingerprint(from_card)
    sources = text[text.index("sources:") :].replace(*change)
    assert fingerprint(write_card(sources)) != before


def test_what_is_not_stated_does_not_count(write_card):
    """The fingerprint of a card that states no newer option is what it was before there were any."""
    source = {"path": "x.csv", "url": None, "sha256": "ab" * 32, "format": None, "table": None}
    stated = {
        "columns": {"event": ["1", "id"], "process": ["1", "truth"], "x": ["GeV", "observable"]},
        "sources": [source | {"columns": {}, "reader": None}],
    }
    card = write_card(f"sources:\n  files:\n    - {{path: x.csv, sha256: {source['sha256']}}}\n")
    assert fingerprint(card) == hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()


def test_options_of_columns_and_files_count(write_card, head):
    sources = "sources:\n  files:\n    - {path: x.csv, sha256: null%s}\n"
    options = ("", ", separator: ';'", ", decimal: ','", ", comment: '#'")
    found = [fingerprint(write_card(sources % option)) for option in options]
    for missing in ("allowed", "-1", "-999.5"):
        changed = head.replace("role: observable", f"role: observable, missing: {missing}")
        found.append(fingerprint(write_card(sources % "", head=changed)))
    assert len(set(found)) == len(found)


def test_code_counts_but_not_its_layout(write_card, workspace):
    card = write_card()
    before = fingerprint(card)
    producer, shape = workspace / "tiny_producer.py", workspace / "tiny_shape.py"
    text = producer.read_text()
    producer.write_text(
        "# a comment\n" + text.replace("Normal numbers", "Numbers").replace(", *, ", ",  *,\n    ")
    )
    assert fingerprint(card) == before
    producer.write_text(text.replace("standard_normal", "standard_cauchy"))
    assert fingerprint(card) != before
    producer.write_text(text)
    (workspace / "elsewhere.py").write_text("unrelated = 1\n")
    assert fingerprint(card) == before
    shape.write_text("def width():\n    return 3.0\n")
    assert fingerprint(card) != before


def test_imports_are_followed_through_the_own_package(workspace):
    package = workspace / "study"
    package.mkdir()
    (package / "made.py").write_text("from study import shape\nfrom .more import f\nimport pytest, numpy\n")
    (package / "shape.py").write_text("import study.deep\n")
    (package / "deep.py").write_text("raise RuntimeError('never imported')\n")
    (package / "more.py").write_text("from lblhep.cards.ranges import cut\n")
    (package / "report.py").write_text("not_imported = 1\n")
    (workspace / "data_cards" / "none.yaml").touch()
    from lblhep import components

    components.on_path(workspace)
    version = code_version("study.made:f")
    assert set(version) == {
        "study.made", "study.shape", "study.deep", "study.more", "lblhep.cards.ranges", "pytest"
    }  # fmt: skip
    assert version["pytest"] == pytest.__version__


def test_a_producer_that_is_not_there(write_card):
    card = write_card(
        "sources:\n  produce:\n    - {use: 'tiny_produce:numbers', events: 9, range: 1, seed: 1}\n"
    )
    with pytest.raises(ComponentError, match="no module tiny_produce"):
        fingerprint(card)


def test_an_optional_package_that_is_not_installed(write_card, workspace):
    """Its card can be read; once the package is there, the data are others."""
    producer = workspace / "tiny_producer.py"
    producer.write_text(producer.read_text() + "\ndef more():\n    from tiny_option.deep import f\n")
    card = write_card()
    before = fingerprint(card)
    assert code_version("tiny_producer:numbers")["tiny_option"] == "absent"
    installed = workspace / "site-packages"
    (installed / "tiny_option").mkdir(parents=True)
    (installed / "tiny_option" / "__init__.py").touch()
    (installed / "tiny_option-1.5.dist-info").mkdir()
    (installed / "tiny_option-1.5.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tiny_option\nVersion: 1.5\n"
    )
    sys.path.append(str(installed))
    assert code_version("tiny_producer:numbers")["tiny_option"] == "1.5"
    assert fingerprint(card) != before


def test_an_unchecked_local_file_is_known_by_its_bytes(write_card, workspace):
    file = workspace / "data_cards" / "x.csv"
    file.write_text("event,process,x\n1,0,2.0\n")
    unchecked = fingerprint(write_card("sources:\n  files:\n    - {path: x.csv, sha256: null}\n"))
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert (
        fingerprint(write_card(f"sources:\n  files:\n    - {{path: x.csv, sha256: {sha256}}}\n")) == unchecked
    )
    file.write_text("event,process,x\n1,0,3.0\n")
    assert fingerprint(write_card("sources:\n  files:\n    - {path: x.csv, sha256: null}\n")) != unchecked
