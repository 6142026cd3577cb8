"""A session whose masks are computed elsewhere, and the worker that computes them when a test says so."""

from __future__ import annotations

from Fast3DSAM.Logic.deferred import MaskPending
from Fast3DSAM.Logic.prompts import PromptSet
from Testing.mrml.ball_session import BallSession


class HandWorker:
    """`Background` that does a job when it is told to."""

    def __init__(self) -> None:
        self.jobs = []

    def run(self, job, done):
        self.jobs.append((job, done))
        return self.jobs.clear

    def finish(self, error=None) -> None:
        job, done = self.jobs.pop(0)
        job()
        done(error)

    def finish_all(self) -> None:
        """Until nothing waits any more."""
        while self.jobs:
            self.finish()


class LateSession(BallSession):
    """Raises `MaskPending` for a mask that was not prepared."""

    def __init__(self) -> None:
        super().__init__()
        self.prepared = {PromptSet()}

    def prepare(self, prompts: PromptSet) -> None:
        self.prepared.add(prompts)

    def apply(self, prompts: PromptSet, new_step=True):
        self._check(prompts)
        self._require(prompts)
        return super().apply(prompts, new_step)

    def undo(self):
        self._require(self.history.previous)
        return super().undo()

    def redo(self):
        self._require(self.history.following)
        return super().redo()

    def _require(self, prompts: PromptSet) -> None:
        if prompts not in self.prepared:
            raise MaskPending(prompts)
