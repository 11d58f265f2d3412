"""The sample that ships is the production, file for file, and its lines make a card that opens."""

from __future__ import annotations

from lblhep.cards import make, open_sample, ship


def test_ship_and_open(write_card, workspace):
    card = write_card()
    made = make(card, serial=True)
    shipped = ship(made)
    files = sorted(path.name for path in (workspace / "data_cards" / "tiny").iterdir())
    assert files == ["background.parquet", "signal.parquet"]
    lines = shipped.lines().splitlines()
    produce = card.file.read_text().partition("sources:\n")[2]
    sources, content = "\n".join(lines[:-1]) + "\n" + produce, lines[-1] + "\n"
    assert write_card(sources, tail=content).source == "files"
    opened = open_sample(workspace, "tiny")
    assert opened.directory != made.directory
    assert opened.table().equals(made.table())
    assert opened.content == made.content
