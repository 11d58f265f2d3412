"""Hash what a data set depends on: when that changes, the old cache is left alone and not used.

Covered: names, units and roles of the columns; the source that is used; and, where code makes or reads the
data, that code's version.  Not covered: prose (title, licence, descriptions), comments, code layout.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from lblhep import components
from lblhep.atomic import sha256_of
from lblhep.cards.card import Column, DataCard
from lblhep.cards.sources import OPTIONS
from lblhep.errors import CardError, ComponentError

# Packages that carry arrays about: their version does not change what a producer makes.
ARRAY_PACKAGES = frozenset({"awkward", "h5py", "hdf5plugin", "numpy", "pandas", "pyarrow", "scipy", "uproot"})
_SITE = {"site-packages", "dist-packages"}


def fingerprint(card: DataCard, source: Literal["files", "produce"] | None = None) -> str:
    """Return the hash of the card's data, 64 hexadecimal digits, as made from ``source`` (default: the one
    used).

    >>> len(fingerprint(read_card(workspace, "jets")))
    64
    """
    components.on_path(card.workspace)
    files = (source or card.source) == "files"
    stated = {
        "columns": {name: _column(column) for name, column in card.columns.items()},
        "sources": _files(card) if files else _produce(card),
    }
    return hashlib.sha256(json.dumps(stated, sort_keys=True, default=str).encode()).hexdigest()


def _column(column: Column) -> list[Any]:
    return [column.unit, column.role, *([] if column.missing is None else [column.missing])]


def _files(card: DataCard) -> list[dict[str, Any]]:
    """Return the stated files; a local one without a checksum is known by its bytes, so that it cannot go
    stale.

    Options of CSV that are not stated are left out, so that other cards' data do not age.
    """
    stated = []
    for source in card.sources.files:
        entry = source.model_dump(exclude={*OPTIONS["csv"]} - source.options.keys())
        if source.path and source.sha256 is None and card.place(source).is_file():
            entry["sha256"] = sha256_of(card.place(source))
        stated.append(entry | ({"code": code_version(source.reader)} if source.reader else {}))
    return stated


def _produce(card: DataCard) -> list[dict[str, Any]]:
    """Return the entries with their code; an absent ``merge`` is left out, so that other cards' data do not
    age."""
    stated = []
    for source in card.sources.produce:
        code = code_version(source.use) | (code_version(source.merge) if source.merge else {})
        entry = source.model_dump(exclude=None if source.merge else {"merge"})
        stated.append(entry | {"code": code})
    return stated


def code_version(use: str) -> dict[str, str]:
    """Return the hashes of the modules behind ``module:function`` and versions of the packages that they
    import.

    Imports are followed, without importing anything but parent packages, through modules of the function's
    own top-level package, of lblhep, and of whatever else is not an installed package.
    """
    start = use.partition(":")[0]
    own = {start.partition(".")[0], "lblhep"}
    version: dict[str, str] = {}
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module in version:
            continue
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or top in ARRAY_PACKAGES:
            continue
        if _foreign(top, own):
            version[top] = _installed_version(top)
            continue
        tree = _syntax(module, use)
        version[module] = hashlib.sha256(ast.unparse(_without_docstrings(tree)).encode()).hexdigest()
        waiting += _imports(tree, module, own)
    return version


def _spec(module: str) -> ModuleSpec | None:
    try:
        return find_spec(module)
    except ModuleNotFoundError:
        return None


def _syntax(module: str, use: str) -> ast.Module:
    spec = _spec(module)
    if spec is None:
        raise ComponentError(f"{use}: there is no module {module}")
    if not spec.origin or not spec.origin.endswith(".py"):
        raise CardError(f"{use}: {module} has no Python source, so its data cannot be told from stale data")
    return ast.parse(Path(spec.origin).read_bytes())


def _imports(tree: ast.Module, module: str, own: set[str]) -> Iterator[str]:
    """Return the dotted names of the modules that ``tree`` imports, submodules told from names."""
    spec = _spec(module)
    package = (module if spec and spec.submodule_search_locations else module.rpartition(".")[0]).split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield from _modules_of(base, [alias.name for alias in node.names], own)


def _modules_of(base: str, names: list[str], own: set[str]) -> Iterator[str]:
    """Return the modules behind ``from base import names``: base itself unless it is a namespace, and
    submodules."""
    spec = None if _foreign(base.partition(".")[0], own) else _spec(base)
    if spec is None or spec.origin:
        yield base
    if spec is not None and spec.submodule_search_locations is not None:
        yield from (f"{base}.{name}" for name in names if _spec(f"{base}.{name}"))


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return tree


def _foreign(package: str, own: set[str]) -> bool:
    """Return whether a top-level package is Python's or pip's, so that its version says what it is.

    So is one that is not installed: a producer may import an optional package, and the card is still read.
    """
    if package in own:
        return False
    spec = _spec(package)
    if spec is None:
        return True
    places = [spec.origin or "", *(spec.submodule_search_locations or ())]
    return package in sys.stdlib_module_names or any(_SITE & set(Path(place).parts) for place in places)


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    """Map each top-level package to what installed it, when first asked: it takes half a second to find
    out."""
    return metadata.packages_distributions()


def _installed_version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        names = _distributions().get(package, [])
        return metadata.version(names[0]) if names else "absent"
