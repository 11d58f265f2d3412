"""Pythia command files of a tune and its eigentunes."""

from __future__ import annotations

import pytest
import pythia8mc
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from experiments.tuning.commands import read_commands, write_eigentunes, write_tune
from experiments.tuning.events.lund import MONASH, settings
from lblhep.surrogates.exchange.files import FormatError

points = st.fixed_dictionaries(
    {
        "alphaS": st.floats(0.1, 0.16),
        "aLund": st.floats(0, 2),
        "bLund": st.floats(0.1, 5),
        "sigma": st.floats(0.1, 1),
    }
)


@hypothesis_settings(deadline=None, max_examples=30)
@given(points)
def test_settings_are_read_as_written(tmp_path_factory, point):
    path = tmp_path_factory.mktemp("tune") / "tune.cmnd"
    write_tune(path, point, title="a tune\nTimeShower:alphaSvalue = 9", errors=point, chi2=1.0, ndf=2)
    assert read_commands(path) == settings(point)


def test_what_the_file_says(tmp_path):
    path = tmp_path / "tune.cmnd"
    provenance = {"grid": "z-hadrons-pythia8, sha256:12ab", "weights": "weights/equal.txt"}
    write_tune(
        path,
        {"alphaS": 0.13721, "sigma": 0.3},
        title="ALEPH",
        errors={"alphaS": 0.00041},
        chi2=212.1,
        ndf=180,
        provenance=provenance,
    )
    assert path.read_text().splitlines() == [
        "! ALEPH",
        "! alphaS = 0.13721 +- 0.00041",
        "! sigma = 0.3",
        "! chi2 / ndf = 212.1 / 180",
        "! grid: z-hadrons-pythia8, sha256:12ab",
        "! weights: weights/equal.txt",
        "TimeShower:alphaSvalue = 0.13721",
        "StringPT:sigma = 0.3",
    ]


def test_pythia_reads_it(tmp_path):
    """``avgZ`` stands for a b beyond Pythia's limits, which the file forces."""
    point = {"alphaS": 0.13, "aLund": 1.5, "avgZ": 0.63, "sigma": 0.22}
    write_tune(tmp_path / "tune.cmnd", point, title="a tune", chi2=3.0)
    pythia = pythia8mc.Pythia("", False)
    assert pythia.readFile(str(tmp_path / "tune.cmnd"))
    for command in settings(point):
        name, _, value = command.partition(" = ")
        assert pythia.settings.parm(name) == float(value.removeprefix("force "))


def test_eigentunes(tmp_path):
    names = list(MONASH)
    rows = [[value * (1 + 0.01 * i) for value in MONASH.values()] for i in range(4)]
    paths = write_eigentunes(tmp_path, "aleph", names, rows, title="ALEPH", at_bound=[0, 0, 0, 1])
    assert [path.name for path in paths] == [
        "aleph-1-minus.cmnd",
        "aleph-1-plus.cmnd",
        "aleph-2-minus.cmnd",
        "aleph-2-plus.cmnd",
    ]
    for path, row in zip(paths, rows, strict=True):
        assert read_commands(path) == settings(dict(zip(names, row, strict=True)))
    assert paths[3].read_text().startswith("! ALEPH: eigentune 2 plus, stopped at the bound of the box\n")
    with pytest.raises(FormatError, match="expected minus and plus of each direction"):
        write_eigentunes(tmp_path, "aleph", names, rows[:3], title="ALEPH")


@pytest.mark.parametrize(
    "text", ["/home/me/weights.txt", "weights=~/w.txt", r"C:\tunes", "from (/tmp/grid/x)"]
)
def test_no_path_of_this_machine(tmp_path, text):
    with pytest.raises(FormatError, match="name it relative to the workspace"):
        write_tune(tmp_path / "tune.cmnd", MONASH, title="a tune", provenance={"weights": text})
    assert not list(tmp_path.iterdir())


def test_commands_that_are_none(tmp_path):
    path = tmp_path / "tune.cmnd"
    path.write_text("! a tune\n# more\n\nTimeShower:alphaSvalue 0.13\n")
    with pytest.raises(FormatError, match=r"line 4: 'TimeShower:alphaSvalue 0.13' is no setting"):
        read_commands(path)
