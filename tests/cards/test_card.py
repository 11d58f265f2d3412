"""Reading cards: what is accepted, and where faults are said to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from lblhep.cards import DataCard, list_cards, read_card
from lblhep.errors import CardError, Problem, RecipeError

REPOSITORY = Path(__file__).parents[2]
SHA = "ab" * 32


def problems(write_card, *args, **kwargs) -> tuple[Problem, ...]:
    with pytest.raises(RecipeError) as caught:
        write_card(*args, **kwargs)
    return caught.value.problems


def test_reads_a_card(write_card, workspace):
    card = write_card()
    assert card.name == "tiny"
    assert card.source == "produce"
    assert card.workspace == workspace
    assert card.sources.produce[1].arguments == {"process": 1}
    assert [len(events) for events in card.sources.produce[0].ranges()] == [10, 10, 5]
    assert list_cards(workspace) == ["tiny"]


@pytest.mark.parametrize("name", list_cards(REPOSITORY))
def test_shipped_cards_are_valid(name):
    card = read_card(REPOSITORY, name)
    assert isinstance(card, DataCard)
    assert all(column.description for column in card.columns.values())
    assert any(column.role == "observable" for column in card.columns.values())


def test_a_card_is_frozen(write_card):
    with pytest.raises(ValueError, match="frozen"):
        write_card().title = "other"


def test_missing_card_hints(write_card, workspace):
    write_card()
    with pytest.raises(CardError, match=r"tinny\.yaml: there is no such data card; did you mean `tiny`"):
        read_card(workspace, "tinny")


@pytest.mark.parametrize(
    ("change", "line", "path", "words"),
    [
        (("licence:", "license:"), 4, "license", "did you mean `licence`"),
        (("role: truth", "role: thruth"), 8, "columns.process.role", "truth"),
        (("name: tiny", "name: other"), 2, "name", "the file's name is 'tiny'"),
        (("lblhep/card@1", "lblhep/card@9"), 1, "schema", "lblhep/card@1"),
        (("role: observable", "role: observable, missing: perhaps"), 9, "columns.x.missing", "allowed"),
        (("role: id", "role: id, missing: -1"), 7, "columns.event", "a column of role id never lacks values"),
    ],
)
def test_faults_of_the_head_have_places(write_card, head, change, line, path, words):
    found = {p.path: p for p in problems(write_card, head=head.replace(*change))}
    assert found[path].line == line
    assert words in str(found[path])


@pytest.mark.parametrize(
    ("sources", "line", "words"),
    [
        ("sources: {}\n", 10, "needs `files` or `produce`"),
        (f"sources:\n  files:\n    - {{path: ../x.csv, sha256: {SHA}}}\n", 12, "stays inside"),
        (f"sources:\n  files:\n    - {{path: /x.csv, sha256: {SHA}}}\n", 12, "stays inside"),
        (f"sources:\n  files:\n    - {{url: 'ftp://x/x.csv', sha256: {SHA}}}\n", 12, "https://"),
        (f"sources:\n  files:\n    - {{path: x.csv, url: 'file:///x.csv', sha256: {SHA}}}\n", 12, "either"),
        ("sources:\n  files:\n    - {path: x.csv, sha256: abc}\n", 12, "64 hexadecimal digits"),
        ("sources:\n  files:\n    - {path: x.csv}\n", 12, "is missing"),
        (
            "sources:\n  files:\n    - {path: x.h5, sha256: null, separator: ';'}\n",
            12,
            "`separator:` says nothing about a hdf5 file",
        ),
        (
            "sources:\n  files:\n    - {path: x.csv, sha256: null, table: t}\n",
            12,
            "`table:` says nothing about a csv file",
        ),
        (
            "sources:\n  files:\n    - {path: x.h5, sha256: null, reader: 'a:b', table: t}\n",
            12,
            "`table:` says nothing about a file with a `reader:`",
        ),
        ("sources:\n  files:\n    - {path: x.csv, sha256: null, separator: '; '}\n", 12, "separator"),
        (f"sources:\n  files:\n    - {{path: x.dat, sha256: {SHA}}}\n", 12, "state `format:`"),
        ("sources:\n  produce:\n    - {use: 'a:b', events: 0, range: 1, seed: 1}\n", 12, "events"),
        (
            "sources:\n  produce:\n    - {use: 'a:b', name: a, events: 9, range: 1, seed: 1}\n"
            "    - {use: 'a:b', name: b, first: 8, events: 9, range: 1, seed: 1}\n",
            10,
            "overlap",
        ),
        (
            "sources:\n  produce:\n    - {use: 'a:b', events: 9, range: 1, seed: 1}\n"
            "    - {use: 'a:b', first: 9, events: 9, range: 1, seed: 1}\n",
            10,
            "different names",
        ),
    ],
)
def test_faults_of_sources_have_places(write_card, sources, line, words):
    (problem,) = problems(write_card, sources)
    assert problem.line == line
    assert words in str(problem)


def test_all_problems_at_once(write_card, head):
    broken = head.replace("unit: GeV, ", "").replace("licence:", "license:")
    assert len(problems(write_card, "sources: {}\n", head=broken)) >= 3
