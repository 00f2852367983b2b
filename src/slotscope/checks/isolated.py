"""Checks in a process of their own, which may hang or die without taking the run with it.

The process runs one check at a time, when asked. One that reacts to nothing any more is killed, one
that died is noticed; the check that did it is recorded as violated, and another process goes on
with the next.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import multiprocessing
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from types import TracebackType
from typing import IO, Any, TypeVar, cast

from slotscope.checks.door import planned
from slotscope.checks.limits import STOPPED_LIMIT
from slotscope.checks.plan import Plan, Planned
from slotscope.checks.request import Request
from slotscope.checks.runner import given_up, outcome_of, record
from slotscope.checks.subject import Subject
from slotscope.checks.verdict import Outcome, Verdict
from slotscope.engines import engine

Result = TypeVar("Result")

#: Seconds that importing a framework and the optimizer's module may take.
START = 600.0
#: Seconds beyond its time limit after which a check reacts to nothing: it makes an example, too.
GRACE = 20.0

#: Lines of what a process wrote before it died.
_LAST_LINES = 12


class DiedError(Exception):
    """The process ended, or had to be; the message says how.

    Attributes:
        written: the last that it wrote.
    """

    def __init__(self, message: str, written: str = "") -> None:
        super().__init__(message)
        self.written = written


# ---- in the process


def builtins(request: Request) -> list[str]:
    """Names of the built-in optimizers of the engine that is asked for."""
    return engine(request.engine).optimizer_names


@functools.lru_cache(maxsize=1)
def _subject(request: Request) -> Subject:
    return request.subject()


def describe(request: Request) -> Plan:
    """What will be run."""
    return planned(_subject(request), **request.selection)


def outcome(request: Request, id: str) -> Outcome:
    """The outcome of one check."""
    from slotscope.checks import checks

    subject = _subject(request)
    name = id.partition("[")[0]
    found = [check for check in checks() if check.name == name]
    (item,) = [item for check in found for item in check.items(subject) if item.id == id]
    return outcome_of(subject, item, request.time_limit)


def serve(connection: Connection, log: str, folder: str) -> None:
    """Answer what is asked, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other side hears it, and decides
    file = open(log, "ab", buffering=0)  # noqa: SIM115 - for as long as the process lives
    for descriptor in (1, 2):
        os.dup2(file.fileno(), descriptor)
    faulthandler.enable(file)
    os.chdir(folder)
    sys.path.insert(0, folder)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            function, args = connection.recv()
            try:
                answer = (True, function(*args))
            except Exception as error:
                answer = (False, error)
            connection.send(answer)


# ---- on the other side


class Process:
    """A process that answers questions; a new one starts when one is asked and none is there."""

    def __init__(self) -> None:
        self._process: Any = None
        self._connection: Any = None
        self._log: IO[bytes] | None = None

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether there is one."""
        return self._process is not None

    def ask(self, timeout: float, function: Callable[..., Result], *args: Any) -> Result:
        """``function(*args)``, run there.

        Raises:
            DiedError: no answer came in ``timeout`` seconds, or the process ended.
            Exception: what the function raised.
        """
        self._start()
        try:
            self._connection.send((function, args))
            answered = self._connection.poll(timeout)
            good, value = self._connection.recv() if answered else (False, DiedError("hangs"))
        except (EOFError, ConnectionError, OSError):
            self._process.join(5)
            code = self._process.exitcode
            raise DiedError(f"its process ended: {_ending(code)}", self._stopped()) from None
        if not answered:
            written = self._stopped()
            raise DiedError(f"it hangs: killed after {timeout:g} s without a sign", written)
        if not good:
            raise value
        return cast(Result, value)

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        if self._process is not None:
            self._stopped()

    def _start(self) -> None:
        if self._process is not None:
            return
        self._log = tempfile.NamedTemporaryFile(suffix=".log")  # noqa: SIM115 - closed in _stopped
        context = multiprocessing.get_context("spawn")
        self._connection, there = context.Pipe()
        self._process = context.Process(
            target=serve, args=(there, self._log.name, os.getcwd()), daemon=True
        )
        self._process.start()
        there.close()

    def _stopped(self) -> str:
        """Kill the process; the last that it wrote."""
        assert self._log is not None
        self._process.kill()
        self._process.join()
        self._connection.close()
        self._log.seek(0)
        written = self._log.read().decode(errors="replace")
        self._log.close()
        self._process = self._connection = self._log = None
        return _telling(written.splitlines())


def _telling(lines: list[str]) -> str:
    """The lines that say where a process died, up to the check; else the last that it wrote."""
    starts = [n for n, line in enumerate(lines) if line.startswith("Fatal Python error")]
    if not starts:
        return "\n".join(lines[-_LAST_LINES:])
    found = lines[starts[-1] :]
    ends = [n for n, line in enumerate(found) if " in check_" in line]
    return "\n".join(found[: ends[0] + 1 if ends else _LAST_LINES])


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def run_isolated(process: Process, request: Request, plan: Plan) -> Iterator[Outcome]:
    """The outcome of every check of ``plan``, as they come."""
    stopped = 0
    for item in plan.items:
        if stopped >= STOPPED_LIMIT:
            yield given_up(item)
            continue
        found = _outcome(process, request, item)
        stopped += found.stopped
        yield found


def _outcome(process: Process, request: Request, item: Planned) -> Outcome:
    try:
        if not process.alive:
            process.ask(START, describe, request)
        return process.ask(request.time_limit + GRACE, outcome, request, item.id)
    except DiedError as death:
        return record(
            item,
            Verdict.VIOLATED,
            str(death),
            example=command(request, item.id),
            crash=death.written,
            seconds=request.time_limit if "hangs" in str(death) else 0.0,
            stopped=True,
        )


def command(request: Request, id: str) -> str:
    """The command that runs one check again."""
    words = ["slotscope", "check", request.target]
    if request.engine:
        words += ["--engine", request.engine]
    for name, value in request.settings:
        words += ["--set", f"{name}={value!r}"]
    if request.reference:
        words += ["--reference", request.reference]
    return shlex.join([*words, "--only", id])
