"""Names of the data cards and of Rivet's analyses."""

from __future__ import annotations

import pandas as pd

from experiments.tuning.readers import read_reference, with_analyses, with_experiments
from lblhep.cards import open_sample
from lblhep.surrogates.exchange import ids_of, number_bins, places_of
from tests.experiments.tuning.conftest import REPOSITORY

YODA = """BEGIN YODA_SCATTER2D_V2 /REF/{analysis}/d01-x01-y01
---
0.5 0.5 0.5 3.0 0.1 0.2
END YODA_SCATTER2D_V2
"""


def test_every_measured_bin_has_its_id(tmp_path, monkeypatch):
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path))
    bins = number_bins(open_sample(REPOSITORY, "lep-hadronic-z").table().to_pandas())
    ids = ids_of(with_analyses(bins))
    assert len(set(ids)) == 962
    assert ids[0] == "/ALEPH_1996_S3486095/d01-x01-y01#0"
    assert ids[-1] == "/DELPHI_1996_S3430090/d35-x01-y01#0"
    back = with_experiments(places_of(ids))
    pd.testing.assert_frame_equal(back, bins[["experiment", "table", "bin"]], check_dtype=False)


def test_a_reference_file_has_the_experiments_of_the_cards(tmp_path):
    for analysis, experiment in [("ALEPH_1996_S3486095", "ALEPH_1996"), ("OPAL_2004", "OPAL_2004")]:
        (tmp_path / "a.yoda").write_text(YODA.format(analysis=analysis))
        (row,) = read_reference(tmp_path / "a.yoda").to_dict("records")
        assert (row["experiment"], row["value"], row["error_up"]) == (experiment, 3.0, 0.2)
