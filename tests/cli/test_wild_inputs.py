"""Whatever the verbs are given, words or files: a result, a message or a list of problems, never a traceback.

``make test`` feeds each verb 40 wild inputs, always the same; ``make fuzz`` feeds it 1,000 that differ from
run to run. Each test prints how many it has fed.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from lblhep.cards import version
from lblhep.cli import app, faults, ui
from lblhep.cli.new import study_files
from lblhep.recipe import Recipe
from lblhep.recipe.text import parse
from tests.conftest import TOY, forget_modules
from tests.mutations import altered_bytes, altered_characters, altered_lines, altered_values, yaml_or_nothing

FED = int(os.environ.get("LBLHEP_WILD_INPUTS", "40"))
"""Inputs for each verb."""

wild = settings(
    max_examples=FED,
    derandomize=FED <= 40,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

LAUNCHES = {"scan": "toy-20200101-000000", "search": "toy-20200101-000001"}

FORMAT_1 = Path(__file__).parents[1] / "launch" / "data" / "format1"
"""Launches of format 1, which has no checksums: what was altered in them is read."""
SCAN_1, SEARCH_1, UNFINISHED_1 = sorted(path.name for path in FORMAT_1.iterdir())

LINES = {
    "run": [
        "run recipes/sample.yaml --profile smoke title=x",
        "run recipes/sample.yaml task.epochs=3 trials.axes.hidden.values=[1,2] trials.expect=24",
        "run recipes/scan.yaml",
        "run recipes/search.yaml trials.points=3",
    ],
    "resume": [
        f"run recipes/search.yaml --resume {LAUNCHES['search']}",
        f"run recipes/scan.yaml --resume {LAUNCHES['scan']}",
        "run recipes/scan.yaml --resume",
    ],
    "validate": [
        "validate recipes/sample.yaml",
        "validate recipes/sample.yaml --no-import",
        "validate recipes/search.yaml trials.points=3",
        "validate recipes/sample.yaml --profile smoke task.optimizer.lr=1",
    ],
    "list": ["list", "list --all"],
    "describe": [
        "describe torch:relu",
        "describe torch.optim:Adam",
        "describe experiments.sample.models:Classifier",
        "describe recipes/sample.yaml",
        "describe builtins:print",
        "describe math:pi",
    ],
    "new": ["new other"],
    "freeze": [f"freeze {LAUNCHES['scan']}", f"freeze {SCAN_1}", "freeze newest", f"freeze {'0' * 32}"],
    "compare": [
        "compare newest",
        f"compare {LAUNCHES['scan']} {LAUNCHES['search']} --by launch",
        "compare newest --by rate --metric score",
        "compare newest --json --rows 3",
        f"compare {SCAN_1}",
        f"compare {SEARCH_1} {UNFINISHED_1}",
        "compare",
    ],
    "report": [
        f"report {LAUNCHES['scan']}",
        "report newest --out elsewhere",
        f"report {SCAN_1}",
        f"report {SEARCH_1}",
    ],
    "rm": [f"rm -y {LAUNCHES['scan']}", "rm -y newest", "rm newest"],
    "ui": ["ui", "ui --port 5123"],
    "data list": ["data list"],
    "data show": ["data show sample-jets", "data show listed"],
    "data make": ["data make sample-jets", "data make sample-jets --sample"],
    "data fetch": ["data fetch listed", "data fetch sample-jets"],
    "data verify": ["data verify sample-jets", "data verify listed"],
    "data rm": ["data rm -y sample-jets", "data rm sample-jets"],
}
"""Command lines that are right, by verb."""

ALWAYS = {"run": ["--dry-run"], "resume": ["--serial"], "data make": ["--serial"]}
"""Words that no mutation takes away: what they prevent takes long."""

RECIPES, CARDS = ["recipes/*.yaml"], ["data_cards/*.*"]
LAUNCHED = ["mlruns/launches/*/*.json", "mlruns/launches/*/*.yaml", "mlruns/launches/*/*.parquet"]
PACKED = ["mlruns/launches/*/packs/*/**/*.*", "mlruns/launches/*/groups/*/*"]
CACHED = ["cache/**/*.*"]
FILES = {
    "run": [*RECIPES, *CARDS, *LAUNCHED],
    "resume": [*LAUNCHED, *PACKED],
    "validate": [*RECIPES, *CARDS],
    "list": [*RECIPES, *CARDS, *LAUNCHED],
    "describe": RECIPES,
    "new": [],
    "freeze": [*LAUNCHED, *PACKED],
    "compare": [*LAUNCHED, *PACKED],
    "report": [*LAUNCHED, *PACKED],
    "rm": [*LAUNCHED, *PACKED],
    "ui": ["mlruns/mlflow.db"],
    **{verb: [*CARDS, *CACHED] for verb in LINES if verb.startswith("data ")},
}
"""The files that a verb reads."""

# Relative ones alone: some verbs write where they are told to.
WORDS = [
    *("", " ", "-", "--", "-x", "--nothing", "=", "a=", "=1", "a.b=1", "..", "../..", ".", "./", "~", "*"),
    *("[", "{", "[/x]", "a: b", "0", "-1", "1e400", "x" * 300, "\x00", "\x1b[31m", "\u00e9"),
    *("seed=[", "seed=1e400", "seed=-1", "task=", "trials=null", "trials.kind=search", "report=1"),
    *("task.use=os", "task.use=torch:relu", "task.use=:", "datasets.jets.card=.."),
    *("recipes", "recipes/", "recipes/absent.yaml", "mlruns", "mlruns/launches", "data_cards", "cache"),
    *("newest", "toy", "toy-2020", LAUNCHES["scan"], "0" * 32, "f" * 32),
    *("torch:relu", "torch:", ":", "a:b", "a:b:c", "torch:nn.", "torch:__version__", "builtins:len"),
    *("builtins:type", "typing:Any", "numpy:add", "math:sin", "functools:partial", "collections:namedtuple"),
    "experiments.toy.tasks:Nap",
]
word = st.sampled_from(WORDS) | st.text(st.characters(exclude_characters="/"), max_size=12)


LISTED = """\
schema: lblhep/card@1
name: listed
title: Two events
licence: CC0-1.0
citation: none
columns: {mass: {unit: GeV, role: observable, description: a mass}}
sources: {files: [{path: listed.csv, sha256: null}]}
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """A workspace with two studies, a data set in the cache, and a finished scan and search."""
    from lblhep.launch import launch

    workspace = tmp_path_factory.mktemp("wild") / "template"
    for path, text in study_files("sample").items():
        (workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace / path).write_text(text)
    (workspace / "data_cards/listed.yaml").write_text(LISTED)
    (workspace / "data_cards/listed.csv").write_text("mass\n80.4\n91.2\n")
    (workspace / "experiments/toy").mkdir()
    shutil.copy(TOY / "tasks.py", workspace / "experiments/toy")
    scan, search = ((TOY / f"{kind}.yaml").read_text() for kind in LAUNCHES)
    for old, new in (
        ("expect: 12", "expect: 4"),
        ("[0, 4]", "[0, 2]"),
        ("[0, 3]", "[0, 2]"),
        ("fail: []", "fail: ['000001']"),
    ):
        scan = scan.replace(old, new)
    (workspace / "recipes/scan.yaml").write_text(scan)
    (workspace / "recipes/search.yaml").write_text(search.replace("points: 12", "points: 2"))
    shutil.copy(empty_store, workspace / "mlruns/mlflow.db")
    shutil.copytree(FORMAT_1, workspace / "mlruns/launches")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LBLHEP_CACHE", str(workspace / "cache"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr(sys, "path", [*sys.path])
        patch.chdir(workspace)
        made = CliRunner().invoke(app, ["data", "make", "sample-jets", "--serial"])
        assert made.exit_code == 0, made.output
        for kind, name in LAUNCHES.items():
            stamps = iter([name.removeprefix("toy-")])
            patch.setattr(time, "strftime", lambda *_, stamps=stamps: next(stamps))
            done = launch(Recipe.read(workspace / f"recipes/{kind}.yaml"), serial=True)
            assert done.id == name
    forget_modules(workspace)
    return workspace


