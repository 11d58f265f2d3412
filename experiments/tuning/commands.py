"""Write Pythia command files of a tune and its eigentunes, for ``pythia.readFile("tune.cmnd")``.

    ! Tune: ALEPH, equal weights
    ! alphaS = 0.13721 +- 0.0004
    ! chi2 / ndf = 212.1 / 180
    ! grid: z-hadrons-pythia8
    TimeShower:alphaSvalue = 0.13721
    ...

Pythia skips a line that starts with neither a letter nor a digit.  Numbers keep every digit, so reading gives
the same settings; nothing says where on this machine anything lies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from experiments.tuning.events.lund import settings
from experiments.tuning.results import Results
from lblhep.surrogates.exchange.files import FormatError, read_text, write_text

_SETTING = re.compile(r"[A-Za-z][\w+-]*:[\w+-]+\s*=\s*\S.*")
_ABSOLUTE = re.compile(r"(?:^|[\s='\"(])(/[\w.-]+/|~|[A-Za-z]:\\)")


def write_tune(
    path: Path | str,
    point: Mapping[str, float],
    *,
    title: str,
    errors: Mapping[str, float] | None = None,
    chi2: float | None = None,
    ndf: int | None = None,
    provenance: Mapping[str, str] | None = None,
) -> None:
    """Write the settings of ``point`` (parameters as in ``lund.settings``), below what is known of it.

    Args:
        path: the file.
        point: values of the parameters.
        title: first line of comment.
        errors: errors of the parameters, of those that have one.
        chi2: chi2 at the minimum.
        ndf: degrees of freedom.
        provenance: what the tune came from: a grid, a recipe's digest, weights.

    Raises:
        FormatError: for text that holds a path of this machine.
        ValueError: for a point that is none.
    """
    comments = [title]
    for name, value in point.items():
        error = "" if errors is None or name not in errors else f" +- {errors[name]:.3g}"
        comments.append(f"{name} = {float(value)!r}{error}")
    if chi2 is not None:
        comments.append(f"chi2 = {chi2:.6g}" if ndf is None else f"chi2 / ndf = {chi2:.6g} / {ndf}")
    comments += [f"{key}: {text}" for key, text in (provenance or {}).items()]
    for comment in comments:
        if _ABSOLUTE.search(comment):
            remedy = "name it relative to the workspace"
            raise FormatError(path, comment, "this would be a path of this machine", remedy)
    lines = [f"! {line}" for comment in comments for line in comment.splitlines()]
    write_text(path, "".join(f"{line}\n" for line in (*lines, *settings(point))))


def write_eigentunes(
    folder: Path | str,
    name: str,
    names: Sequence[str],
    points: ArrayLike,
    *,
    title: str,
    at_bound: ArrayLike | None = None,
    provenance: Mapping[str, str] | None = None,
) -> tuple[Path, ...]:
    """Write ``<name>-1-minus.cmnd``, ``<name>-1-plus.cmnd``, ... of ``lblhep.surrogates.eigentunes``.

    Args:
        folder: where the files are written.
        name: how their names begin.
        names: names of the d parameters.
        points: minus and plus of each direction in turn, the largest variance first, (2 k, d).
        title: first line of comment.
        at_bound: which of the points stopped at a bound, (2 k,); the file then says so.
        provenance: what the tune came from, as in ``write_tune``.

    Returns:
        The paths of the files.

    Raises:
        FormatError: if there are not two points for each direction.
    """
    rows = np.asarray(points, dtype=np.float64)
    if rows.ndim != 2 or len(rows) % 2 or rows.shape[1] != len(names):
        problem = f"points of shape {rows.shape} for {len(names)} parameters"
        raise FormatError(folder, name, problem, "expected minus and plus of each direction: (2 k, d)")
    stopped = (
        np.zeros(len(rows), dtype=np.bool_) if at_bound is None else np.asarray(at_bound, dtype=np.bool_)
    )
    paths = []
    for index, (row, bound) in enumerate(zip(rows, stopped, strict=True)):
        direction, side = index // 2 + 1, ("minus", "plus")[index % 2]
        path = Path(folder) / f"{name}-{direction}-{side}.cmnd"
        end = ", stopped at the bound of the box" if bound else ""
        write_tune(
            path,
            dict(zip(names, map(float, row), strict=True)),
            title=f"{title}: eigentune {direction} {side}{end}",
            provenance=provenance,
        )
        paths.append(path)
    return tuple(paths)


def read_commands(path: Path | str) -> tuple[str, ...]:
    """Return the commands of a file, in order, without comments.

    Raises FormatError with the line of one that is no setting.
    """
    commands = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        text = line.strip()
        if not text or not text[0].isalnum():
            continue
        if not _SETTING.fullmatch(text):
            raise FormatError(
                path, f"line {number}", f"{text!r} is no setting", "expected Group:name = value"
            )
        commands.append(text)
    return tuple(commands)


def write_commands(results: Results, out: Path) -> None:
    """Write Pythia command files of every tune of a launch and of its eigentunes into ``out``."""
    names = list(results.box)
    digest = str(results.launch.info.get("recipe_digest", ""))
    for key, row in results.rows.items():
        saved, label = results.tune(row["trial"]), key.label
        file = re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-").lower()
        fit = results.fit(row)
        provenance = {
            "recipe": digest,
            "grid": results.launch.sample("grid").card.name,
            "fitted to": key.label,
            "form of chi2": fit["form"],
            "model error": f"{fit['model_error']:.0%}",
            "errors": "of a fit with diagonal errors of data that no model describes: no 68 % intervals",
            "at a bound": ", ".join(n for n in names if row[f"{n}_at_bound"]) or "no parameter",
        }
        write_tune(
            out / f"{file}.cmnd",
            dict(zip(names, map(float, saved["values"]), strict=True)),
            title=f"Tune of Z -> hadrons: {label}",
            errors={n: float(e) for n, e in zip(names, saved["errors"], strict=True) if e > 0},
            chi2=float(row["minimum_chi2"]),
            ndf=int(row["ndf"]),
            provenance=provenance,
        )
        write_eigentunes(
            out,
            f"{file}-eigentune",
            names,
            saved["eigentunes"],
            title=f"Tune of Z -> hadrons: {label}",
            at_bound=saved["eigentune_at_bound"],
            provenance=provenance,
        )
