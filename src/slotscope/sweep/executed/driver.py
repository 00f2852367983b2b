"""The driver of a sweep: it hands runs out, a few at a time, and writes what comes back.

All of this runs beside the command, in its process. Runs are executed by workers, whose code is in
``execution.py``.

Only the driver writes into the sweep's folder, and it writes a run when that has finished. So
wherever it is killed, what had finished is whole, and what had not is not there.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from slotscope.sweep.asked.due_runs import PlannedRun, SweepPlan
from slotscope.sweep.executed.execution import RunOutcome, Task, error_of, now
from slotscope.sweep.executed.executors import RunExecutor
from slotscope.sweep.run_records import RunRecord
from slotscope.sweep.store import Store

#: Kinds of errors after which a run is tried once more.
RETRIED = frozenset({"kernel died", "no kernel", "worker died"})
ATTEMPTS = 2
#: What ends a sweep before its time: Ctrl-C, and what a scheduler sends when time is up.
ENDING = (signal.SIGINT, signal.SIGTERM)
#: Seconds between two looks at whether such a signal came.
LOOK = 0.2


class ProgressWatcher(Protocol):
    """What is told of a sweep's progress."""

    def running(self, count: int) -> None:
        """So many run now."""

    def finished(self, run: RunRecord) -> None:
        """A run has finished, and is written."""


@dataclass
class SweepDriver:
    """A sweep that is being run.

    Attributes:
        store: where runs are kept.
        plan: what is to be run.
        task: what every run has in common.
        executor: what runs it.
        watcher: who is told.
        finished: each run that was written, in the order in which they came, without its results.
        interrupted: the signal that ended it before its time; None if none did.
    """

    store: Store
    plan: SweepPlan
    task: Task
    executor: RunExecutor
    watcher: ProgressWatcher
    finished: list[RunRecord] = field(default_factory=list)
    interrupted: int | None = None
    _attempts: dict[str, int] = field(default_factory=dict)
    _begun: dict[str, tuple[datetime, float]] = field(default_factory=dict)

    def run(self) -> None:
        """Run what the plan says, until all have finished or a signal ends it.

        Raises:
            SweepFolderError: a run can't be written; those before it are.
            SchedulerError: the cluster is gone.
        """
        waiting, running = deque(self.plan.waiting), dict[Future[RunOutcome], PlannedRun]()
        try:
            with self._heard():
                while (waiting or running) and not self.interrupted:
                    at_once = self.executor.at_once()
                    while waiting and len(running) < at_once + self.executor.queued:
                        planned = waiting.popleft()
                        running[self._submitted(planned)] = planned
                    self.watcher.running(min(len(running), at_once))
                    for future in wait(running, LOOK, FIRST_COMPLETED).done:
                        self._ended(future, running.pop(future), waiting)
                self.watcher.running(0)
        finally:
            for future in running:
                future.cancel()

    def _ended(
        self, future: Future[RunOutcome], planned: PlannedRun, waiting: deque[PlannedRun]
    ) -> None:
        """A run is back: try it again, or write it."""
        outcome = self._outcome(future, *self._begun.pop(planned.id))
        retried = outcome.error is not None and outcome.error.kind in RETRIED
        if retried and self._attempts[planned.id] < ATTEMPTS:
            waiting.appendleft(planned)
            return
        run = self._kept(planned, outcome)
        # Of a thousand runs, results are on the disk and not in memory.
        self.finished.append(replace(run, results=None))
        self.watcher.finished(run)

    def _submitted(self, planned: PlannedRun) -> Future[RunOutcome]:
        self._attempts[planned.id] = self._attempts.get(planned.id, 0) + 1
        self._begun[planned.id] = now(), time.monotonic()
        task = replace(self.task, parameters=planned.parameters)
        return self.executor.submit(task)

    def _outcome(self, future: Future[RunOutcome], started: datetime, begin: float) -> RunOutcome:
        """What came of a run; where its process died with it, that."""
        try:
            return future.result()
        except (Exception, CancelledError) as death:
            return died(self.task, death, started, time.monotonic() - begin)

    def _kept(self, planned: PlannedRun, outcome: RunOutcome) -> RunRecord:
        run = RunRecord(
            id=planned.id,
            number=planned.number,
            parameters=planned.parameters,
            results=outcome.results,
            error=outcome.error,
            started=outcome.started,
            seconds=round(outcome.seconds, 3),
            attempts=self._attempts.pop(planned.id),
            dependencies=self.plan.dependencies.narrowed(outcome.imported),
        )
        self.store.write(run, outcome.notebook)
        return run

    @contextlib.contextmanager
    def _heard(self) -> Iterator[None]:
        """While this is entered, a signal is heard between two writes, never within one.

        After the first one no other is heard, as long as the process lives: what follows takes
        seconds, and would be torn.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._interrupt) for number in ENDING}
        try:
            yield
        finally:
            if self.interrupted is None:
                for number, handler in before.items():
                    signal.signal(number, handler)

    def _interrupt(self, number: int, _frame: Any) -> None:
        self.interrupted = number
        for other in ENDING:
            signal.signal(other, signal.SIG_IGN)


def died(task: Task, death: BaseException, started: datetime, seconds: float) -> RunOutcome:
    """The outcome of a run whose worker did not answer: the notebook as it was handed out."""
    written = getattr(death, "written", "")
    message = f"{death}\n{written}".strip() or type(death).__name__
    kind = getattr(death, "kind", "worker died")
    error = error_of(kind, None, type(death).__name__, message)
    return RunOutcome(task.notebook, None, error, started, seconds)
