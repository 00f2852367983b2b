"""How much a check may use: a limit on processor time, not on a clock.

A check that computes for ever is stopped when it has used what it may. One that waits for ever uses
nothing, so it is recognised in another way: many looks in a row find all threads asleep, its own
and those of the processes that it started. A check that other work keeps from running has threads
that are ready to run, so it is not taken for one that waits.

What prepares a check (importing a framework, starting a process) is no part of it: it has a limit
of its own, is tried again where it fails, and a check that could not be prepared is undecided.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Protocol, TypeVar

from slotscope.engines.compile_time import compiled
from slotscope.processes.processor_time import TELLS_THREADS, Look, Usage

Result = TypeVar("Result")

#: A check that uses more than this many seconds of processor time hangs. The slowest uses a few.
TIME_LIMIT = 60.0
#: What importing a framework may use, or starting a process that does.
PREPARATION = 180.0
#: After this many checks had to be stopped, the rest are not run.
STOPPED_LIMIT = 3

#: Looks in a row at which nothing ran, before a program is said to wait.
LOOKS = 60
#: Seconds between two looks, at least and at most.
_SHORTEST, _LONGEST = 0.02, 1.0
#: A program that only polls whether it may go on runs at most this share of the time.
_POLLING = 0.05
#: Seconds in which processor time is counted; one of them may be of what came before.
_TICK = 0.015


class NotReadyError(Exception):
    """What a check needs could not be made ready, so it says nothing; the message says what."""


class Stopped(BaseException):
    """The limit is passed. Not an ``Exception``, which code that hangs might catch."""


def preparation(time_limit: float) -> float:
    """Seconds of processor time for preparing checks of which each may use ``time_limit``."""
    return max(PREPARATION, 3 * time_limit)


# ---- limits


class Limit(Protocol):
    """What a program is held to, by looking at it every ``interval`` seconds."""

    @property
    def interval(self) -> float:
        """Seconds between two looks."""

    def again(self) -> None:
        """Begin anew."""

    def passed(self) -> str:
        """What is wrong, in words; empty if the program is within its limit."""


class ProcessorTime:
    """So many seconds of processor time, and as many looks at which nothing ran.

    Attributes:
        seconds: how many may be used.
        looks: how many in a row may find that nothing runs.
        interval: seconds between two looks.
        used: seconds so far.
    """

    def __init__(
        self, seconds: float, usage: Usage, excused: Callable[[], float] = lambda: 0.0
    ) -> None:
        """
        Args:
            seconds: how many of processor time may be used; a wait may last as long, but at least
                :data:`LOOKS` looks.
            usage: looks at the program.
            excused: seconds so far that do not count.
        """
        self.seconds = seconds
        self.interval = min(_LONGEST, max(_SHORTEST, seconds / LOOKS))
        self.looks = max(LOOKS, round(seconds / self.interval))
        self._usage = usage
        self._excused = excused
        self.again()

    def again(self) -> None:
        self.used = 0.0
        self._excused_before = self._excused()
        self._slept = 0
        self._before: Look | None = None

    def count_from_now(self) -> None:
        """Begin to count here: what was used since the last look does not count."""
        self._before = self._usage.look()

    def passed(self) -> str:
        before, self._before = self._before, self._usage.look()
        if before is None:
            return ""
        ran = self._before.since(before)
        self.used += ran
        if self.used - (self._excused() - self._excused_before) >= self.seconds:
            return f"it hangs: it used {self.seconds:g} s of processor time"
        # Where it isn't known what a thread is doing, one that asks can't be told from one starved.
        asking = max(_POLLING * (self._before.at - before.at), _TICK) if TELLS_THREADS else 0.0
        waits = ran <= asking and self._usage.asleep()
        self._slept = self._slept + 1 if waits else 0
        if self._slept >= self.looks:
            return f"it waits: all of its threads slept at {self.looks} looks in a row"
        return ""


class Clock:
    """So many seconds on a clock: where a person set such a limit."""

    def __init__(self, seconds: float) -> None:
        """
        Args:
            seconds: how many may pass.
        """
        self.seconds = seconds
        self.interval = min(_LONGEST, seconds)
        self.again()

    def again(self) -> None:
        self._begin = time.monotonic()

    def passed(self) -> str:
        over = time.monotonic() - self._begin >= self.seconds
        return f"it hangs: no answer within {self.seconds:g} s" if over else ""


def processor_time(seconds: float) -> Callable[[int], ProcessorTime]:
    """A limit of processor time, for a process that is yet to be known by its number."""
    return lambda pid: ProcessorTime(seconds, Usage(pid))


def on_a_clock(seconds: float) -> Callable[[int], Clock]:
    """A limit on a clock, for a process that is yet to be known by its number."""
    return lambda pid: Clock(seconds)


# ---- in the process that runs checks


class _Watch(threading.Thread):
    """Looks at this process, and interrupts the main thread when a limit is passed.

    It looks from a thread of its own, so that nothing interrupts a check that is within its limit.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(daemon=True)
        self.said = ""
        self.deaf = False
        self.seconds = seconds
        self._usage = Usage()
        self.limit = ProcessorTime(seconds, self._usage, compiled)
        self._main = threading.get_ident()
        self._over = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> None:
        self._usage.leave_out = threading.get_native_id()
        while not self._over.wait(self.limit.interval):
            with self._lock:
                if self._over.is_set():
                    return
                self.said = self.said or self.limit.passed()
                if self.said:
                    signal.pthread_kill(self._main, signal.SIGALRM)
                else:
                    signs_of_life.within_limit()
            if self.said:  # again every second, in case that it was swallowed
                self._over.wait(_LONGEST)

    def stop(self) -> None:
        self._over.set()
        with self._lock:
            pass

    @contextlib.contextmanager
    def other(self, seconds: float) -> Iterator[None]:
        """Another limit inside of the block; what is used there does not count for this one."""
        with self._lock:
            kept = self.limit
            self.limit = ProcessorTime(seconds, self._usage)
        try:
            yield
        finally:
            self.deaf = True  # what is said from here on is too late
            with self._lock:
                kept.count_from_now()
                self.limit, self.said = kept, ""
            self.deaf = False


