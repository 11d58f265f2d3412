"""Read ROOT files: a TTree, a TNtuple or an RNTuple."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from lblhep.cards.formats.columns import chosen, listed
from lblhep.errors import CardError

TREES = ("TTree", "TNtuple", "TNtupleD", "TChain", "ROOT::RNTuple")


def read_root(path: Path, columns: Sequence[str] | None = None, *, table: str | None = None) -> pa.Table:
    """Read the named branches, default all, of a flat tree; jagged ones become lists.

    ``table`` names the tree, and may be left out if the file holds only one.
    """
    import uproot

    with uproot.open(path) as file:
        # uproot reads what it finds of a file that was cut short; the header knows the length.
        if path.stat().st_size < file.file.fEND:
            raise ValueError(f"{path.stat().st_size} bytes of {file.file.fEND}")
        tree = _tree(path, file, table)
        names = chosen(path, columns, _branches(tree, columns))
        return pa.table({name: _branch(path, tree, name) for name in names})


def _tree(path: Path, file: Any, table: str | None) -> Any:
    trees = [*dict.fromkeys(file.keys(cycle=False, filter_classname=TREES))]
    if table is None and len(trees) == 1:
        return file[trees[0]]
    if table is None:
        raise CardError(f"{path}: the file holds the trees {listed(trees)}: state `table:`")
    if table.partition(";")[0].strip("/") not in trees:
        raise CardError(f"{path}: has no tree `{table}`; it has {listed(trees)}: correct `table:`")
    return file[table]


def _branches(tree: Any, columns: Sequence[str] | None) -> list[str]:
    """Return the tree's names, and wanted ones known by a shorter path (``Jet.PT`` for ``Jet/Jet.PT``)."""
    names = [*dict.fromkeys(tree.keys())]
    return names + [name for name in columns or () if name not in names and name in tree]


def _branch(path: Path, tree: Any, name: str) -> pa.Array:
    """Read one branch into Arrow: numbers, text or lists of them."""
    import awkward
    import uproot

    branch = tree[name]
    unknown = uproot.interpretation.identify.UnknownInterpretation
    if isinstance(getattr(branch, "interpretation", None), unknown):
        raise CardError(
            f"{path}: column {name} is of the type {branch.typename}, which uproot cannot read: write "
            "numbers or vectors of them, or let the card's `columns` name another"
        )
    return awkward.to_arrow(branch.array(), list_to32=True, string_to32=True, extensionarray=False)
