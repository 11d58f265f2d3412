"""The reader of the LHC Olympics features, on a small file of the public file's layout."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from experiments.cwola.readers import lhco_features
from lblhep.cards import read_card

REPOSITORY = Path(__file__).parents[3]
NAMES = [f"{name}j{jet}" for jet in (1, 2) for name in ("px", "py", "pz", "m", "tau1", "tau2", "tau3")] + [
    "label"
]


def write_like_pandas(path: Path, values: np.ndarray) -> None:
    """What ``DataFrame(values, columns=NAMES).to_hdf(path, key="df")`` writes, attributes left out."""
    with h5py.File(path, "w") as file:
        frame = file.create_group("df")
        frame["axis0"] = frame["block0_items"] = np.array([name.encode() for name in NAMES])
        frame["axis1"] = np.arange(len(values))
        frame["block0_values"] = values


@pytest.fixture
def events(tmp_path) -> tuple[dict[str, np.ndarray], Path]:
    """Back-to-back jets of random mass (GeV), and their file."""
    rng = np.random.default_rng(5)
    values = rng.normal(0, 1500, size=(50, len(NAMES)))
    for i, name in enumerate(NAMES):
        if name.startswith(("m", "tau")):
            values[:, i] = rng.uniform(1, 500, size=50)
    values[:, -1] = np.arange(50) % 2
    values[0, NAMES.index("tau1j1")] = values[0, NAMES.index("tau2j1")] = 0
    write_like_pandas(tmp_path / "features.h5", values)
    return dict(zip(NAMES, values.T, strict=True)), tmp_path / "features.h5"


def test_columns_are_those_of_the_card(events):
    table = lhco_features(events[1])
    assert table.column_names == list(read_card(REPOSITORY, "lhco-rnd").columns)
    assert table["event"].to_pylist() == list(range(50))
    assert table["process"].to_pylist() == [0, 1] * 25


def test_derived_quantities(events):
    """Against the definitions, event by event."""
    raw, path = events
    table = lhco_features(path).to_pandas()
    for i, row in table.iterrows():
        four = []
        for jet in (1, 2):
            p = np.array([raw[f"{k}j{jet}"][i] for k in ("px", "py", "pz")])
            four.append([*p, np.sqrt(p @ p + raw[f"mj{jet}"][i] ** 2)])
        total = np.sum(four, axis=0)
        assert row.mjj == pytest.approx(np.sqrt(total[3] ** 2 - total[:3] @ total[:3]), rel=1e-6)
        eta = [-np.log(np.tan(np.arccos(p[2] / np.linalg.norm(p[:3])) / 2)) for p in four]
        assert row.delta_eta == pytest.approx(abs(eta[0] - eta[1]), rel=1e-5)
        heavy = 1 if raw["mj1"][i] >= raw["mj2"][i] else 2
        for ours, theirs in ((1, heavy), (2, 3 - heavy)):
            assert row[f"m_j{ours}"] == pytest.approx(raw[f"mj{theirs}"][i], rel=1e-6)
            assert row[f"pt_j{ours}"] == pytest.approx(np.hypot(*four[theirs - 1][:2]), rel=1e-6)
            tau = [raw[f"tau{n}j{theirs}"][i] for n in (1, 2, 3)]
            if tau[0] > 0:
                assert row[f"tau21_j{ours}"] == pytest.approx(tau[1] / tau[0], rel=1e-6)
                assert row[f"tau32_j{ours}"] == pytest.approx(tau[2] / tau[1], rel=1e-6)


def test_a_jet_without_substructure_has_zero(events):
    raw, path = events
    first = lhco_features(path).to_pandas().iloc[0]
    jet = 1 if raw["mj1"][0] >= raw["mj2"][0] else 2
    assert first[f"tau21_j{jet}"] == first[f"tau32_j{jet}"] == 0
    assert np.isfinite(first).all()
