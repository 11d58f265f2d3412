"""The house style leaves the caller's matplotlib as it was."""

from __future__ import annotations

import matplotlib as mpl

from lblhep.report import house_style, new_figure


def test_settings_come_back() -> None:
    before = dict(mpl.rcParams)
    with house_style():
        assert mpl.rcParams["xtick.direction"] == "in"
    assert dict(mpl.rcParams) == before


def test_figures_are_not_pyplots() -> None:
    from matplotlib import pyplot

    figure, axes = new_figure(2, 1, sharex=True)
    assert axes.shape == (2,)
    assert pyplot.get_fignums() == []
    assert figure.get_size_inches().tolist() == [6.4, 4.4]
