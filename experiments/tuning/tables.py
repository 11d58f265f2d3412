"""Make the tables of a tune's page, and warn of what their reader must not overlook."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from experiments.tuning.events.lund import MONASH, b_of_mean_z, mean_z
from experiments.tuning.results import Key, Results
from experiments.tuning.uncertainty import LEVELS, MAX_SLOPE_NOISE
from experiments.tuning.validation import COVERS_UP_TO


def monash_point() -> dict[str, float]:
    """Return the expert's tune in the grid's parameters."""
    a, b, sigma = MONASH["aLund"], MONASH["bLund"], MONASH["sigma"]
    return {**MONASH, "avgZ": mean_z(a, b, sigma)}


def warnings(results: Results) -> Iterator[str]:
    """Yield warnings: parameters at a bound, errors too short, and intervals that do not cover."""
    for key, row in results.rows.items():
        bounded = [name for name in results.box if row[f"{name}_at_bound"]]
        if bounded:
            yield (
                f"**{key.label}: {', '.join(bounded)} at a bound of the box.** The minimum lies "
                "outside: the generator has to be run in a larger box."
            )
        form = results.fit(row)["form"]
        if row["noise"] > COVERS_UP_TO[form]:
            yield (
                f"**{key.label}: the intervals do not cover.** The grid's Monte Carlo errors are "
                f"{row['noise']:.2f} of the data's errors (root mean square); 68 % intervals of the form "
                f"{form} covered 60 to 76 % up to {COVERS_UP_TO[form]:.2f}, in pseudo-experiments of another "
                "set-up, with equal noise in all bins (`--profile coverage`). Generate more events a point."
            )
        noise = results.tune(row["trial"])["slope_noise"]
        noisy = [
            f"{name} {share:.0%}"
            for name, share in zip(results.box, noise, strict=True)
            if share > MAX_SLOPE_NOISE
        ]
        if noisy and form == "plain":
            yield (
                f"**{key.label}: noise of the grid makes up part of what seems to be known: "
                f"{', '.join(noisy)}.** This fit takes the surrogates for exact: its errors are too short "
                "there, and it is drawn to the middle of the box. Generate more events a point."
            )


def parameters(results: Results) -> pd.DataFrame:
    """Return each tune's parameters and their errors, how its fit went, and Monash's parameters."""
    lines = []
    for key, row in results.rows.items():
        line = {"tune": key.label}
        for name in results.box:
            bound = int(row[f"{name}_at_bound"])
            ends = {-1: "(lower bound)", 0: f"± {row[f'{name}_error']:.4f}", 1: "(upper bound)"}
            line[name] = f"{row[name]:.4f} {ends[bound]}"
        point = MONASH | {name: row[name] for name in results.box}
        line["bLund"] = f"{b_of_mean_z(point['aLund'], point['avgZ'], point['sigma']):.3f}"
        line["noise"] = f"{row['noise']:.2f}"
        line["slope noise"] = f"{row['slope_noise']:.0%}"
        line["minimum / ndf"] = f"{row['minimum_chi2']:.0f} / {row['ndf']:.0f}"
        line["form"] = results.fit(row)["form"]
        line["model error"] = f"{results.fit(row)['model_error']:.0%}"
        line["starts that found it"] = f"{row['reached']:.0%}" + ("" if row["valid"] else ", not valid")
        lines.append(line)
    monash = monash_point()
    known = [name for name in (*results.box, "bLund") if name in monash]
    lines.append({"tune": "Monash"} | {name: f"{monash[name]:.4f}" for name in known})
    return pd.DataFrame(lines)


def intervals(results: Results) -> pd.DataFrame:
    """Return where chi2, the other parameters refitted, has risen to each level, for every parameter."""
    lines = []
    for key, row in results.rows.items():
        profile = results.tune(row["trial"])["profile"]
        for name, ends in zip(results.box, profile, strict=True):
            line = {"tune": key.label, "parameter": name, "value": f"{row[name]:.4f}"}
            line |= {
                f"{level:.0%}": f"{low:.4f} to {high:.4f}"
                for level, (low, high) in zip(LEVELS, ends, strict=True)
            }
            lines.append(line)
    return pd.DataFrame(lines)


def judgement(results: Results) -> pd.DataFrame:
    """Return chi2 of Pythia run again on the fitted and on the held-out data, beside Monash's."""
    return pd.DataFrame(
        {
            "tuned to": key.label,
            "judged on the data of": judged_on(results, key, part),
            "these were": "fitted" if part == "tuned" else "held out",
            "bins": int(row[f"{part}_bins"]),
            "chi2": row[f"{part}_chi2"],
            "families predicted": f"{row['predicted_chi2']:.0f}" if part == "tuned" else "",
            "chi2, Monash": row[f"{part}_chi2_monash"],
            "gain": gain(row, part),
        }
        for key, row in results.rows.items()
        for part in ("tuned", "held_out")
        if has(row, part)
    )


def judged_on(results: Results, key: Key, part: str) -> str:
    """Return on whose data a tune was judged: the fitted ("tuned") or the other ("held_out") experiment."""
    names = dict.fromkeys(results.bins["experiment"])
    return " and ".join(name.split("_")[0] for name in names if (name == key.experiment) == (part == "tuned"))


def has(row: pd.Series, part: str) -> bool:
    """Return whether the tune was judged on bins that it was fitted to ("tuned") or not ("held_out")."""
    return bool(row.get(f"{part}_bins", 0) > 0)


def gain(row: pd.Series, part: str) -> str:
    """Return Monash's chi2 less the tune's, with its errors, as text."""
    text = f"{row[f'{part}_gain']:.0f} ± {row[f'{part}_gain_error']:.0f}"
    grid = row["held_out_gain_grid_error"] if part == "held_out" else np.nan
    return text if np.isnan(grid) else f"{text} ± {grid:.0f} (grid)"
