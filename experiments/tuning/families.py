"""A family of observables is left out as a whole when a tune is asked to predict what it has not seen.

Observables of one kind are functions of the same particles: a tune to ``xi_p`` that leaves out ``x_p``
predicts nothing new.  So whole families are left out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

FAMILIES = {
    "x_p": "momenta",
    "xi_p": "momenta",
    "pt_in_thrust_gev": "transverse momenta",
    "pt_out_thrust_gev": "transverse momenta",
    "pt_in_sphericity_gev": "transverse momenta",
    "pt_out_sphericity_gev": "transverse momenta",
    "rapidity_thrust_axis": "rapidities",
    "rapidity_sphericity_axis": "rapidities",
    "n_charged": "multiplicity",
    "mean_n_charged": "multiplicity",
    "eec": "energy correlations",
    "aeec": "energy correlations",
}
ALL_OTHERS = "event shapes and jet rates"


def families(bins: pd.DataFrame) -> np.ndarray:
    """Return the family of each bin's observable, (B,)."""
    return bins["observable"].map(FAMILIES).fillna(ALL_OTHERS).to_numpy()
