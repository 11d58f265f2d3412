"""Names that reach the disk, of cards, studies, launches and recipes, follow one grammar.

Such a name becomes that of a file or folder, here and on other people's machines, and is typed in a shell.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

MAX_NAME_LENGTH = 64
GRAMMAR = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME_LENGTH - 1}}}")


def name_fault(name: str) -> str:
    """Return what is wrong with a name, as the end of a sentence; empty if nothing is."""
    if GRAMMAR.fullmatch(name) and ".." not in name:
        return ""
    shown = repr(f"{name[:60]}..." if len(name) > MAX_NAME_LENGTH else name)
    return (
        f"must be made of 1 to {MAX_NAME_LENGTH} letters A-Z and a-z, digits, `.`, `_` and `-`, begin with "
        f"a letter or digit, and hold no `..`; it is {shown}"
    )


def _checked(name: str) -> str:
    if fault := name_fault(name):
        raise PydanticCustomError("name", "{fault}", {"fault": fault})
    return name


DiskName = Annotated[str, AfterValidator(_checked)]
"""A name as a field of a card or recipe."""
