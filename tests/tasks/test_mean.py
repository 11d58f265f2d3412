"""A group's mean."""

from __future__ import annotations

import pandas as pd
import pytest

from lblhep.tasks import MeanOf


def test_only_what_is_named_is_looked_at():
    rows = pd.DataFrame({"validation_loss": [0.69, 0.71], "test_auc": [0.9, 0.9]})
    judged = MeanOf(metrics=["validation_loss"])(rows, arrays=None)  # arrays are not even opened
    assert judged == pytest.approx({"validation_loss": 0.70, "validation_loss_spread": 0.01})


def test_a_metric_that_no_trial_has_is_named():
    with pytest.raises(KeyError, match="loss"):
        MeanOf(metrics=["loss"])(pd.DataFrame({"auc": [0.5]}), arrays=None)
