"""An executor of processes on this machine, any of which may be killed.

The pools of ``concurrent.futures`` and of loky end with every process of theirs when one dies, and
take runs of hours with them. Here each process has one thread that asks it: where a process dies,
its run fails with :class:`~slotscope.processes.worker.DiedError`, the others go on, and the next
run starts another one.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.util import Finalize
from queue import SimpleQueue
from typing import Any

from slotscope.processes.limits import on_a_clock, processor_time
from slotscope.processes.worker import DiedError, LimitError, Worker

#: Seconds of processor time that a new process may use before it answers.
START = 120.0
#: Seconds within which a process that was told to end has ended what it runs.
END = 10.0
#: Seconds in which what has begun to end, or to start, has done so: a pipe, a kernel.
MOMENT = 0.5


@dataclass(frozen=True)
class Work:
    """What the functions of an executor need of each of its processes; both are called there.

    Attributes:
        begin: makes a process ready; it gets the folder for temporary files.
        stop: ends what the functions have started.
    """

    begin: Callable[[str], None]
    stop: Callable[[], None]


def _nothing(*_folder: str) -> None:
    pass


NOTHING = Work(_nothing, _nothing)


# ---- in the process


def attend(work: Work, folder: str) -> int:
    """End this process, and what it starts, when its parent ends; return this pid.

    Args:
        work: what is done here.
        folder: where temporary files go; the parent removes it, or whoever outlives the parent.
    """
    signal.signal(signal.SIGTERM, functools.partial(_end, work))
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent, work, folder), daemon=True).start()
        # An idle process notices the end by itself, and may be gone before the thread.
        Finalize(None, _orphaned, (parent, work, folder), exitpriority=0)
    work.begin(folder)
    return os.getpid()


def _watch(parent: Any, work: Work, folder: str) -> None:
    parent.join()
    _clear(work, folder)
    os._exit(1)


def _orphaned(parent: Any, work: Work, folder: str) -> None:
    parent.join(MOMENT)
    if not parent.is_alive():
        _clear(work, folder)


def _clear(work: Work, folder: str) -> None:
    work.stop()
    time.sleep(MOMENT)  # something may have been about to start
    work.stop()
    shutil.rmtree(folder, ignore_errors=True)


def _end(work: Work, *_signal: Any) -> None:
    work.stop()
    os._exit(1)


# ---- on the other side


class SilentError(DiedError):
    """The process had to be killed: it did not even report that its time limit was passed."""

    kind = "time limit"


class LocalExecutor(Executor):
    """Runs functions in ``jobs`` processes, each on its own."""

    def __init__(self, jobs: int, patience: float | None = None, work: Work = NOTHING) -> None:
        """
        Args:
            jobs: how many processes.
            patience: seconds after which a process that does not answer is killed; None waits.
            work: what is done there.
        """
        self._processes = [Worker() for _ in range(jobs)]
        self._free: SimpleQueue[Worker] = SimpleQueue()
        for process in self._processes:
            self._free.put(process)
        self._threads = ThreadPoolExecutor(jobs)
        self._numbers: dict[Worker, int] = {}
        self._work, self._patience = work, patience
        self._folder = tempfile.TemporaryDirectory(prefix="slotscope-", ignore_cleanup_errors=True)
        self._ended = False

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand out a call, as ``Executor.submit`` does, without keyword arguments."""
        if kwargs:
            raise TypeError(f"unexpected arguments: {', '.join(kwargs)}")
        return self._threads.submit(self._ask, function, args)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End every process; what runs there, and its kernels, end where they stand."""
        self._ended = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._signal(signal.SIGTERM)
        # One that is deaf is not waited for.
        deaf = threading.Timer(END, self._signal, [getattr(signal, "SIGKILL", signal.SIGTERM)])
        deaf.start()
        self._threads.shutdown(wait=wait)
        deaf.cancel()
        for process in self._processes:
            process.__exit__(None, None, None)
        self._folder.cleanup()

    def _signal(self, number: int) -> None:
        for process in list(self._numbers.values()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def _ask(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        process = self._free.get()
        try:
            if not process.alive and not self._ended:
                self._numbers[process] = process.ask(
                    processor_time(START), attend, self._work, self._folder.name
                )
            if self._ended:
                raise DiedError("it was stopped")
            return self._answer(process, function, args)
        except DiedError:
            self._numbers.pop(process, None)
            raise
        finally:
            self._free.put(process)

    def _answer(self, process: Worker, function: Callable[..., Any], args: Any) -> Any:
        limit = None if self._patience is None else on_a_clock(self._patience)
        try:
            return process.ask(limit, function, *args)
        except LimitError as silent:
            raise SilentError(str(silent), silent.written) from None
