"""What figures draw is decided by functions of numbers: those are tested here."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.cwola.figures import sic_band
from lblhep.physics.efficiency import SicCurve


def flat_curve(sic: float, ends_at: float) -> SicCurve:
    """The same improvement at every signal efficiency from 1 down to ``ends_at``."""
    efficiency = np.linspace(1, ends_at, 50)
    return SicCurve(efficiency, (efficiency / sic) ** 2, np.full(50, sic), np.zeros(50))


def test_a_band_ends_where_its_first_curve_does():
    """Better curves let less background pass and end earlier; what is left would be the band of the worse."""
    better, worse = [flat_curve(9, 0.2)] * 2, [flat_curve(6, 0.05)] * 3
    x, (low, middle, high) = sic_band(better + worse, np.linspace(0.01, 1, 100))
    assert x.min() == pytest.approx(0.2, abs=0.01)
    assert np.unique(high) == pytest.approx(9)
    assert np.unique(middle) == pytest.approx(6)
    assert np.unique(low) == pytest.approx(6)
