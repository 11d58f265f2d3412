"""Write a recipe's values as YAML that a person reads: block style, short lists and mappings on one line."""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

MAX_LINE_LENGTH = 90
"""Characters up to which a list or mapping without mappings inside stays on one line."""


def to_yaml(values: dict[str, Any]) -> str:
    """Write plain values as YAML 1.2 text.

    >>> print(to_yaml({"study": "toy", "task": {"steps": 3}}), end="")
    study: toy
    task: {steps: 3}
    """
    yaml = YAML()
    yaml.width = 10_000  # a folded line would be valid, but hard to edit
    yaml.representer.ignore_aliases = lambda _data: True
    stream = io.StringIO()
    yaml.dump(_styled(values, top=True), stream)
    return stream.getvalue()


def _styled(value: Any, top: bool = False) -> Any:
    if isinstance(value, dict):
        mapping = CommentedMap((key, _styled(item)) for key, item in value.items())
        short = not top and len(str(value)) <= MAX_LINE_LENGTH and not _holds_containers(value.values())
        if short:
            mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, list | tuple):
        sequence = CommentedSeq(_styled(item) for item in value)
        if not any(isinstance(item, dict) for item in value):
            sequence.fa.set_flow_style()
        return sequence
    return value


def _holds_containers(values: Any) -> bool:
    return any(isinstance(value, dict) for value in values)
