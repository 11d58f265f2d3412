"""The verbs that read: list, validate, describe, compare, report, freeze, ui; and rm."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lblhep.launch.store.directory import LaunchDirectory
from lblhep.recipe import Recipe


def test_list(call: Any, stored: Path) -> None:
    (stored.parents[2] / "recipes/broken.yaml").write_text("study: 3\n")
    result = call("list")
    assert result.exit_code == 0, result.output
    for part in ("recipes/sample.yaml", "smoke", "sample-jets", stored.name, "finished", "lblhep validate"):
        assert part in result.stdout


def test_list_shows_only_as_sound_what_it_has_checked(call: Any, workspace: Path) -> None:
    sample = (workspace / "recipes/sample.yaml").read_text()
    (workspace / "recipes/carded.yaml").write_text(sample.replace("card: sample-jets", "card: sample-jest"))
    result = call("list")
    assert "1 problem: lblhep validate recipes/carded.yaml" in " ".join(result.stdout.split())
    assert "Components and profiles are not checked here" in result.stdout


MARKUP = "[GeV] [/x] :smile: [b]x[/b]"


def test_brackets_of_users_are_no_markup(call: Any, workspace: Path) -> None:
    """A title is shown as it was written; one unclosed bracket does not break the list of all."""
    card, recipe = workspace / "data_cards/sample-jets.yaml", workspace / "recipes/sample.yaml"
    card.write_text(re.sub("^title:.*", f'title: "{MARKUP}"', card.read_text(), flags=re.M))
    recipe.write_text(re.sub("^title:.*", f'title: "{MARKUP}"', recipe.read_text(), flags=re.M))
    for words in (
        ["list"],
        ["data", "list"],
        ["data", "show", "sample-jets"],
        ["describe", "recipes/sample.yaml"],
        ["run", "recipes/sample.yaml", "--dry-run", f"title={MARKUP!r}"],
        ["validate", MARKUP],
        ["describe", f"a:{MARKUP}"],
        ["list", MARKUP],
    ):
        result = call(*words)
        assert not isinstance(result.exception, Exception), words
        assert MARKUP in result.output, words


def test_headlines_and_axes_are_no_markup(
    call: Any, stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pandas as pd

    from lblhep.cli.run import print_outcome
    from lblhep.launch import Launch, Progress
    from lblhep.launch.store.directory import LaunchDirectory

    rows = pd.read_parquet(stored / "rows.parquet").assign(hidden=MARKUP)
    rows.to_parquet(stored / "rows.parquet")
    LaunchDirectory(stored).list_tables([stored / "rows.parquet"])
    assert MARKUP in call("compare", "newest", "--by", "hidden").stdout
    assert MARKUP in call("compare", MARKUP).stderr
    print_outcome(Launch("id", stored, "finished", Progress(2, 2), headline={MARKUP: MARKUP}))
    assert capsys.readouterr().out.count(MARKUP) == 2


def test_list_works_from_a_folder_below(call: Any, stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stored.parents[2] / "recipes")
    assert stored.name in call("list").stdout


def test_list_says_which_launches_were_killed(call: Any, stored: Path) -> None:
    launch = LaunchDirectory(stored)
    assert "killed" not in call("list").stdout
    launch.update(state="running")
    with launch.held():
        assert "killed" not in call("list").stdout
    listed = call("list").stdout
    assert "killed" in listed.split(stored.name)[1].splitlines()[0]
    assert "--resume LAUNCH goes on" in " ".join(listed.split())


def test_a_broken_launch_hinders_neither_list_nor_compare(call: Any, stored: Path) -> None:
    broken = stored.with_name("sample-20990101-000000")
    broken.mkdir()
    (broken / "launch.json").touch()
    assert "unreadable" in call("list").stdout
    assert call("compare").exit_code == 0
    assert stored.name in call("compare", "newest").stdout
    named = call("compare", broken.name)
    assert named.exit_code == 1
    assert "not readable as JSON" in named.stderr


def test_validate(call: Any, workspace: Path) -> None:
    result = call("validate", "recipes/sample.yaml")
    assert result.exit_code == 0, result.output
    assert result.stdout == "recipes/sample.yaml: valid and with its profiles smoke: 48 trials\n"


def test_validate_finds_a_profiles_fault(call: Any, workspace: Path) -> None:
    recipe = workspace / "recipes/sample.yaml"
    recipe.write_text(recipe.read_text().replace("    trials.expect: 2\n", "    trials.expect: 3\n"))
    result = call("validate", "recipes/sample.yaml", "--no-import")
    assert result.exit_code == 2
    assert "is 3, but there are 2 trials" in result.stderr


def test_validate_says_everything_at_once(call: Any, workspace: Path) -> None:
    """Form, components, cards, axes and a profile, in the order of their lines."""
    recipe = workspace / "recipes/sample.yaml"
    text = recipe.read_text()
    for old, new in (
        ("seed: 1\n", "seed: one\n"),
        ("card: sample-jets", "card: sample-jest"),
        ("n_train:", "n_trian:"),
        ("models:Classifier", "models:Clasifier"),
        ("torch.optim:Adam", "torch.optim:Adom"),
        ("  pack: 12", "  pakc: 12"),
        ("init, range: [0, 2]", "init, values: [0, x]"),
        ("by: [hidden]", "by: [hiden]"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    recipe.write_text(text)
    result = call("validate", "recipes/sample.yaml")
    assert result.exit_code == 2
    places = [line.split(": ")[:2] for line in result.stderr.splitlines()]
    assert [address for _, address in places] == [
        "seed",
        "datasets.jets.n_train",  # is missing
        "datasets.jets.card",
        "datasets.jets.n_trian",
        "models.classifier.use",
        "task.optimizer.use",
        "trials.pakc",
        "groups.by[0]",
        "trials.axes.init.range",  # the profile's, beside the values
    ]
    lines = [int(place.split(":")[1]) for place, _ in places]
    assert lines == sorted(lines)


def test_describe_a_component(call: Any, workspace: Path) -> None:
    result = call("describe", "experiments.sample.models:Classifier")
    assert result.exit_code == 0, result.output
    assert "    hidden: int,\n    init: int = 0,\n" in result.stdout
    assert "One hidden layer" in result.stdout
    assert "experiments/sample/models.py" in result.stdout


@pytest.mark.parametrize("use", ["torch:relu", "builtins:len", "numpy:add", "functools:partial"])
def test_describe_what_is_not_written_in_python(call: Any, workspace: Path, use: str) -> None:
    result = call("describe", use)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(use)


def test_describe_a_recipe(call: Any, workspace: Path) -> None:
    result = call("describe", "recipes/sample.yaml")
    assert result.exit_code == 0, result.output
    for part in (
        "scan, 48 trials",
        "hidden -> models.classifier.hidden",
        "task: experiments.sample.tasks:Train",
    ):
        assert part in result.stdout


def test_compare(call: Any, stored: Path) -> None:
    result = call("compare", stored.name)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 100
    lines = [line.split() for line in result.stdout.splitlines() if line.strip()]
    assert " ".join(lines[0]) == f"{stored.name}: 2 of 2 trials finished"
    assert lines[1] == ["hidden", "trials", "auc", "mean_auc", "error"]
    assert lines[3][:4] == ["4", "1", "0.9", "0.9"]


def test_compare_says_what_its_errors_are(call: Any, stored: Path) -> None:
    folded = call("compare", "newest", "--by", "launch")
    assert "0.80 ± 0.14" in folded.stdout
    assert "±: standard deviation of the trials" in folded.stdout
    assert "±" not in call("compare", "newest").stdout, "one trial a row has no spread to explain"


def test_compare_without_a_launch_lists_them(call: Any, stored: Path) -> None:
    result = call("compare")
    assert result.exit_code == 0, result.output
    assert stored.name in result.stdout
    assert "lblhep compare newest" in result.stdout


def test_compare_without_a_launch_as_json(call: Any, stored: Path) -> None:
    (entry,) = json.loads(call("compare", "--json").stdout)
    assert (entry["launch"], entry["state"]) == (stored.name, "finished")


def test_compare_says_what_did_not_finish(call: Any, stored: Path) -> None:
    import pandas as pd

    twin = stored.with_name(stored.name + "-2")
    shutil.copytree(stored, twin)
    rows = pd.read_parquet(stored / "rows.parquet").assign(status="failed", auc=None)
    rows.to_parquet(stored / "rows.parquet")
    LaunchDirectory(stored).list_tables([stored / "rows.parquet"])
    said = f"{stored.name}: 0 of 2 trials finished, 2 failed"
    assert said in call("compare", stored).stdout
    both = call("compare", stored, twin).stdout
    assert said in both
    assert f"{twin.name}:" not in both


def test_compare_as_json_by_launch(call: Any, stored: Path) -> None:
    rows = json.loads(call("compare", stored.name, "--json", "--by", "launch").stdout)
    assert rows[0]["launch"] == stored.name
    assert rows[0]["trials"] == 2
    assert rows[0]["auc"]["mean"] == pytest.approx(0.8)


def test_compare_prints_what_fits_and_says_what_does_not(call: Any, stored: Path) -> None:
    import pandas as pd

    rows = pd.read_parquet(stored / "rows.parquet")
    many = {f"a_metric_{n}": 0.123456 for n in range(12)}
    rows.assign(**many).to_parquet(stored / "rows.parquet")
    LaunchDirectory(stored).list_tables([stored / "rows.parquet"])
    result = call("compare", "newest", "--rows", "1")
    assert max(len(line) for line in result.stdout.splitlines() if "--json" not in line) <= 100
    columns = set(result.stdout.splitlines()[2].split())
    shown = {name for name in many if name in columns}
    assert 4 <= len(shown) < 12, "as many as fit, and their names whole"
    assert f"{12 - len(shown)} more columns (a_metric_{len(shown)}, " in result.stdout
    assert "1 more rows: --rows 2" in result.stdout


def test_compare_prints_the_metrics_that_are_asked_for(call: Any, stored: Path) -> None:
    asked = call("compare", "newest", "--metric", "error", "--metric", "a*")
    assert asked.stdout.splitlines()[2].split() == ["hidden", "trials", "error", "auc"]
    (first, _) = json.loads(call("compare", "newest", "--metric", "auc", "--json").stdout)
    assert set(first) == {"launch", "hidden", "trials", "auc"}
    unknown = call("compare", "newest", "--metric", "acu")
    assert unknown.exit_code == 1
    assert "no metric 'acu'; did you mean `auc`?" in unknown.stderr


def test_launches_are_found_by_the_beginning_of_their_id(call: Any, stored: Path) -> None:
    assert call("compare", stored.name[:10]).exit_code == 0
    missing = call("compare", stored.name[:-1] + "x")
    assert missing.exit_code == 1
    assert f"did you mean '{stored.name}'" in missing.stderr


def test_report_is_rendered_again(call: Any, stored: Path, made: None) -> None:
    result = call("report", stored.name)
    assert result.exit_code == 0, result.output
    assert "best width: 4 hidden units" in result.stdout
    page = stored / "report/index.html"
    assert result.stdout.splitlines()[-1] == str(page.relative_to(stored.parents[2]))
    text = page.read_text()
    assert "Recognising boosted W bosons" in text
    assert text.index("4 hidden units") < text.index("<nav")
    assert "INCOMPLETE" not in text


def test_a_report_that_fails_is_named_with_its_line(
    call: Any, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render(view: Any, out: Path) -> None:
        stored / 3  # type: ignore[operator]

    monkeypatch.setattr("lblhep.launch.finish.render", render)
    result = call("report", stored.name)
    assert result.exit_code == 1
    assert "its report failed: TypeError: unsupported operand" in result.stderr
    assert f"({__file__}:" in result.stderr
    assert "bug in lblhep" not in result.stderr


def test_report_into_another_folder(call: Any, stored: Path, made: None, tmp_path: Path) -> None:
    assert call("report", stored.name, "--out", tmp_path / "elsewhere").exit_code == 0
    assert (tmp_path / "elsewhere/roc.pdf").is_file()
    assert not (stored / "report").exists()


def test_freeze_a_launch(call: Any, stored: Path, workspace: Path) -> None:
    result = call("freeze", stored.name)
    assert result.exit_code == 0, result.output
    frozen = workspace / "recipes/frozen.yaml"
    frozen.write_text(result.stdout)
    before = Recipe.read(workspace / "recipes/sample.yaml", profile="smoke")
    assert Recipe.read(frozen).digest() == before.digest()


def test_freeze_says_that_comments_are_lost(call: Any) -> None:
    assert "comments" in call("freeze", "--help").stdout


def test_freeze_one_trial(call: Any, stored: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lblhep.tracking.find_run", lambda workspace, run: (stored.name, "000001"))
    result = call("freeze", "0" * 32)
    assert result.exit_code == 0, result.output
    frozen = workspace / "recipes/frozen.yaml"
    frozen.write_text(result.stdout)
    recipe = Recipe.read(frozen)
    assert recipe.trials.total == 1
    assert recipe.models["classifier"].arguments["hidden"] == 4
    assert recipe.task.arguments["epochs"] == 2
    assert call("validate", "recipes/frozen.yaml").exit_code == 0


def test_ui_says_what_is_wrong_with_the_database(call: Any, workspace: Path) -> None:
    (workspace / "mlruns/mlflow.db").write_bytes(b"this is no database" * 100)
    result = call("ui")
    assert result.exit_code == 1
    assert "mlflow.db: the MLflow store cannot be used" in result.stderr


def test_ui_serves_this_machine_only(
    call: Any, workspace: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(empty_store, workspace / "mlruns/mlflow.db")
    started: list[list[str]] = []
    environments: list[dict[str, str]] = []

    def run(command: list[str], *, env: dict[str, str], start_new_session: bool) -> SimpleNamespace:
        started.append(command)
        environments.append(env)
        assert start_new_session, "the server and its children end together"
        return SimpleNamespace(pid=2**30, wait=lambda: 0)  # there is no such process

    monkeypatch.setattr(subprocess, "Popen", run)
    result = call("ui", "--port", "5123")
    assert result.exit_code == 0, result.output
    assert started[0][:4] == [sys.executable, "-m", "mlflow", "ui"]
    assert started[0][started[0].index("--host") + 1] == "127.0.0.1"
    assert environments[0]["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{workspace}/mlruns/mlflow.db"
    assert "http://127.0.0.1:5123/#/experiments?workflowType=machine_learning" in result.stdout


def test_no_password_of_the_store_is_shown(
    call: Any, stored: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither on the terminal nor in the list of processes, which other users see."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://anna:pa5sword@host/db")
    monkeypatch.setattr("lblhep.tracking.pages", lambda workspace: {})
    monkeypatch.setattr("lblhep.launch.store.removal.forget_launch", lambda workspace, launch: None)
    commands: list[list[str]] = []

    def run(command: list[str], **options: Any) -> SimpleNamespace:
        commands.append(command)
        assert options["env"]["MLFLOW_BACKEND_STORE_URI"] == "postgresql://anna:pa5sword@host/db"
        return SimpleNamespace(pid=2**30, wait=lambda: 0)  # there is no such process

    monkeypatch.setattr(subprocess, "Popen", run)
    shown = [call("ui"), call("rm", stored.name, "-y")]
    assert [result.exit_code for result in shown] == [0, 0], shown
    text = " ".join([*commands[0], *(result.output for result in shown)])
    assert "anna" not in text
    assert "pa5sword" not in text
    assert "runs of postgresql://***@host/db" in text
    assert "mlflow gc --backend-store-uri $MLFLOW_TRACKING_URI" in text


def test_rm_asks_first(call: Any, stored: Path, empty_store: Path, workspace: Path) -> None:
    shutil.copy(empty_store, workspace / "mlruns/mlflow.db")
    assert call("rm", "newest").exit_code == 1, "nobody said yes"
    assert stored.is_dir()
    result = call("rm", "newest", "-y")
    assert result.exit_code == 0, result.output
    assert f"removed {stored.name}" in result.stdout
    assert not stored.exists()
