"""The tunes of a launch as files that Pythia reads."""

from __future__ import annotations

import re
from pathlib import Path

from experiments.tuning.exchange.command_files import write_eigentunes, write_tune
from experiments.tuning.results import Results


def write_commands(results: Results, out: Path) -> None:
    """Pythia command files of every tune and of its eigentunes."""
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
