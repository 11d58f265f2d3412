"""The measured bins, and the generator's grid in the same bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.tuning.exchange.reference import symmetric_error
from experiments.tuning.histograms import read_histograms
from experiments.tuning.moments import generate
from experiments.tuning.multiplicity import as_shapes, integrals
from lblhep.surrogates import Box, Grid

Floats = NDArray[np.float64]

PLACE = ("experiment", "table", "observable", "x_low", "x_high")


class Measured:
    """Published distributions, a row a bin in ``bins``: ``PLACE``, ``value`` and ``error``.

    Asymmetric errors count as ``symmetric_error`` has it.  ``experiments`` and ``observables`` choose among
    the tables (default all).  With ``rates_once`` the spectra that integrate to the mean
    multiplicity are divided by their integral: with diagonal errors that one number would otherwise count
    thirteen times.
    """

    def __init__(
        self,
        data: Any,
        *,
        experiments: Sequence[str] = (),
        observables: Sequence[str] = (),
        rates_once: bool = True,
    ) -> None:
        columns = data.columns([*PLACE, "value", "error_down", "error_up"])
        bins = pd.DataFrame({name: columns[name] for name in PLACE})
        bins["value"] = columns["value"]
        bins["error"] = symmetric_error(columns["error_down"], columns["error_up"])
        kept = np.ones(len(bins), dtype=np.bool_)
        for name, chosen in (("experiment", experiments), ("observable", observables)):
            unknown = sorted(set(chosen) - set(bins[name]))
            if unknown:
                raise ValueError(
                    f"{unknown[0]!r} is no {name}; there are {', '.join(sorted(set(bins[name])))}"
                )
            if chosen:
                kept &= bins[name].isin(chosen).to_numpy()
        self.rates_once = rates_once
        self.bins = bins[kept].reset_index(drop=True)
        if rates_once:
            for rows, integral in integrals(self.bins, self.bins["value"].to_numpy()):
                self.bins.loc[rows, ["value", "error"]] /= integral


@dataclass(frozen=True)
class Prediction:
    """The generator at one point: ``values`` (B,) of measured bins, their Monte Carlo ``errors`` and
    ``correlation``."""

    values: Floats
    errors: Floats
    correlation: Floats

    def of(self, rows: NDArray[Any]) -> Prediction:
        """Of some of the bins: indices or a mask (B,)."""
        chosen = np.arange(len(self.values))[rows]
        return Prediction(self.values[chosen], self.errors[chosen], self.correlation[np.ix_(chosen, chosen)])


class GeneratorGrid:
    """The generator's bins at the points of a design, with their Monte Carlo errors and correlation.

    ``events`` (N,) is the number of events at each point; ``of`` gives the grid of a table of measured bins.
    A bin that no event filled at a point has the error of one event with a fill of 1 there.
    """

    def __init__(self, data: Any) -> None:
        names = [name for name, column in data.card.columns.items() if column.role == "truth"]
        columns = data.columns([*PLACE, "scale", "events", "sum", "sum_squares", "correlation", *names])
        self.place = pd.DataFrame({name: columns[name] for name in PLACE})
        points = np.stack([columns[name][0] for name in names], axis=1)
        (produced,) = data.card.sources.produce
        self.histograms = produced.arguments["histograms"]
        low, high = zip(*(produced.arguments["box"][name] for name in names), strict=True)
        self.box = Box(names, low, high)
        self.points: Floats = np.asarray(points)
        self.events: Floats = np.asarray(columns["events"][0], dtype=np.float64)
        self.scale: Floats = columns["scale"]
        self.sum: Floats = np.stack(columns["sum"]).T  # (N, B)
        self.sum_squares: Floats = np.stack(columns["sum_squares"]).T
        self.correlation: Floats = np.stack(columns["correlation"]).astype(np.float64)

    def of(self, measured: Measured) -> Grid:
        """The grid of the measured bins, in their order and normalised as they are.

        Raises ValueError naming the first bin that was not generated.
        """
        values, errors, correlation = self._bins(
            measured, self.sum, self.sum_squares, self.events[:, None], self.correlation
        )
        return Grid(self.box, self.points, values, errors=errors, correlation=correlation)

    def run(self, measured: Measured, point: Mapping[str, float], events: int, seed: int) -> Prediction:
        """The measured bins from ``events`` new events at one point (parameters as in ``lund.settings``)."""
        new = generate(point, read_histograms(self.histograms), events, seed)
        size = np.sqrt(np.maximum(np.diag(new.products), np.finfo(float).tiny))
        correlation = new.products / np.outer(size, size)
        np.fill_diagonal(correlation, 1.0)
        values, errors, correlation = self._bins(
            measured, new.sum[None], new.sum_squares[None], np.array([[new.events]]), correlation
        )
        return Prediction(values[0], errors[0], correlation)

    def _bins(
        self, measured: Measured, total: Floats, squares: Floats, events: Floats, correlation: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Published values (N, B), their errors and correlation from sums over ``events`` (N, 1)."""
        rows = self._rows(measured)
        mean = total / events
        variance = np.where(squares > 0, squares / events - mean**2, 1 / events)
        values, errors = (self.scale * mean)[:, rows], (self.scale * np.sqrt(variance / events))[:, rows]
        chosen = correlation[np.ix_(rows, rows)]
        return (
            as_shapes(measured.bins, values, errors, chosen)
            if measured.rates_once
            else (values, errors, chosen)
        )

    def _rows(self, measured: Measured) -> NDArray[np.intp]:
        """The grid's row of each measured bin."""
        key = ["experiment", "table", "x_low", "x_high"]
        rows = pd.MultiIndex.from_frame(self.place[key]).get_indexer(
            pd.MultiIndex.from_frame(measured.bins[key])
        )
        if (rows < 0).any():
            missing = measured.bins.iloc[int(np.argmin(rows))]
            raise ValueError(
                f"{' '.join(map(str, missing[list(PLACE)]))}: the generator's grid has no such bin"
            )
        return np.asarray(rows)
