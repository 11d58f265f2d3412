"""Run one pack, in whatever process: the task, its results, and in a search the point's objective.

Nothing here knows Ray; the serial launcher and the Ray workers call the same functions.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep import components
from lblhep.errors import LaunchError, LblhepError
from lblhep.launch.store import commit, tables
from lblhep.launch.store.arrays import Arrays
from lblhep.launch.store.commit import PackResult
from lblhep.launch.store.inputs import code_digest, code_digests
from lblhep.launch.workers.listeners import MAX_LIVE_TRIALS, LiveWriter, ObjectiveListener, live_file
from lblhep.launch.workers.task_context import TaskContext, Worker
from lblhep.recipe import Search
from lblhep.tasks import Failure, Row
from lblhep.trials import point_group

if TYPE_CHECKING:
    import pandas as pd

    from lblhep.recipe import Recipe
    from lblhep.trials import Pack, Trial


class Pruned(BaseException):
    """Raised where the scheduler stopped this pack.

    It is raised through the task from inside ``bench.log``, and is no Exception, so that no task catches it.
    """


@dataclass(frozen=True)
class LaunchContext:
    """Holds what every worker needs to know of a launch; it is shipped once."""

    recipe: Recipe
    directory: Path

    @property
    def workspace(self) -> Path:
        """Return the folder that holds the launch's ``mlruns``, data cards and studies."""
        return self.directory.parents[2]

    @property
    def search(self) -> Search | None:
        """Return the recipe's search; None if its trials are a single one or a scan."""
        return self.recipe.trials if isinstance(self.recipe.trials, Search) else None


def prepare(context: LaunchContext) -> Worker:
    """Make this process a worker: components of the workspace import, threads follow the recipe.

    Raises:
        LaunchError: the recipe wants a GPU that torch does not find.
    """
    components.on_path(context.workspace)
    # Read when torch is first imported; ``limit_threads`` serves a process where it already was.
    os.environ["OMP_NUM_THREADS"] = str(context.recipe.resources.cpu)
    device = "cpu"
    if context.recipe.resources.gpu > 0:
        import torch

        if not torch.cuda.is_available():
            raise LaunchError(
                f"resources.gpu: each pack asks for {context.recipe.resources.gpu:g}, but torch finds no GPU "
                f"here (torch {torch.__version__}); install torch with CUDA, or set resources.gpu=0"
            )
        device = "cuda:0"
    return Worker(context.workspace, device)


