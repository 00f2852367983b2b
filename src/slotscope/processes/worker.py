"""A process that answers questions, and may hang or die without taking others with it."""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.util import Finalize
from types import ModuleType, TracebackType
from typing import IO, Any, TypeVar, cast

from slotscope.processes.imported import UNTOLD, imported, imported_elsewhere
from slotscope.processes.limits import Limit, processor_time, signs_of_life

Result = TypeVar("Result")

#: What makes frameworks take an accelerator's memory as they need it, not most of it at the start:
#: the processes that are started here work side by side, and with the one that started them.
SHARING = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}

#: Lines of what a process wrote before it died.
_LAST_LINES = 12
#: Seconds of processor time, or of waiting, in which an idle process ends.
_END = 5.0
#: What a process sends that is within its limit.
_SIGN = "within its limit"


#: Whether a process is being started: the others wait, as that changes what all of them see.
_STARTING = threading.Lock()


class DiedError(Exception):
    """The process ended, or had to be; the message says how.

    Attributes:
        written: the last that it wrote.
        status: its exit status, as in ``Process.exitcode``; None if it had to be ended.
    """

    def __init__(self, message: str, written: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.written = written
        self.status = status


class LimitError(DiedError):
    """The process was killed, as it passed a limit without a sign."""


def sharing() -> dict[str, str]:
    """:data:`SHARING`, but as this process's environment has it where it has it."""
    return {name: os.environ.get(name, value) for name, value in SHARING.items()}


def serve(connection: Connection, log: str, folder: str) -> None:
    """Run the calls that arrive, until the connection closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other side hears it, and decides
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    file = open(log, "ab", buffering=0)  # noqa: SIM115 - for as long as the process lives
    with contextlib.suppress(OSError):  # both sides have it open; who is killed leaves nothing
        os.unlink(log)
    for descriptor in (1, 2):
        os.dup2(file.fileno(), descriptor)
    faulthandler.enable(file)
    os.chdir(folder)
    sys.path.insert(0, folder)
    os.environ.update(sharing())  # no framework is imported yet
    sending = threading.Lock()

    def send(message: Any) -> None:
        with sending, contextlib.suppress(BrokenPipeError):
            connection.send(message)

    signs_of_life.within_limit = functools.partial(send, _SIGN)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            function, args = connection.recv()
            try:
                answer = (True, function(*args))
            except Exception as error:
                answer = (False, error)
            send((*answer, imported()))


class Worker:
    """A process that answers questions; a new one starts when one is asked and none is there.

    One thread asks; another one may stop it meanwhile. It ends with this process at the latest.
    """

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._closed = False
        self._process: Any = None
        self._connection: Any = None
        self._log: IO[bytes] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closed = True
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether there is one."""
        return self._process is not None

    def ask(
        self,
        limit: Callable[[int], Limit] | None,
        function: Callable[..., Result],
        *args: Any,
    ) -> Result:
        """``function(*args)``, run there.

        Args:
            limit: makes the limit that the process is held to, from its number; each sign that the
                process gives begins it anew. None waits for ever.
            function: what to run.
            *args: passed on.

        Raises:
            LimitError: the limit was passed, and the process killed.
            DiedError: the process ended or was stopped.
            Exception: what the function raised.
        """
        with self._asking:
            if self._closed:
                raise DiedError("it was stopped")
            self._start()
            names = [UNTOLD]
            try:
                self._connection.send((function, args))
                good, value, names = self._answer(limit and limit(self._process.pid))
            except (EOFError, ConnectionError, OSError):
                self._join()
                code = self._process.exitcode
                said = f"its process ended: {ending(code)}"
                raise DiedError(said, self._stopped(), code) from None
            except BaseException:  # an answer that nobody waits for would be that to the next
                if self._process is not None:
                    self._stopped()
                raise
            finally:
                imported_elsewhere(names)
            if not good:
                raise value
            return cast(Result, value)

    def _answer(self, limit: Limit | None) -> tuple[bool, Any, list[str]]:
        """Whether the function returned, what it returned or raised, and what was imported."""
        while True:
            if self._connection.poll(limit and limit.interval):
                answer = self._connection.recv()
                if answer != _SIGN:
                    return cast(tuple[bool, Any, list[str]], answer)
                if limit is not None:
                    limit.again()
            elif limit is not None and (said := limit.passed()):
                raise LimitError(f"{said}, without a sign, and was killed", self._stopped())

    def _join(self) -> None:
        """Wait for the end of the process, as long as it does something for it."""
        limit = processor_time(_END)(self._process.pid)
        while self._process.is_alive() and not limit.passed():
            self._process.join(limit.interval)

    def stop(self) -> None:
        """End the process: one that is idle on its own, any other where it stands."""
        process = self._process
        if process is None:
            return
        if not self._asking.acquire(blocking=False):
            process.kill()  # whoever asks is told, and clears away
            return
        with contextlib.suppress(OSError):
            self._connection.close()
        self._join()
        self._stopped()
        self._asking.release()

    def _start(self) -> None:
        if self._process is not None:
            return
        descriptor, log = tempfile.mkstemp(suffix=".log")
        os.close(descriptor)
        self._log = open(log, "rb")  # noqa: SIM115 - closed in _stopped
        context = multiprocessing.get_context("spawn")
        self._connection, there = context.Pipe()
        # Not a daemon: those may have no children, and a check of two devices needs one.
        process = context.Process(target=serve, args=(there, log, os.getcwd()))
        with _STARTING, _deaf(), _without_main():
            process.start()
        there.close()
        # Also in a process that multiprocessing started, which would wait for this one.
        self._at_exit = Finalize(None, process.kill, exitpriority=10)
        self._process = process

    def _stopped(self) -> str:
        """Kill the process; the last that it wrote."""
        assert self._log is not None
        self._at_exit.cancel()
        self._process.kill()
        self._process.join()
        self._connection.close()
        self._log.seek(0)
        written = self._log.read().decode(errors="replace")
        self._log.close()
        with contextlib.suppress(OSError):  # it is gone, once the process has opened it
            os.unlink(self._log.name)
        self._process = self._connection = self._log = None
        return _telling(written.splitlines())


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """A process that starts within this hears no Ctrl-C before :func:`serve` ignores it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # to start it would end the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """A process that starts within this imports nothing of the program that starts it.

    A script without a guard would start itself again.
    """
    if multiprocessing.get_start_method() == "loky":  # which it would not know
        multiprocessing.set_start_method("spawn", force=True)
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _telling(lines: list[str]) -> str:
    """The lines that say where a process died, up to the check; else the last that it wrote."""
    starts = [n for n, line in enumerate(lines) if line.startswith("Fatal Python error")]
    if not starts:
        return "\n".join(lines[-_LAST_LINES:])
    found = lines[starts[-1] :]
    ends = [n for n, line in enumerate(found) if " in check_" in line]
    return "\n".join(found[: ends[0] + 1 if ends else _LAST_LINES])


def ending(code: int | None) -> str:
    """How a process ended, by its exit status as in ``Process.exitcode``."""
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):  # most signals for real time have no name
            return f"killed by {signal.Signals(-code).name}"
        return f"killed by signal {-code}"
    return f"exit code {code}"