class Copy:
    """A copy of a folder; ``restore`` writes again what was changed in it and removes what was added."""

    def __init__(self, original: Path, place: Path) -> None:
        self.original, self.place = original, place
        shutil.copytree(original, place)
        self._files = self._state()

    def _state(self) -> dict[str, tuple[int, ...]]:
        """Every file and folder below, by its path from here, with what tells one state from another."""
        found: dict[str, tuple[int, ...]] = {}
        waiting = [str(self.place)]
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    stat = entry.stat(follow_symlinks=False)
                    is_folder = entry.is_dir(follow_symlinks=False)
                    waiting += [entry.path] if is_folder else []
                    written = () if is_folder else (stat.st_ino, stat.st_size, stat.st_mtime_ns)
                    found[os.path.relpath(entry.path, self.place)] = (stat.st_mode, *written)
        return found

    def restore(self) -> None:
        now = self._state()
        changed = {path for path in self._files.keys() | now.keys() if self._files.get(path) != now.get(path)}
        for path in sorted(changed & now.keys(), reverse=True):  # what lies in a folder goes before it
            place = self.place / path
            place.rmdir() if place.is_dir() and not place.is_symlink() else place.unlink()
        for path in sorted(changed & self._files.keys()):
            original = self.original / path
            (self.place / path).mkdir() if original.is_dir() else shutil.copy2(original, self.place / path)
        if changed:
            self._files = self._state()


