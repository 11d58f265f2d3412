"""Read and write files of apprentice, Professor, Rivet's YODA and HEPData; no recipe is needed.

| file | read | write |
|---|---|---|
| apprentice's measured data, JSON | ``read_data`` | ``write_data``, ``write_measured`` |
| apprentice's generator runs, HDF5 | ``read_runs`` | ``write_runs`` (of a grid: ``runs_of``) |
| apprentice's approximations, JSON | ``read_approximations`` | ``write_approximations`` |
| weights of bins, text | ``read_weights``, ``match_weights`` | ``write_weights``, ``weight_rules`` |
| YODA 1 and 2, also gzipped | ``read_yoda`` | |
| HEPData, CSV and YAML | ``read_hepdata_csv``, ``read_hepdata_yaml`` | |

Every reader raises ``FormatError`` with the place of the fault and a remedy.  Every file is written whole or
not at all.  Bins are named as Rivet names them (``bin_ids``).

>>> import tempfile
>>> file = tempfile.NamedTemporaryFile(suffix=".json")
>>> write_data(file.name, ["/ALEPH_1996_S3486095/d01-x01-y01#0"], values=[12.36], errors=[0.41])
>>> read_data(file.name)["value"].tolist()
[12.36]
"""

from lblhep.surrogates.exchange.approximations import (
    Approximations,
    read_approximations,
    write_approximations,
)
from lblhep.surrogates.exchange.bin_ids import Bin, bin_id, ids_of, number_bins, parse_bin_id, places_of
from lblhep.surrogates.exchange.data_json import read_data, write_data, write_measured
from lblhep.surrogates.exchange.files import FormatError
from lblhep.surrogates.exchange.hepdata_csv import read_hepdata_csv
from lblhep.surrogates.exchange.hepdata_yaml import read_hepdata_yaml
from lblhep.surrogates.exchange.reference import symmetric_error
from lblhep.surrogates.exchange.runs_hdf5 import Runs, read_runs, runs_of, write_runs
from lblhep.surrogates.exchange.weight_files import (
    WeightRule,
    match_weights,
    read_weights,
    weight_rules,
    write_weights,
)
from lblhep.surrogates.exchange.yoda import read_yoda

__all__ = [
    "Approximations",
    "Bin",
    "FormatError",
    "Runs",
    "WeightRule",
    "bin_id",
    "ids_of",
    "match_weights",
    "number_bins",
    "parse_bin_id",
    "places_of",
    "read_approximations",
    "read_data",
    "read_hepdata_csv",
    "read_hepdata_yaml",
    "read_runs",
    "read_weights",
    "read_yoda",
    "runs_of",
    "symmetric_error",
    "weight_rules",
    "write_approximations",
    "write_data",
    "write_measured",
    "write_runs",
    "write_weights",
]
