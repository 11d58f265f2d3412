"""The study's data sets are the measured bins, and the generator's grid in the same bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.tuning.events.histograms import read_histograms
from experiments.tuning.events.moments import generate
from experiments.tuning.events.multiplicity import as_shapes, integrals, normalised, shape_jacobian
from lblhep.annotations import Floats
from lblhep.surrogates import Box, Grid
from lblhep.surrogates.exchange.reference import symmetric_error

PLACE = ("experiment", "table", "observable", "x_low", "x_high")


class Measured:
    """Measured holds published distributions: ``bins`` has a row a bin, with ``PLACE``, ``value``, ``error``.

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
    """A prediction is the generator at one point: ``values`` (B,) of measured bins, with ``covariance`` (B,
    B).

    The covariance is the sample's own, without bias: a bin that no event filled has none.
    """

    values: Floats
    covariance: Floats

    @property
    def errors(self) -> Floats:
        """Return Monte Carlo errors (B,)."""
        return np.sqrt(np.diag(self.covariance))

    def of(self, rows: NDArray[Any]) -> Prediction:
        """Return the prediction of some of the bins: indices or a mask (B,)."""
        chosen = np.arange(len(self.values))[rows]
        return Prediction(self.values[chosen], self.covariance[np.ix_(chosen, chosen)])


class GeneratorGrid:
    """The grid holds the generator's bins at the points of a design, with Monte Carlo errors and correlation.

    ``events`` (N,) is the number of events at each point; ``of`` gives the grid of a table of measured bins.
    A bin that no event filled at a point of the grid has the error of one event with a fill of 1 there.
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
        """Return the grid of the measured bins, in their order and normalised as they are.

        Raises ValueError naming the first bin that was not generated.
        """
        rows, events = self._rows(measured), self.events[:, None]
        mean = self.sum / events
        variance = np.where(self.sum_squares > 0, self.sum_squares / events - mean**2, 1 / events)
        values, errors = (self.scale * mean)[:, rows], (self.scale * np.sqrt(variance / events))[:, rows]
        correlation = self.correlation[np.ix_(rows, rows)]
        if measured.rates_once:
            values, errors, correlation = as_shapes(measured.bins, values, errors, correlation)
        return Grid(self.box, self.points, values, errors=errors, correlation=correlation)

    def run(self, measured: Measured, point: Mapping[str, float], events: int, seed: int) -> Prediction:
        """Return the measured bins from ``events`` new events at one point.

        Args:
            measured: the measured bins.
            point: values of the parameters, as in ``lund.settings``.
            events: number of events.
            seed: of Pythia.
        """
        new = generate(point, read_histograms(self.histograms), events, seed)
        rows = self._rows(measured)
        scale = self.scale[rows]
        values = scale * new.mean()[rows]
        covariance = np.outer(scale, scale) * new.products[np.ix_(rows, rows)] / (events * (events - 1))
        if measured.rates_once:
            jacobian = shape_jacobian(measured.bins, values)
            values, covariance = normalised(measured.bins, values), jacobian @ covariance @ jacobian.T
        return Prediction(values, covariance)

    def _rows(self, measured: Measured) -> NDArray[np.intp]:
        """Return the grid's row of each measured bin."""
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
