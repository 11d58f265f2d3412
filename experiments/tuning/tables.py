"""The tables of a tune's page, and what a reader of them must not overlook."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments.tuning.lund import MONASH, b_of_mean_z, mean_z
from experiments.tuning.results import Results
from experiments.tuning.uncertainty import TOO_NOISY


def monash_point() -> dict[str, float]:
    """The expert's tune in the grid's parameters."""
    a, b, sigma = MONASH["aLund"], MONASH["bLund"], MONASH["sigma"]
    return {**MONASH, "avgZ": mean_z(a, b, sigma)}


def warnings(results: Results) -> Iterator[str]:
    """What a reader must not overlook: parameters at a bound, and errors that noise makes too short."""
    for key, row in results.rows.items():
        bounded = [name for name in results.box if row[f"{name}_at_bound"]]
        if bounded:
            yield (
                f"**{key.label}: {', '.join(bounded)} at a bound of the box.** The minimum lies "
                "outside: the generator has to be run in a larger box."
            )
        noise = results.tune(row["trial"])["slope_noise"]
        noisy = [
            f"{name} {share:.0%}" for name, share in zip(results.box, noise, strict=True) if share > TOO_NOISY
        ]
        if noisy:
            yield (
                f"**{key.label}: noise of the grid makes up part of what seems to be known: "
                f"{', '.join(noisy)}.** A fit that takes the surrogates for exact has errors that are too "
                "short there, and is drawn to the middle of the box: generate more events, or use the form "
                "`covariance` of chi2."
            )


def parameters(results: Results) -> pd.DataFrame:
    """Each tune's parameters and their errors, how its fit went, and Monash's parameters."""
    lines = []
    for key, row in results.rows.items():
        line = {"tune": key.label}
        for name in results.box:
            bound = {-1: " (at the lower bound)", 1: " (at the upper bound)"}.get(
                int(row[f"{name}_at_bound"]), ""
            )
            line[name] = f"{row[name]:.4f} +- {row[f'{name}_error']:.4f}{bound}"
        line["bLund"] = f"{b_of_mean_z(row['aLund'], row['avgZ'], row['sigma']):.3f}"
        line["slope noise"] = f"{row['slope_noise']:.0%}"
        line["chi2 / ndf of the fit"] = f"{row['minimum_chi2']:.0f} / {row['ndf']:.0f}"
        line["starts that found it"] = f"{row['reached']:.0%}"
        lines.append(line)
    monash = monash_point()
    lines.append({"tune": "Monash", **{n: f"{monash[n]:.4f}" for n in [*results.box, "bLund"]}})
    return pd.DataFrame(lines)


def judgement(results: Results) -> pd.DataFrame:
    """chi2 of Pythia run again on what each tune was fitted to and on what it was not, beside Monash's."""
    return pd.DataFrame(
        {
            "tune": key.label,
            "bins": "fitted" if part == "tuned" else "held out",
            "number": int(row[f"{part}_bins"]),
            "chi2": row[f"{part}_chi2"],
            "each predicted": f"{row['predicted_chi2']:.0f}" if part == "tuned" else "",
            "chi2, Monash": row[f"{part}_chi2_monash"],
            "gain": f"{row[f'{part}_gain']:.0f} +- {row[f'{part}_gain_error']:.0f}",
        }
        for key, row in results.rows.items()
        for part in ("tuned", "held_out")
    )
