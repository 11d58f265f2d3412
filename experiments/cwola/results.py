"""Read a launch of this study as tables: some groups are the observation, others pseudo-experiments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from experiments.cwola.datasets import RESONANCES
from experiments.cwola.figures import percent
from experiments.cwola.metrics import CombineFolds
from lblhep.components import build
from lblhep.errors import LaunchError
from lblhep.physics.efficiency import SicCurve, sic_curve
from lblhep.recipe import Recipe, cells
from lblhep.report import Launched
from lblhep.trials import plan

KEYS = {"pseudo_experiment": 0, "window": 0, "method": "cwola", "n_signal": 0}
MAX_SHOWN_NAMES = 12  # in one sentence


def planned_groups(recipe: Recipe) -> pd.DataFrame:
    """Return one row for each group of the recipe, with ``KEYS`` and a ``name`` for people."""
    table = pd.DataFrame([{"name": g.name, **cells(g.key)} for g in plan(recipe, ()).groups])
    return _with_keys(table, recipe.datasets["dijets"].arguments)


def cuts_missing(recipe: Recipe, *efficiencies: float) -> str:
    """Return what is wrong with ``efficiencies`` of a report: those that the recipe's groups do not cut
    at."""
    known = [efficiency for efficiency, _ in build(recipe.groups).cuts]
    missing = [e for e in efficiencies if e not in known]
    return f"{', '.join(map(str, missing))} is not among groups.efficiencies {known}" if missing else ""


def not_declared(recipe: Recipe, window: int, efficiency: float, *, observed: bool) -> dict[str, str]:
    """Return what is wrong with the ``window`` and ``efficiency`` that a report declares, argument ->
    message.

    The window must be hunted in by CWoLa, in the observation or in a pseudo-experiment.

    Args:
        recipe: the recipe of the launch.
        window: that the report declares.
        efficiency: that the report declares.
        observed: whether the window is looked for in the observation, or else in pseudo-experiments.
    """
    if recipe.groups is None:
        return {"window": "no window is ever combined: the recipe has no `groups:`"}
    hunts = planned_groups(recipe).query("method == 'cwola'")
    hunts = hunts[(hunts["pseudo_experiment"] == 0) == observed]
    windows = sorted(set(hunts["window"].astype(int)))
    faults = {"efficiency": cuts_missing(recipe, efficiency)}
    if window not in windows:
        where = "of the observation" if observed else "of pseudo-experiments"
        faults["window"] = f"{window} is not in the scan: CWoLa hunts in the windows {windows} {where}"
    return {argument: message for argument, message in faults.items() if message}


class Results:
    """Holds the groups with all of ``KEYS`` as columns, whether the recipe scans them or sets them once."""

    def __init__(self, launch: Launched) -> None:
        self.launch = launch
        self.dataset: dict[str, Any] = launch.recipe.datasets["dijets"].arguments
        combine: CombineFolds = build(launch.recipe.groups)
        self.cuts = combine.cuts
        self.efficiencies = tuple(efficiency for efficiency, _ in self.cuts)

    @cached_property
    def groups(self) -> pd.DataFrame:
        """Return one row for each combined window."""
        return _with_keys(self.launch.groups, self.dataset)

    @cached_property
    def observed(self) -> pd.DataFrame:
        """Return the hunt itself: CWoLa on the generated masses with the most signal, in the order of
        windows."""
        g = self.groups
        hunt = g[(g["pseudo_experiment"] == 0) & (g["method"] == "cwola")]
        return hunt[hunt["n_signal"] == hunt["n_signal"].max()].sort_values("window")

    def at(self, groups: pd.DataFrame, window: int) -> pd.DataFrame:
        """Return the rows of ``groups`` (``observed``, ``pseudo``, ``null``) that are of one window.

        Raises LaunchError if there are none: its networks failed, or were not trained yet.
        """
        found = groups[groups["window"] == window]
        if found.empty:
            raise LaunchError(
                f"window {window}, which the report declares, was not combined; missing groups: "
                f"{self.missing_in_words}; run with --resume"
            )
        return found

    @property
    def resonance(self) -> tuple[float, float, float] | None:
        """Return the masses (GeV) of the injected resonance and its daughters; None without signal."""
        if not (self.observed["n_signal"] > 0).any():
            return None
        return RESONANCES.get(self.dataset.get("signal", 1))

    @property
    def pseudo(self) -> pd.DataFrame:
        """Return the CWoLa pseudo-experiments, without the observation."""
        return self.groups[(self.groups["pseudo_experiment"] > 0) & (self.groups["method"] == "cwola")]

    @property
    def null(self) -> pd.DataFrame:
        """Return the exact-null pseudo-experiments, if this launch has any."""
        return self.pseudo if self.dataset.get("redraw") == "all" else self.pseudo.iloc[:0]

    @cached_property
    def planned(self) -> pd.DataFrame:
        """Return one row for each group of the recipe, with ``name`` for people, combined or not."""
        return planned_groups(self.launch.recipe)

    @cached_property
    def missing(self) -> pd.DataFrame:
        """Return the planned groups that were never combined: a network of theirs failed, or was not trained
        yet."""
        planned, combined = (pd.MultiIndex.from_frame(t[list(KEYS)]) for t in (self.planned, self.groups))
        return self.planned[~planned.isin(combined)]

    @property
    def missing_in_words(self) -> str:
        """Return how many of the planned groups are missing, and which."""
        return f"{len(self.missing)} of {len(self.planned)}" + listed(self.missing["name"], ": ")

    @property
    def incomplete_scans(self) -> str:
        """Return the numbers of the scans, 0 the observation, that lack a window; empty if none does."""
        return listed(sorted(set(self.missing["pseudo_experiment"])))

    def largest(self, groups: pd.DataFrame) -> tuple[float, str]:
        """Return the largest local significance of all windows and cuts, and where it is."""
        z = groups.set_index("window")[[f"significance_{e:g}" for e in self.efficiencies]]
        window, column = z.stack().idxmax()
        at = percent(float(column.rsplit("_", 1)[1]))
        return float(z.to_numpy().max()), f"window {window}, {at} of events"

    def table(self, groups: pd.DataFrame) -> pd.DataFrame:
        """Return the window, cut, observed, expected, significance, p-value, goodness and truth, one line
        each."""
        lines = []
        for _, g in groups.iterrows():
            for e in self.efficiencies:
                lines.append(
                    {
                        "window": g["window"],
                        "centre [GeV]": round(g["window_centre"]),
                        "selected": percent(e),
                        "observed": int(g[f"observed_{e:g}"]),
                        "expected": g[f"expected_{e:g}"],
                        "error": g[f"expected_error_{e:g}"],
                        "significance": g[f"significance_{e:g}"],
                        "local p": g[f"p_value_{e:g}"],
                        "fit p": g.get(f"deviance_p_{e:g}", np.nan),
                        "S (truth)": int(g[f"truth_signal_{e:g}"]),
                        "B (truth)": int(g[f"truth_background_{e:g}"]),
                    }
                )
        return pd.DataFrame(lines)

    def by_method(self, window: int) -> dict[str, pd.Series]:
        """Return the groups of one window, those with the most signal, by method and pseudo-experiment (the
        index).

        {} where only one method was run.
        """
        g = self.groups[(self.groups["window"] == window) & (self.groups["n_signal"] > 0)]
        g = g[g["n_signal"] == g["n_signal"].max()].set_index("pseudo_experiment")
        found = {str(m): part["group"] for m, part in g.groupby("method")}
        order = [m for m in ("supervised", "idealised", "cwola", "boosting") if m in found]
        return {m: found[m] for m in order} if len(order) > 1 else {}

    def training_sizes(self, group: str) -> dict[str, int]:
        """Return the events of either class that a network of the group was trained on, on average."""
        mean = self.rows_of(group)[["region_events", "reference_events"]].mean()
        return {"signal region": round(mean["region_events"]), "reference": round(mean["reference_events"])}

    def sic(self, group: str) -> SicCurve:
        """Return the SIC of a group's events of known truth."""
        arrays = self.launch.group_arrays(group)
        return sic_curve(-arrays["signal_rank"], -arrays["background_rank"])

    def with_and_without_signal(self, window: int) -> dict[str, str]:
        """Return the groups to compare: CWoLa in one window with the most and with no signal."""
        g = self.groups[(self.groups["window"] == window) & (self.groups["method"] == "cwola")]
        g = g[g["pseudo_experiment"] == 0].sort_values("n_signal")
        titles = {"without signal": g.head(1), "with signal": g.tail(1)}
        return {
            title: str(part["group"].iloc[0])
            for title, part in titles.items()
            if len(part) and (title == "with signal") == (part["n_signal"].iloc[0] > 0)
        }

    def rows_of(self, group: str) -> pd.DataFrame:
        """Return the rows of a group's trials."""
        rows = _with_keys(self.launch.rows, self.dataset)
        key = self.groups[self.groups["group"] == group].iloc[0]
        for name in KEYS:
            rows = rows[rows[name] == key[name]]
        return rows[rows["status"] == "finished"]

    @property
    def saved(self) -> Any:
        """Return the trials' arrays, indexed as a Combine indexes them."""
        return _Saved(self.launch)


