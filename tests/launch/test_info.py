"""launch.json as other hands may leave it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lblhep.errors import LaunchError
from lblhep.launch.store.info import read_info

WRITTEN = Path(__file__).parent / "data" / "format1"
EDITS: list[tuple[str, Any, str]] = [
    ("started", None, "started must be a number, not nothing"),
    ("started", "today", "started must be a number, not the text 'today'"),
    ("started", 1e300, "started input should be less than"),
    ("started", float("nan"), "started input should be less than"),
    ("state", 3, "state must be text, not 3"),
    ("study", ..., "study is missing"),
    ("code", [], "code must be a mapping of keys to values, not a list"),
    ("partition", {"000000": 3}, "partition.000000 must be a list, not 3"),
    ("run_id", ..., "run_id is missing"),
]


@pytest.mark.parametrize(("key", "value", "says"), EDITS)
def test_an_edited_launch_is_no_bug(tmp_path: Path, key: str, value: Any, says: str) -> None:
    launch = next(iter(sorted(WRITTEN.iterdir())))
    content = json.loads((launch / "launch.json").read_text()) | {key: value}
    if value is ...:
        del content[key]
    (tmp_path / "launch.json").write_text(json.dumps(content))
    (tmp_path / "recipe.yaml").touch()
    with pytest.raises(LaunchError) as caught:
        read_info(tmp_path)
    assert says in str(caught.value)
    assert "was it edited by hand?" in str(caught.value)


@pytest.mark.parametrize("launch", sorted(WRITTEN.iterdir()), ids=lambda path: path.name)
def test_launches_that_were_not_edited_are_read(launch: Path) -> None:
    assert read_info(launch)["study"] == "toy"