class SignsOfLife:
    """What is called at every look that finds the check within its limit.

    Attributes:
        within_limit: does nothing, unless this process is a worker. There it sends a sign to the
            process that watches it.
    """

    def __init__(self) -> None:
        self.within_limit: Callable[[], None] = lambda: None


#: Those of this process.
signs_of_life = SignsOfLife()
#: What looks at this process now.
_watches: list[_Watch] = []


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise :class:`Stopped` inside of the block when it has used ``seconds`` of processor time.

    Or when it waits. It comes again every second, in case that it was swallowed. Only Python code
    in the main thread can be stopped so, where threads can be sent signals (not on Windows);
    elsewhere there is no limit.
    """
    if not hasattr(signal, "pthread_kill") or not _in_main_thread():
        yield
        return
    running = True
    watch = _Watch(seconds)

    def stop(number: int, frame: FrameType | None) -> None:
        if running and watch.said and not watch.deaf:
            raise Stopped(watch.said)
        if callable(handler):  # somebody else's timer, pytest-timeout's for one
            handler(number, frame)

    handler = signal.signal(signal.SIGALRM, stop)
    watch.start()
    _watches.append(watch)
    try:
        yield
    finally:
        running = False
        _watches.remove(watch)
        watch.stop()
        signal.signal(signal.SIGALRM, handler)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


# ---- what prepares a check


@contextlib.contextmanager
def preparing() -> Iterator[None]:
    """What is used inside of the block does not count for a check; it has a limit of its own.

    Raises:
        NotReadyError: that one is passed.
    """
    if not _watches or not _in_main_thread():
        yield
        return
    try:
        with _watches[-1].other(preparation(_watches[-1].seconds)):
            yield
    except Stopped as error:
        raise NotReadyError(f"what prepares it is not ready: {error}") from error


def prepared(
    what: str, prepare: Callable[[], Result], failure: type[Exception] = Exception
) -> Result:
    """What ``prepare`` returns, tried again where it fails.

    Args:
        what: names in words what is prepared.
        prepare: begins anew when it is called again.
        failure: the exceptions after which it is tried again; any other is passed on.

    Raises:
        NotReadyError: it failed twice.
    """
    failures: list[Exception] = []
    while len(failures) < 2:
        try:
            with preparing():
                return prepare()
        except failure as error:
            failures.append(error)
    said = str(failures[-1]) or type(failures[-1]).__name__
    raise NotReadyError(f"{what} was not ready, tried twice: {said}") from failures[-1]