def limit_threads(cpu: int) -> None:
    """Let torch have as many threads as the recipe's resources say: results depend on it in the last bit."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(cpu)


def run_pack(
    context: LaunchContext,
    worker: Worker,
    pack: Pack,
    report: Callable[[int, float], None] = lambda step, value: None,
    written: Callable[[], None] = lambda: None,
) -> PackResult:
    """Run a pack and commit its results.

    Args:
        context: the launch.
        worker: what this process keeps from pack to pack.
        pack: the trials to run.
        report: called with (step, value) of a search point's objective while it trains; may raise Pruned.
        written: called after some of the pack's curves have been written down for the driver.

    Returns:
        What was committed.

    Raises:
        Pruned: ``report`` raised it; nothing is committed.
        OSError: the results could not be written.
    """
    begin = time.perf_counter()
    checkpoint = context.directory / "checkpoints" / f"{pack.id}-{_points_digest(context, pack)}"
    bench = TaskContext(worker, checkpoint)
    search = context.search
    if len(pack.trials) <= MAX_LIVE_TRIALS:
        bench.listeners.append(LiveWriter(live_file(context.directory, pack.id), written))
    if search is not None:
        trials = tuple(trial.id for trial in pack.trials)
        bench.listeners.append(ObjectiveListener(search.objective.metric, trials, report))
    finished, failures = _execute(context.recipe, pack.trials, bench)
    result = PackResult(
        rows=tables.rows_table(pack.trials, finished),
        curves=bench.curves,
        arrays=bench.arrays,
        failures=failures,
    )
    if search is not None:
        _judge(context, search, pack, finished, result)
    if bench.notices:
        result.about["notices"] = bench.notices
    result.about["seconds"] = round(time.perf_counter() - begin, 3)
    commit.commit_pack(context.directory, pack.id, result)
    _drop_checkpoints(context, pack)
    return result


def _drop_checkpoints(context: LaunchContext, pack: Pack) -> None:
    for old in (context.directory / "checkpoints").glob(f"{pack.id}-*"):
        shutil.rmtree(old, ignore_errors=True)


def _points_digest(context: LaunchContext, pack: Pack) -> str:
    """Return a digest of what a checkpoint is of, so that other points, recipes or code do not take it up.

    (A search that was killed gives a point's number to other values; ``--force`` mixes recipes and code.)
    """
    points = [trial.point for trial in pack.trials]
    code = _code(context.workspace, context.recipe.study)
    content = json.dumps([context.recipe.digest(), code, points], default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


@functools.cache
def _code(workspace: Path, study: str) -> str:
    """Return the digest of the code as it was when the process first asked."""
    return code_digest(code_digests(workspace, study))


def _execute(
    recipe: Recipe, trials: Sequence[Trial], bench: TaskContext
) -> tuple[dict[str, dict[str, float]], list[Failure]]:
    """Return the metrics of the trials that worked and the failures of the others."""
    try:
        task = components.build(trials[0].recipe.task)
        limit_threads(recipe.resources.cpu)
        answers = _by_trial(trials, task.run(list(trials), bench))
    except Exception as error:  # a study's code may raise anything; it costs its pack, not the launch
        return {}, [failure(trial.id, error) for trial in trials]
    outcomes = {trial.id: _outcome(trial, answers[trial.id]) for trial in trials}
    finished = {trial: metrics for trial, metrics in outcomes.items() if not isinstance(metrics, Failure)}
    return finished, [outcome for outcome in outcomes.values() if isinstance(outcome, Failure)]


def _by_trial(trials: Sequence[Trial], outcomes: Iterable[Row | Failure]) -> dict[str, list[Row | Failure]]:
    """Return what the task returned, by trial.  Raises LblhepError if something is not of this pack."""
    answers: dict[str, list[Row | Failure]] = {trial.id: [] for trial in trials}
    for outcome in outcomes:
        if not isinstance(outcome, Row | Failure):
            raise LblhepError(f"the task returned a {type(outcome).__name__}, neither a Row nor a Failure")
        if outcome.trial not in answers:
            raise LblhepError(f"the task returned an outcome of trial {outcome.trial!r}, not of its pack")
        answers[outcome.trial].append(outcome)
    return answers


def _outcome(trial: Trial, answers: Sequence[Row | Failure]) -> dict[str, float] | Failure:
    """Return the trial's metrics, or why there are none."""
    try:
        if len(answers) != 1:
            found = f"{len(answers)} outcomes" if answers else "neither a Row nor a Failure"
            raise LblhepError(f"the task returned {found} for this trial")
        if isinstance(answers[0], Failure):
            return answers[0]
        tables.check_names(answers[0].metrics, trial.point)
        return {name: float(value) for name, value in answers[0].metrics.items()}
    except Exception as error:  # metrics that are no numbers too
        return failure(trial.id, error)


def failure(trial: str, error: BaseException) -> Failure:
    """Return an exception as a record; the message of an LblhepError, which explains itself, stays bare."""
    message = str(error) if isinstance(error, LblhepError) else f"{type(error).__name__}: {error}"
    return Failure(trial, message, "".join(traceback.format_exception(error)))


def combine(
    context: LaunchContext, key: Mapping[str, Any], rows: pd.DataFrame, arrays: Arrays
) -> Mapping[str, Any]:
    """Call the recipe's ``groups:`` component with a group's rows (failed ones included) and arrays.

    Args:
        context: the launch.
        key: the axis values that name the group.
        rows: one row for each trial of the group.
        arrays: what its trials saved.

    Returns:
        Metrics and arrays of the group, by name.

    Raises:
        LblhepError: a metric is called like an axis, or like a column that every table has.
    """
    assert context.recipe.groups is not None
    combined: Mapping[str, Any] = components.build(context.recipe.groups)(rows, arrays)
    tables.check_names(combined, key)
    return combined


def combine_group(
    context: LaunchContext, group: str, key: Mapping[str, Any], pack_of: Mapping[str, str]
) -> str | None:
    """Combine a complete group of a scan from its committed packs and store it.

    Args:
        context: the launch.
        group: the id of the group.
        key: the axis values that name the group.
        pack_of: the id of the pack of each of the group's trials, by the trial's id.

    Returns:
        What went wrong, or None.
    """
    directory = context.directory
    components.on_path(context.workspace)
    try:
        rows = tables.read_tables(directory, "rows", only=set(pack_of.values()))
        rows = rows[rows["trial"].isin(pack_of.keys())].reset_index(drop=True)
        if (rows["status"] == "failed").all():
            return f"group {group}: all its trials failed"
        combined = combine(context, key, rows, Arrays(directory, pack_of))
        commit.commit_group(directory, group, key, combined)
    except Exception as error:  # as for a task: a Combine that fails costs its group, not the launch
        return f"group {group}: {failure('', error).error}"
    return None


def _judge(
    context: LaunchContext,
    search: Search,
    pack: Pack,
    finished: Mapping[str, Mapping[str, float]],
    result: PackResult,
) -> None:
    """Add to the result a search point's objective: what its Combine makes of its replicates.

    A point must not win by losing its worst replicates: where one failed, or where its own value of the
    objective is no finite number, there is no objective.
    """
    metric = search.objective.metric
    point = point_group(pack).key
    diverged = _diverged(metric, finished)
    if diverged:
        lost = {each.trial for each in diverged}
        result.rows = tables.rows_table(pack.trials, {t: m for t, m in finished.items() if t not in lost})
        if not result.failures:
            result.about["diverged"] = True
        result.failures = result.failures + diverged
    result.about |= {"point": point, "objective": math.nan}
    if result.failures:
        return
    try:
        combined = combine(context, point, result.rows, Arrays(context.directory, {}, result.arrays))
        if metric not in combined:
            raise LblhepError(
                f"the objective {metric!r} is not among the point's metrics: {', '.join(combined)}"
            )
        objective = float(combined[metric])
        if not math.isfinite(objective):
            result.about["diverged"] = True
            raise LblhepError(_not_finite(metric, objective))
        result.about["objective"] = objective
        result.combined = combined
    except Exception as error:  # as for a task: the point fails, the search goes on
        result.rows = tables.rows_table(pack.trials, {})
        result.failures += [failure(trial.id, error) for trial in pack.trials]


def _diverged(metric: str, finished: Mapping[str, Mapping[str, float]]) -> list[Failure]:
    """Return the replicates of a search's point whose value of the objective is no finite number."""
    values = {trial: metrics[metric] for trial, metrics in finished.items() if metric in metrics}
    return [
        Failure(trial, _not_finite(metric, value), "")
        for trial, value in values.items()
        if not math.isfinite(value)
    ]


def _not_finite(metric: str, value: float) -> str:
    return f"the objective {metric} is {value}, not a finite number"


def record_lost(context: LaunchContext, pack: Pack, error: str, trace: str) -> None:
    """Commit a pack whose worker died: all its trials failed.

    Args:
        context: the launch.
        pack: the pack.
        error: why it failed, in a line.
        trace: the traceback.
    """
    result = PackResult(
        rows=tables.rows_table(pack.trials, {}),
        failures=[Failure(trial.id, error, trace) for trial in pack.trials],
    )
    if context.search is not None:
        result.about |= {"point": point_group(pack).key, "objective": math.nan}
    commit.commit_pack(context.directory, pack.id, result)


def record_pruned(context: LaunchContext, pack: Pack, curve: Mapping[int, float]) -> None:
    """Commit a search point that the scheduler stopped, with what it had reported: step -> objective."""
    last = list(curve.values())[-1]
    about = {
        "point": point_group(pack).key,
        "objective": last,
        "curve": list(curve.items()),
        "pruned": True,
    }
    result = PackResult(rows=tables.rows_table(pack.trials, {}, otherwise="pruned"), about=about)
    commit.commit_pack(context.directory, pack.id, result)
    _drop_checkpoints(context, pack)
