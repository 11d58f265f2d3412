"""A study that sleeps, for tests of the harness."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from lblhep.tasks import Failure, Row


class Nap:
    """Trains nothing, in ``seconds`` a pack, and leaves a line in ``diary`` for each pack that it ends."""

    batches_over = ("fold",)
    random_arguments = ("window",)

    def __init__(self, *, seconds=0.0, window=0, fold=0, rate=0.1, epochs=0, fail=(), crash=(), diary=None):
        self.seconds, self.epochs = seconds, epochs
        self.fail, self.crash, self.diary = fail, crash, diary

    def run(self, trials, bench):
        time.sleep(self.seconds)
        if trials[0].id in self.crash:
            raise RuntimeError("the task is broken")
        for epoch in range(self.epochs):
            for trial in trials:
                bench.log(trial, {"score": quality(trial) - 1 / (epoch + 1)}, epoch)
        outcomes = []
        for trial in trials:
            noise = bench.generator(trial, "task").normal(size=3)
            bench.save(trial, "noise", {"values": noise})
            if trial.id in self.fail:
                outcomes.append(Failure(trial.id, "asked to fail", "no traceback"))
            else:
                outcomes.append(Row(trial.id, {"score": quality(trial), "noise": float(noise[0])}))
        if self.diary:
            with Path(self.diary).open("a") as diary:
                diary.write(trials[0].id + "\n")
        return outcomes


class DiesOnce(Nap):
    """Its worker is killed from outside while it runs trial 2 (for the first time, or always)."""

    def __init__(self, *, always=False, **arguments):
        super().__init__(**arguments)
        self.always = always

    def run(self, trials, bench):
        mark = bench.checkpoint / "been here"
        if trials[0].id == "000002" and (self.always or not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run(trials, bench)


def quality(trial):
    arguments = trial.recipe.task.arguments
    return arguments["fold"] / 100 - (np.log10(arguments["rate"]) + 1.5) ** 2


def combine(rows, arrays):
    saved = [arrays[trial, "noise"]["values"] for trial in rows["trial"]]
    return {"score": rows["score"].mean(), "spectrum": np.sum(saved, axis=0)}


def goal_only(score):
    return score


class Mended(Nap):
    """Fails until its marker file is there."""

    def __init__(self, *, marker, **arguments):
        super().__init__(**arguments)
        self.marker = Path(marker)

    def run(self, trials, bench):
        if not self.marker.exists():
            raise RuntimeError("not mended yet")
        return super().run(trials, bench)


class BriefReport:
    """A page without figures: most tests look at other things."""

    def render(self, launch, out):
        (out / "index.html").write_text(f"{len(launch.rows)} rows")
        return {"rows": float(len(launch.rows))}


class BrokenReport:
    def render(self, launch, out):
        raise ValueError("no ink")


def broken_combine(rows, arrays):
    return 1 / 0
