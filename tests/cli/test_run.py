"""``lblhep run``, with the launch itself replaced: what it is asked for, what is printed, exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lblhep.cli.run import _with_resume_value
from lblhep.errors import LaunchError
from lblhep.launch import Launch, Progress

ID = "sample-20260101-120000"


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch, workspace: Path) -> dict[str, Any]:
    """What ``launch`` was called with; under "outcome" what it will answer."""
    asked: dict[str, Any] = {
        "outcome": Launch(
            id=ID,
            directory=workspace / "mlruns/launches" / ID,
            state="finished",
            progress=Progress(total=24, done=24, seconds=12.0, best=("auc", 0.9, "hidden=4")),
            headline={"best width": "4 hidden units", "its mean AUC": 0.91234},
            report=workspace / "mlruns/launches" / ID / "report/index.html",
        )
    }

    def launch(recipe: Any, *, observe: Any, **options: Any) -> Launch:
        asked.update(options, recipe=recipe)
        observe(Progress(total=24, message="starting"))
        return asked["outcome"]  # type: ignore[no-any-return]

    monkeypatch.setattr("lblhep.launch.launch", launch)
    return asked


def test_a_finished_launch(call: Any, launched: dict[str, Any]) -> None:
    result = call("run", "recipes/sample.yaml", "--profile", "smoke", "task.epochs=3", "--serial")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("lblhep 0.")
    assert lines[0].endswith("checking recipes/sample.yaml --profile smoke task.epochs=3")
    assert lines[1] == "launching recipes/sample.yaml --profile smoke task.epochs=3"
    assert f"report:   mlruns/launches/{ID}/report/index.html" in lines
    assert f"compare:  lblhep compare {ID}" in lines
    assert "browse:   lblhep ui" in lines
    assert any("its mean AUC" in line and "0.9123" in line for line in lines)
    assert launched["serial"] is True
    assert launched["resume"] is False
    assert launched["wait"] == 60
    assert launched["recipe"].task.arguments["epochs"] == 3
    assert launched["recipe"].trials.total == 2


def test_how_long_to_wait(call: Any, launched: dict[str, Any]) -> None:
    assert call("run", "recipes/sample.yaml", "--wait", "600").exit_code == 0
    assert launched["wait"] == 600


@pytest.mark.parametrize("words", ["0", "nan", "inf", "1e12"])
def test_no_time_to_wait(call: Any, launched: dict[str, Any], words: str) -> None:
    assert call("run", "recipes/sample.yaml", "--wait", words).exit_code == 2
    assert "wait" not in launched


@pytest.mark.parametrize(
    ("state", "failed", "code"), [("finished", 0, 0), ("failed", 3, 1), ("interrupted", 0, 130)]
)
def test_exit_codes(state: str, failed: int, code: int, call: Any, launched: dict[str, Any]) -> None:
    done = launched["outcome"]
    progress = Progress(total=24, done=20, failed=failed, seconds=1.0)
    advice = "go on with: lblhep run recipes/sample.yaml --resume" if state == "interrupted" else ""
    reasons = {f"reason {number}": 1 for number in range(failed * 3)}
    launched["outcome"] = Launch(done.id, done.directory, state, progress, message=advice, reasons=reasons)
    result = call("run", "recipes/sample.yaml")
    assert result.exit_code == code
    assert (f"{failed} trials failed" in result.stdout) == (failed > 0)
    assert ("failures.json" in result.stdout) == (failed > 0)
    assert ("  1 x reason 4\n  and 4 other reasons\n" in result.stdout) == (failed > 0)
    assert advice in result.stdout


@pytest.mark.parametrize(
    ("words", "resume"),
    [
        ([], False),
        (["--resume"], True),
        (["--resume", ID], ID),
        ([f"--resume={ID}"], ID),
        (["--resume", "task.epochs=3"], True),
    ],
)
def test_resume_with_and_without_a_launch(
    words: list[str], resume: str | bool, call: Any, launched: dict[str, Any]
) -> None:
    assert call("run", "recipes/sample.yaml", *words, "--force").exit_code == 0
    assert launched["resume"] == resume
    assert launched["force"] is True


def test_resume_before_the_recipe(call: Any, launched: dict[str, Any]) -> None:
    assert call("run", "--resume", "recipes/sample.yaml").exit_code == 0
    assert launched["resume"] is True


def test_resume_takes_a_launchs_directory() -> None:
    assert _with_resume_value(["--resume", f"mlruns/launches/{ID}/"]) == [
        "--resume",
        f"mlruns/launches/{ID}/",
    ]


def test_a_bad_recipe_launches_nothing(call: Any, launched: dict[str, Any]) -> None:
    result = call("run", "recipes/sample.yaml", "datasets.jets.card=absent", "task.epocs=1")
    assert result.exit_code == 2
    assert result.stderr.count("\n") >= 2, "every problem is said at once"
    assert "launching" not in result.stdout
    assert "recipe" not in launched


def test_a_refused_launch_is_not_announced(
    call: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*recipe: Any, **options: Any) -> Launch:
        raise LaunchError("no unfinished launch to resume")

    monkeypatch.setattr("lblhep.launch.launch", refuse)
    result = call("run", "recipes/sample.yaml", "--resume")
    assert result.exit_code == 1
    assert "no unfinished launch" in result.stderr
    assert "launching" not in result.stdout


def test_dry_run_shows_the_plan(call: Any, launched: dict[str, Any]) -> None:
    result = call("run", "recipes/sample.yaml", "--dry-run")
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert "trials: 48 (scan)" in said
    assert "packs: 4 of 12 trials" in said
    assert "groups: 4, by hidden" in said
    assert "jets from sample-jets" in said
    assert "models.classifier.hidden" in said
    assert "time: unknown: no launch" in said
    assert "recipe" not in launched


def test_dry_run_estimates_from_a_launch_of_the_same_settings(
    call: Any, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    result = call("run", "recipes/sample.yaml", "--profile", "smoke", "--dry-run")
    # Two packs of one trial took 2 s each: two trials at 2 s on two workers.
    assert f"about 2 s on 2 workers, at 2 s a trial as in {stored.name}" in result.stdout


def test_dry_run_knows_no_time_from_another_profile(call: Any, stored: Path) -> None:
    """The smoke profile's few epochs, one network a pack, say nothing of 48 networks in packs of 12."""
    assert "time:     unknown: no launch" in call("run", "recipes/sample.yaml", "--dry-run").stdout
