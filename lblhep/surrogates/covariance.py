"""The covariance of data less surrogates at a parameter point is

    Sigma(p) = C_data + C * (F F^T),     F(p) = [sqrt(v(p)), U(p)]     (* element by element),

where C is the correlation of bins filled by the same events.  The column sqrt(v_b) is the error of a Monte
Carlo sample at p: C * (F F^T) is then diag(sqrt v) C diag(sqrt v), the form of arXiv:2310.07566.  The columns
U are the loadings of the surrogates' own fit: C * (U U^T) is the covariance of their values.  Either, both or
none are in.
"""

from __future__ import annotations

import numpy as np

from lblhep.annotations import Floats
from lblhep.surrogates.surrogate import Surrogate


class Sigma:
    """Sigma is the covariance (B, B) of data less surrogates; its arguments are those of ``Chi2``.

    ``data`` is C_data, (B, B), or (B,) if diagonal.
    """

    def __init__(
        self,
        surrogate: Surrogate,
        data: Floats,
        correlation: Floats,
        *,
        variance: Surrogate | Floats | None,
        variance_floor: Floats,
        fit_covariance: bool,
    ) -> None:
        self.surrogate, self.data, self.correlation = surrogate, data, correlation
        self.variance, self.variance_floor, self.fit_covariance = variance, variance_floor, fit_covariance

    @property
    def constant(self) -> bool:
        """Say whether Sigma is the data's alone, the same at all points."""
        return self.variance is None and not self.fit_covariance

    def __call__(self, point: Floats) -> Floats:
        """Return Sigma (B, B) at a point (d,)."""
        if self.constant:
            return np.diag(self.data) if self.data.ndim == 1 else self.data
        return self.of(self.factors(point)[0])

    def of(self, factors: Floats) -> Floats:
        """Return Sigma (B, B) from F (B, c)."""
        full = np.diag(self.data) if self.data.ndim == 1 else self.data
        return np.asarray(full + self.correlation * (factors @ factors.T))

    def factors(self, point: Floats) -> tuple[Floats, Floats]:
        """Return F (B, c) at a point (d,) and its derivatives (B, c, d)."""
        columns = []
        if self.variance is not None:
            columns.append(self._error(point))
        if self.fit_covariance:
            columns.append(self.surrogate.loadings(point))
        return np.concatenate([f for f, _ in columns], axis=1), np.concatenate(
            [s for _, s in columns], axis=1
        )

    def traces(self, factors: Floats, slopes: Floats, inner: Floats) -> Floats:
        """Return tr(inner dSigma/dp_j), (d,), for ``factors`` and a symmetric matrix ``inner`` (B, B)."""
        return np.asarray(2 * np.einsum("bc,bcj->j", (inner * self.correlation) @ factors, slopes))

    def _error(self, point: Floats) -> tuple[Floats, Floats]:
        """Return sqrt(v) as a column (B, 1), and its derivatives (B, 1, d), 0 where the floor holds."""
        if isinstance(self.variance, Surrogate):
            v, slope = self.variance.values(point), self.variance.gradients(point)
        else:
            v, slope = np.asarray(self.variance), np.zeros((self.surrogate.bins, len(point)))
        floored = v <= self.variance_floor
        error = np.sqrt(np.where(floored, self.variance_floor, v))
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where(floored[:, None], 0.0, slope / (2 * error[:, None]))
        return error[:, None], slope[:, None]