def _with_keys(table: pd.DataFrame, dataset: Mapping[str, Any]) -> pd.DataFrame:
    """Return the table with the ``KEYS`` that it lacks, as the data set's arguments have them."""
    return table.assign(**{k: dataset.get(k, v) for k, v in KEYS.items() if k not in table})


def listed(values: Iterable[object], before: str = "") -> str:
    """Return ``before`` and the values, the first dozen and how many there are; nothing without any."""
    words = [str(value) for value in values]
    more = f", ... ({len(words)} in all)" if len(words) > MAX_SHOWN_NAMES else ""
    return before + ", ".join(words[:MAX_SHOWN_NAMES]) + more if words else ""


def mean_and_error(values: ArrayLike, form: str = "+.2f") -> str:
    """Return the mean with its standard error, which a single value does not have."""
    x = np.asarray(values, dtype=float)
    error = f" +- {x.std(ddof=1) / len(x) ** 0.5:{form.lstrip('+')}}" if len(x) > 1 else ""
    return f"{x.mean():{form}}{error}"


def pull_width(z: ArrayLike) -> str:
    """Return the standard deviation of signed significances with its error, 1 in a calibrated null."""
    x = np.asarray(z, dtype=float)
    if len(x) < 2:
        return "-"
    width = x.std(ddof=1)
    return f"{width:.3f} +- {width / (2 * (len(x) - 1)) ** 0.5:.3f}"


def truth_in_words(group: pd.Series) -> str:
    """Return what a group's signal region holds before cuts, for a figure's title."""
    signal, background = group["truth_signal_1"], group["truth_background_1"]
    strength = f", S/√B = {group['truth_s_over_sqrt_b_1']:.2f}" if signal else ""
    return f"S = {signal:,.0f}, B = {background:,.0f}{strength}"


class _Saved:
    def __init__(self, launch: Launched) -> None:
        self.launch = launch

    def __getitem__(self, key: tuple[str, str]) -> dict[str, NDArray[Any]]:
        return dict(self.launch.arrays(*key))
