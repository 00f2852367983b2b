"""Where runs are executed: in processes of this machine, or on a Dask cluster."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

from slotscope.errors import SchedulerError
from slotscope.sweep.environment import Environment, environment
from slotscope.sweep.executed.execution import RunOutcome, Task, execute
from slotscope.sweep.executed.runs_in_progress import IN_PROGRESS, begin, stop_all

#: Seconds within which a cluster answers.
ANSWER = 120
#: Seconds within which a scheduler does.
CONNECT = 30
#: Runs that wait on a cluster: one that grows with its work must see some.
WAITING = 64
#: Seconds between two looks at whether someone waits for a run.
LOOK = 1.0


@dataclass(frozen=True)
class RunExecutor:
    """What runs notebooks.

    Attributes:
        workers: its processes.
        execute: what one of them is to call for one run.
        at_once: how many can run there, now.
        queued: how many may wait there besides.
        environment: what is installed there.
        local: whether it is this machine.
    """

    workers: Executor
    execute: Callable[[Task], RunOutcome]
    at_once: Callable[[], int]
    queued: int
    environment: Environment
    local: bool

    def submit(self, task: Task) -> Future[RunOutcome]:
        """Hand out one run."""
        return self.workers.submit(self.execute, task)


@contextlib.contextmanager
def local_executor(jobs: int, patience: float | None) -> Iterator[RunExecutor]:
    """Processes of this machine.

    Args:
        jobs: how many.
        patience: seconds after which one that does not answer is killed; None waits.
    """
    from slotscope.processes.pool import LocalExecutor, Work

    with LocalExecutor(jobs, patience, Work(begin, stop_all)) as workers:
        yield RunExecutor(workers, execute, lambda: jobs, 0, environment(), True)


@contextlib.contextmanager
def dask_executor(address: str) -> Iterator[RunExecutor]:
    """A Dask cluster, through Dask's own executor.

    Raises:
        SchedulerError: it isn't installed, or can't be reached, or has other packages.
    """
    with _client(address) as client, client.get_executor(pure=False) as workers:
        try:
            found = workers.submit(environment).result(timeout=ANSWER)
        except TimeoutError:
            raise SchedulerError(
                f"The scheduler {address} has no worker that answers within {ANSWER} s. "
                f"Start some: dask worker {address}"
            ) from None
        except Exception as error:
            raise SchedulerError(
                f"The workers of {address} can't run slotscope ({error}). Install the same version "
                "of slotscope[notebooks,dask] where they run."
            ) from error

        def threads() -> int:
            try:
                if client.status == "running":
                    return sum(client.nthreads().values())
            except OSError:
                pass
            raise SchedulerError(
                f"The scheduler {address} is gone. What had finished is kept. Start another one, "
                "and give the same command with its address."
            )

        yield RunExecutor(workers, execute_while_wanted, threads, WAITING, found, False)


def execute_while_wanted(task: Task) -> RunOutcome:
    """:func:`execute` in a Dask worker, as long as someone waits for it.

    Dask forgets a task whose client is gone or cancelled it, but cannot end its thread.
    """
    from distributed import get_worker

    worker = get_worker()
    key, over, thread = worker.get_current_task(), threading.Event(), threading.get_ident()

    def watch() -> None:
        while not over.wait(LOOK):
            known = worker.state.tasks.get(key)
            if (known is None or known.state == "cancelled") and thread in IN_PROGRESS:
                IN_PROGRESS[thread].stop("nobody waits for it")

    threading.Thread(target=watch, daemon=True).start()
    try:
        return execute(task)
    finally:
        over.set()


@contextlib.contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
        from distributed.comm import resolve_address
    except ImportError as error:
        raise SchedulerError(
            "Dask isn't installed, which --scheduler needs. "
            "To mend it: python -m pip install slotscope[dask]"
        ) from error
    # What they tell of a lost connection is told here, in a sentence.
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("asyncio", "distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        resolve_address(address)  # of one that is none, a client complains twice, and slowly
        client = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise SchedulerError(
            f"The scheduler {address} can't be reached ({error}). Expected the address that `dask "
            "scheduler` shows, such as tcp://10.0.0.1:8786."
        ) from error
    with client:
        yield client
