"""Which files a launch's code digests cover."""

from __future__ import annotations

from pathlib import Path

from lblhep.launch.store.inputs import changed, code_digests


def study(workspace: Path) -> Path:
    file = workspace / "experiments" / "toy" / "report.py"
    file.parent.mkdir(parents=True)
    file.write_text("ink = 1\n")
    return file


def test_what_results_depend_on_is_covered(tmp_path: Path) -> None:
    file = study(tmp_path)
    before = code_digests(tmp_path, "toy")
    assert {
        "lblhep/trials.py",
        "lblhep/launch/workers/execute.py",
        "lblhep/tasks/__init__.py",
    } <= before.keys()
    file.write_text("ink = 2\n")
    assert changed(before, code_digests(tmp_path, "toy")) == ["experiments/toy/report.py"]


def test_what_no_result_depends_on_is_left_out(tmp_path: Path, monkeypatch) -> None:
    import lblhep

    package = tmp_path / "lblhep"
    for name in ("cli/run.py", "report/page.py", "notify.py", "trials.py", "reporting.py", "nn/notify.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("")
    monkeypatch.setattr(lblhep, "__file__", str(package / "__init__.py"))
    assert sorted(code_digests(tmp_path, "none")) == [
        "lblhep/nn/notify.py",
        "lblhep/reporting.py",
        "lblhep/trials.py",
    ]
