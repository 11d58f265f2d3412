"""What a trial costs in MLflow: a pack by inserts against the same pack by MLflow's client.

``pytest -m benchmark tests/benchmarks/test_tracking_cost.py -s`` prints the numbers.  Both write through
``Tracker`` into one SQLite store that holds 20,000 runs already, in turn; the medians of the packs are
compared.
"""

from __future__ import annotations

import shutil
import statistics
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from lblhep.tracking import Tracker, TrialRecord
from lblhep.tracking.new_runs import ClientWriter, NewRun, Writer, writer
from lblhep.tracking.runs import new_run
from lblhep.tracking.store import analyze, connect, database

PACK = 25


def fill(store: Writer, there: int) -> None:
    """Runs as a launch leaves them, a thousand in a transaction."""
    tags = {"mlflow.runName": "old", "lblhep.launch": "old", "lblhep.trial": "0", "lblhep.status": "finished"}
    params = dict.fromkeys(("window", "fold", "subfold", "init"), "1")
    run = NewRun(tags, 1000, 2000, "FINISHED", params, {"loss": 0.5, "auc": 0.5})
    for _ in range(there // 1000):
        store.create([run] * 1000)


class Launch:
    """Logs packs of one launch by one of the writers; keeps what each took of wall clock and CPU."""

    def __init__(self, client: MlflowClient, writer: Writer, name: str, tags: dict[str, str]) -> None:
        tags = {"lblhep.launch": name, **tags}
        parent = next(iter(writer.create([new_run(name, tags | {"lblhep.kind": "launch"})])))
        self._tracker = Tracker(client, writer, tags, parent.info.run_id)
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def pack(self, number: int) -> None:
        records = [
            TrialRecord(
                id=f"{PACK * number + trial:06d}",
                name=f"window={number} init={trial}",
                group="0",
                point={"window": number, "fold": 0, "subfold": 0, "init": trial},
                metrics={"loss": 0.5, "auc": 0.5},
                status="finished",
                started=1000.0,
                ended=2000.0,
            )
            for trial in range(PACK)
        ]
        wall, cpu = time.perf_counter(), time.process_time()
        self._tracker.log_trials(records, {"0": "all"}, lambda trial: [])
        self.wall.append((time.perf_counter() - wall) / PACK)
        self.cpu.append((time.process_time() - cpu) / PACK)


@pytest.mark.parametrize(
    ("there", "packs", "most_wall", "most_cpu"),
    [
        pytest.param(20_000, 7, 1 / 5, 1 / 10, marks=pytest.mark.benchmark),
        (1_000, 3, 1 / 2, 1 / 2),  # in every run of the tests
    ],
)
def test_a_pack_of_25_at_many_runs(
    there: int,
    packs: int,
    most_wall: float,
    most_cpu: float,
    tmp_path: Path,
    empty_store: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlruns").mkdir()
    shutil.copy(empty_store, database(tmp_path))
    client = connect(tmp_path)
    experiment = client.create_experiment("toy")
    inserts = writer(client, experiment)
    fill(inserts, there)
    analyze(tmp_path)
    tags = {"mlflow.source.name": "recipes/toy.yaml", "mlflow.source.type": "LOCAL", "mlflow.user": "someone"}
    slow, fast = (
        Launch(client, way, name, tags)
        for way, name in ((ClientWriter(client, experiment), "client"), (inserts, "inserts"))
    )
    for number in range(packs):
        slow.pack(number)
        fast.pack(number)
    wall, cpu = (
        [1e3 * statistics.median(times[1:]) for times in pair]  # the first is the warm-up
        for pair in ((slow.wall, fast.wall), (slow.cpu, fast.cpu))
    )
    with capsys.disabled():
        print(
            f"\nms a trial at {there:,} runs, wall / CPU: by the client {wall[0]:.2f} / {cpu[0]:.2f}, "
            f"by inserts {wall[1]:.2f} / {cpu[1]:.2f} ({wall[0] / wall[1]:.1f}x, {cpu[0] / cpu[1]:.1f}x)"
        )
    assert wall[1] <= most_wall * wall[0]
    assert cpu[1] <= most_cpu * cpu[0]
