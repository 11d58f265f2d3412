"""Turn simulated events into one network's training set.

``PseudoExperiment`` is the data of one hunt: which events it holds, with which masses.  ``DijetWindow`` is
one network's view of it: the events in a signal region and its sidebands that it trains and validates on,
and the fold that it must never see.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.cwola.features import FEATURES, columns_needed, compute
from experiments.cwola.folds import fold_of, validation_fold
from experiments.cwola.spectrum import BINNING, MASS_RANGE, smooth_masses
from lblhep.annotations import Integers, Mask

REDRAW = ("none", "background", "all")
METHODS = ("cwola", "boosting", "idealised", "supervised")
# Masses (GeV) of the resonance that a process is, and of its heavy and light daughter, in both cards.
RESONANCES = {1: (3500.0, 500.0, 100.0), 2: (3000.0, 200.0, 200.0)}


@dataclass(frozen=True, eq=False)
class PseudoExperiment:
    """Holds the events of one hunt, one row each, and beside them events of known truth that it does not
    hold.

    ``event`` numbers the parent events; ``features`` (rows, features); ``mjj`` (rows,) in GeV; ``process`` is
    0 for background; ``hunted`` is False for the signal that was not injected and the background that was
    not drawn; ``fold`` 0 ... 4.
    """

    event: NDArray[np.int32]
    features: NDArray[np.float32]
    mjj: NDArray[np.float32]
    process: NDArray[np.int8]
    fold: NDArray[np.int8]
    hunted: Mask


@lru_cache(maxsize=3)  # the folds, windows and initialisations of a pack share one
def draw_pseudo_experiment(
    data: Any,
    features: tuple[str, ...],
    *,
    seed: int,
    number: int,
    n_background: int | None,
    n_signal: float,
    signal: int,
    redraw: str,
    masses: int | None,
    disjoint: bool,
    max_delta_eta: float | None,
) -> PseudoExperiment:
    """Draw one pseudo-experiment from the sample.

    Args:
        data: the sample.
        features: names of the columns of the feature table.
        seed: of all draws.
        number: of the pseudo-experiment; with ``disjoint`` it chooses the piece of the background.
        n_background: how many background events to draw; all, if None.
        n_signal: how many signal events to inject on average.
        signal: the process that is injected.
        redraw: which events get new masses: "none", "background" or "all".
        masses: the number of the draw of masses; None ties it to ``seed``.
        disjoint: cut the background into pieces that share no event.
        max_delta_eta: leave out events whose jets are further apart; None leaves out none.

    Raises:
        ValueError: the sample holds too few events.
    """
    columns = selected_columns(data, {"event", "process", *columns_needed(features)}, max_delta_eta)
    process, mjj = columns["process"], columns["mjj"].copy()
    rng = np.random.default_rng(seed)

    # The background is drawn first: pseudo-experiments that differ in their signal alone share it.
    background = np.flatnonzero(process == 0)
    drawn = _draw(background, n_background, number, disjoint, rng)
    injectable = rng.permutation(np.flatnonzero(process == signal))
    injected = injectable[: rng.poisson(n_signal)]
    if len(injected) == len(injectable) and n_signal:
        raise ValueError(f"n_signal={n_signal} exhausts the {len(injectable)} signal events of the sample")

    hunted = np.zeros(len(mjj), dtype=bool)
    hunted[drawn] = hunted[injected] = True
    # The features are those of the event as it was generated, whatever mass it is given below.
    table = compute(features, columns)
    if redraw != "none":
        given = background if redraw == "background" else np.concatenate([background, injected])
        observed = mjj[drawn] if redraw == "background" else mjj[hunted]
        # A stream of their own: the events of the pseudo-experiment stay while its masses are drawn again.
        stream = rng if masses is None else np.random.default_rng([seed, masses])
        mjj[given] = smooth_masses(observed, len(given), stream)
    used = np.concatenate([background, injectable])
    return PseudoExperiment(
        event=columns["event"][used],
        features=table[used],
        mjj=mjj[used],
        process=process[used],
        fold=fold_of(columns["event"][used]),
        hunted=hunted[used],
    )


def selected_columns(data: Any, names: Iterable[str], max_delta_eta: float | None) -> dict[str, NDArray[Any]]:
    """Return ``mjj`` and the columns ``names`` of the events that the hunt may use: see ``DijetWindow``."""
    cut_on = {"mjj"} if max_delta_eta is None else {"mjj", "delta_eta"}
    columns = data.columns(sorted(cut_on.union(names)))
    inside = (columns["mjj"] >= MASS_RANGE[0]) & (columns["mjj"] < MASS_RANGE[1])
    if max_delta_eta is not None:
        inside &= columns["delta_eta"] <= max_delta_eta
    return {name: values[inside] for name, values in columns.items()}


def _draw(
    background: Integers, n_background: int | None, number: int, disjoint: bool, rng: np.random.Generator
) -> Integers:
    """Draw the background rows of pseudo-experiment ``number``."""
    if n_background is None:
        return background
    if n_background > len(background):
        raise ValueError(
            f"n_background={n_background}, but the sample holds {len(background)} background events in "
            f"{MASS_RANGE[0]:.0f} to {MASS_RANGE[1]:.0f} GeV"
        )
    if not disjoint:
        return rng.choice(background, n_background, replace=False)
    # One fixed permutation, cut into pieces: no two pseudo-experiments share an event.
    piece = np.random.default_rng(0).permutation(background)[number * n_background :][:n_background]
    if len(piece) < n_background:
        raise ValueError(
            f"{len(background)} background events hold {len(background) // n_background} disjoint "
            f"pseudo-experiments of {n_background}; number {number} does not exist"
        )
    return piece


class DijetWindow:
    """Gives what one network learns from: signal region against sidebands, with one fold set aside.

    ``window`` 0 ... 7 names the signal region; ``fold`` the test fold and ``subfold`` which of the other
    four validates.  ``n_background`` events (default all) are drawn, ``n_signal`` injected on average
    (Poisson) of process ``signal``; events whose jets are further apart than ``max_delta_eta`` are left out.
    ``pseudo_experiment`` 0 keeps the generated masses; in the others ``redraw`` replaces them by draws from
    the smooth fit: of "background" (sensitivity studies), of "all" events (the exact null: features keep no
    memory of the mass) or of "none" (``disjoint`` subsamples, to look for sculpting).

    A number in ``masses`` takes that decision away from ``pseudo_experiment``, which then says only which
    events there are: 0 keeps their generated masses, n > 0 is the n-th time that masses are drawn for these
    same events, from the smooth fit to the generated ones.

    ``method`` says what is told from what:

    * cwola: signal region against sidebands;
    * boosting: the same, for boosted trees instead of a network;
    * idealised: signal region against background of the same masses that is not in the hunt;
    * supervised: truth-labelled signal, not in the hunt, against the background of the signal region.
    """

    random_arguments = ("pseudo_experiment",)
    derived_features = {name: needed for name, (needed, _) in FEATURES.items()}

    def __init__(
        self,
        data: Any,
        rng: np.random.Generator,
        *,
        features: Sequence[str],
        window: int,
        fold: int,
        subfold: int,
        n_background: int | None = None,
        n_signal: float = 0,
        signal: int = 1,
        pseudo_experiment: int = 0,
        redraw: str = "none",
        masses: int | None = None,
        disjoint: bool = False,
        max_delta_eta: float | None = None,
        method: str = "cwola",
    ) -> None:
        """Draw the pseudo-experiment and choose the network's events; the class says what the arguments mean.

        Args:
            data: the sample.
            rng: the stream of the data set.
            features: names of the network's inputs.
            window: 0 ... 7, names the signal region.
            fold: 0 ... 4, the test fold.
            subfold: 0 ... 3, which of the other folds validates.
            n_background: how many background events are drawn; all, if None.
            n_signal: how many signal events are injected on average (Poisson).
            signal: the process that is injected.
            pseudo_experiment: 0 keeps the generated masses.
            redraw: whose masses the other pseudo-experiments draw: of "none", "background" or "all".
            masses: the number of the draw of masses; None leaves it to ``pseudo_experiment``.
            disjoint: pseudo-experiments share no background event.
            max_delta_eta: events whose jets are further apart are left out; None leaves out none.
            method: what is told from what: "cwola", "boosting", "idealised" or "supervised".

        Raises:
            ValueError: an argument has an unknown value, or a class would hold no event.
        """
        if redraw not in REDRAW:
            raise ValueError(f"redraw={redraw!r} must be one of {REDRAW}")
        if method not in METHODS:
            raise ValueError(f"method={method!r} must be one of {METHODS}")
        if masses is not None and (masses < 0 or (masses > 0 and redraw == "none")):
            raise ValueError(f"masses={masses} must not be negative, and with redraw='none' only 0")
        self.window = BINNING.window(window)
        self.fold = fold
        self.method = method
        self.redrawn = redraw != "none" and (pseudo_experiment if masses is None else masses) > 0
        self.events = draw_pseudo_experiment(
            data,
            tuple(features),
            seed=int(rng.integers(2**63)),
            number=pseudo_experiment,
            n_background=n_background,
            n_signal=n_signal,
            signal=signal,
            redraw=redraw if self.redrawn else "none",
            masses=masses,
            disjoint=disjoint,
            max_delta_eta=max_delta_eta,
        )
        held_out = validation_fold(fold, subfold)
        self.train = self._labelled((self.events.fold != fold) & (self.events.fold != held_out))
        self.validation = self._labelled(self.events.fold == held_out)

    def test_rows(self) -> Integers:
        """Return the rows of the test fold, at all masses: the hunted events and the signal that was not
        injected."""
        e = self.events
        return np.flatnonzero((e.fold == self.fold) & (e.hunted | (e.process != 0)))

    def _labelled(self, folds: Mask) -> Labelled:
        e = self.events
        in_signal_region = self.window.in_region(e.mjj)
        lower, upper = self.window.in_lower_sideband(e.mjj), self.window.in_upper_sideband(e.mjj)
        if self.method in ("cwola", "boosting"):
            hunted = folds & e.hunted
            return Labelled.of(hunted & in_signal_region, [hunted & lower, hunted & upper])
        if self.method == "supervised":
            signal = folds & ~e.hunted & (e.process != 0) & in_signal_region
            return Labelled.of(signal, [folds & e.hunted & (e.process == 0) & in_signal_region])
        sideband_size = int((folds & e.hunted & (lower | upper)).sum())
        apart = folds & ~e.hunted & (e.process == 0)
        # Redrawn masses say nothing about the features, so any event stands for the signal region.
        reference = np.flatnonzero(apart if self.redrawn else apart & in_signal_region)[:sideband_size]
        chosen = np.zeros(len(folds), dtype=bool)
        chosen[reference] = True
        return Labelled.of(folds & e.hunted & in_signal_region, [chosen])


@dataclass(frozen=True)
class Labelled:
    """Holds rows with label 1 or 0; each class, and each part of class 0, weighs the same in sum."""

    rows: Integers
    label: NDArray[np.float32]
    weight: NDArray[np.float32]

    @classmethod
    def of(cls, positive: Mask, negative: Sequence[Mask]) -> Labelled:
        """Select rows of two classes: the parts of ``negative`` (two sidebands) weigh equally, together as
        ``positive``."""
        parts = [np.flatnonzero(positive), *map(np.flatnonzero, negative)]
        if min(map(len, parts)) == 0:
            raise ValueError(
                "a signal region or sideband holds no event: raise n_background or choose a lower window"
            )
        shares = [0.5, *[0.5 / len(negative)] * len(negative)]
        total = sum(map(len, parts))  # mean weight one
        return cls(
            rows=np.concatenate(parts),
            label=np.repeat([1.0, *[0.0] * len(negative)], list(map(len, parts))).astype(np.float32),
            weight=np.concatenate(
                [np.full(len(p), s * total / len(p)) for p, s in zip(parts, shares, strict=True)]
            ).astype(np.float32),
        )
