"""Processor time: how much of it a process and those that it started used, and whether they wait.

A clock says nothing of a program: beside other work the same program takes ten times as long. What
it used of a processor stays what it is. Counted is the thread that ran most, from one look to the
next, and never more than passed on a clock meanwhile: so however many threads and processes compute
or spin side by side, a machine with many cores is no harder on a program than one with few.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import psutil

#: Whether this system says what each thread is doing.
TELLS_THREADS = bool(psutil.LINUX)
#: What a thread does that neither computes, nor would if it could, nor waits for a disk.
_ASLEEP = {psutil.STATUS_SLEEPING, psutil.STATUS_IDLE, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}


#: Seconds by which a process and its threads may differ, as each is rounded for itself.
_ROUNDING = 0.05


@dataclass(frozen=True)
class Look:
    """What a process and those that it started had used at one moment.

    Attributes:
        at: seconds on a monotonic clock.
        total: seconds of processor time, also of threads and processes that have ended.
        threads: seconds of each living thread, by the numbers of its process and its own.
    """

    at: float
    total: float
    threads: Mapping[tuple[int, int], float] = field(default_factory=dict)

    def since(self, before: Look) -> float:
        """Seconds that the thread which ran most has run since ``before``, never more than passed.

        What threads and processes ran that came and went in between counts as one thread.
        """
        ran = {key: seconds - before.threads.get(key, 0.0) for key, seconds in self.threads.items()}
        others = self.total - before.total - sum(ran.values())
        most = max([others if others > _ROUNDING else 0.0, *ran.values()])
        return max(0.0, min(self.at - before.at, most))


class Usage:
    """Looks at one process and those that it started."""

    def __init__(self, pid: int | None = None, leave_out: int = 0) -> None:
        """
        Args:
            pid: the pid of the process, by default this one.
            leave_out: the thread that does the looking, as the system numbers it.
        """
        self._process: psutil.Process | None = None
        with contextlib.suppress(psutil.NoSuchProcess):  # it may have ended already
            self._process = psutil.Process(pid)
        self.leave_out = leave_out

    def look(self) -> Look:
        """What was used up to now."""
        at, total, threads = time.monotonic(), 0.0, {}
        for process in self._processes():
            with contextlib.suppress(psutil.Error), process.oneshot():
                total += sum(process.cpu_times()[:4])  # its own, and of those it waited for
                for key, seconds in _threads(process):
                    threads[key] = seconds
        if self._process is not None:
            total -= threads.pop((self._process.pid, self.leave_out), 0.0)
        return Look(at, total, threads)

    def asleep(self) -> bool:
        """Whether no thread runs, or would if a processor were free, or waits for a disk.

        True if this system does not say, False if it does not tell this user.
        """
        processes = self._processes()
        if not TELLS_THREADS:
            return bool(processes)
        try:
            states = [state for process in processes for state in self._states(process)]
        except psutil.AccessDenied:
            return False
        return bool(states) and _ASLEEP.issuperset(states)

    def _processes(self) -> list[psutil.Process]:
        if self._process is not None:
            with contextlib.suppress(psutil.Error):
                return [self._process, *self._process.children(recursive=True)]
        return []

    def _states(self, process: psutil.Process) -> Iterator[str]:
        with contextlib.suppress(psutil.NoSuchProcess):
            for thread in process.threads():
                if thread.id != self.leave_out:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        yield psutil.Process(thread.id).status()  # on Linux a thread has one, too


def _threads(process: psutil.Process) -> list[tuple[tuple[int, int], float]]:
    try:
        found = process.threads()
    except psutil.AccessDenied:  # macOS tells of its own threads only
        times = process.cpu_times()
        return [((process.pid, 0), times.user + times.system)]
    return [((process.pid, thread.id), thread.user_time + thread.system_time) for thread in found]