@pytest.fixture
def feed(
    template: Path, tmp_path: Path, own_modules: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., int]]:
    """Feeds one input, words and altered files, to a fresh copy of the workspace; prints how many it fed."""
    (tmp_path / "deep" / "down").mkdir(parents=True)
    copy = Copy(template, workspace := tmp_path / "deep" / "down" / "workspace")
    monkeypatch.setenv("LBLHEP_CACHE", str(workspace / "cache"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    # No input changes code, and reading what a producer imports takes longer than all else.
    monkeypatch.setattr(version, "code_version", functools.cache(version.code_version))
    ended = SimpleNamespace(pid=2**30, wait=lambda: 0)  # the server of ``ui``
    monkeypatch.setattr(ui, "subprocess", SimpleNamespace(Popen=lambda *words, **options: ended))
    counts: Counter[int] = Counter()
    found: dict[str, str] = {}

    def message(error: Exception) -> tuple[str, int]:
        said = explain(error)
        if "bug in lblhep" in said[0]:
            found.setdefault(said[0], "".join(traceback.format_exception(error)[-4:]))
        return said

    explain = faults._message
    monkeypatch.setattr(faults, "_message", message)

    def feed(words: list[str], altered: dict[str, bytes]) -> int:
        workspace.mkdir(exist_ok=True)
        copy.restore()
        monkeypatch.chdir(workspace)
        for path, content in altered.items():
            (workspace / path).write_bytes(content)
        before = len(found)
        result = CliRunner().invoke(app, words)
        counts[result.exit_code] += 1
        if result.exit_code not in (0, 1, 2) or not isinstance(result.exception, SystemExit | None):
            found.setdefault(
                repr(result.exception), "".join(traceback.format_exception(result.exception)[-4:])
            )
        if len(found) > before:
            print("fed:", words, altered)
        return result.exit_code

    yield feed
    print(f"{counts.total()} inputs fed; exit codes {dict(counts)}")
    assert not found, "\n".join(f"{said}\n{trace}" for said, trace in found.items())


def altered_file(path: Path) -> st.SearchStrategy[bytes]:
    """The file's content, altered as what it is or as mere bytes."""
    content = path.read_bytes()
    ways: list[st.SearchStrategy[Any]] = [altered_bytes(content)]
    if path.suffix in (".yaml", ".json"):
        text = content.decode()
        tree = json.loads(text) if path.suffix == ".json" else parse(text, "text").values
        written = json.dumps if path.suffix == ".json" else yaml_or_nothing
        trees = altered_values(tree).map(written).filter(lambda text: text is not None)
        ways += [trees, trees, altered_lines(text), altered_characters(text)]
    return st.one_of(ways).map(
        lambda new: new if isinstance(new, bytes) else new.encode("utf-8", "surrogatepass")
    )


@st.composite
def altered_words(draw: st.DrawFn, line: str) -> list[str]:
    """The words of a command line, one or two of them replaced, deleted, or wild ones added."""
    verb, *words = line.split()
    for _ in range(draw(st.integers(1, 2))):
        index = draw(st.integers(0, len(words)))
        match draw(st.sampled_from(["replace", "delete", "add"])):
            case "replace":
                words[index : index + 1] = [draw(word)]
            case "delete":
                words[index : index + 1] = []
            case _:
                words.insert(index, draw(word))
    return [verb, *words]


def is_quick(verb: str, altered: dict[str, bytes]) -> bool:
    """Whether no altered card asks for many events to be produced, wherever its numbers stand."""
    digits = b" ".join(content for path, content in altered.items() if path.endswith(".yaml"))
    return verb != "data make" or not re.search(rb"[0-9_]{6}|[0-9]e[0-9]", digits)


@pytest.mark.slow("40 inputs of each verb; the first one also imports everything and makes the workspace")
@pytest.mark.timeout(60 + 10 * FED)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("verb", LINES)
def test_wild_inputs(feed: Callable[..., int], template: Path, verb: str) -> None:
    known = [path for pattern in FILES[verb] for path in sorted(template.glob(pattern)) if path.is_file()]

    @wild
    @given(data=st.data())
    def fed(data: st.DataObject) -> None:
        line = data.draw(st.sampled_from(LINES[verb]))
        what = data.draw(st.sampled_from(["words", "files", "both"] if known else ["words"]))
        words = line.split() if what == "files" else data.draw(altered_words(line))
        altered = {}
        for _ in range(0 if what == "words" else data.draw(st.integers(1, 2))):
            path = data.draw(st.sampled_from(known))
            altered[str(path.relative_to(template))] = data.draw(altered_file(path))
        if is_quick(verb, altered):
            feed([*words, *ALWAYS.get(verb, [])], altered)

    assert feed([*LINES[verb][0].split(), *ALWAYS.get(verb, [])], {}) == 0, "right before it is altered"
    fed()
