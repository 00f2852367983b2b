"""Checks in processes of their own, which may hang or die without taking the run with them.

A process runs one check at a time. One that no longer answers is killed, and one that died is
noticed; the check that did it is recorded as violated, and another process goes on with the next.
"""

from __future__ import annotations

import contextlib
import functools
import shlex
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from slotscope.checking.check_optimizer import planned
from slotscope.checking.request import Request
from slotscope.checks.plan import Plan
from slotscope.checks.runner import given_up, outcome_of, record
from slotscope.checks.selection import select
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import Outcome, Planned, Verdict
from slotscope.engines import engine
from slotscope.processes.limits import (
    STOPPED_LIMIT,
    NotReadyError,
    preparation,
    prepared,
    processor_time,
)
from slotscope.processes.worker import DiedError, LimitError, Worker

Result = TypeVar("Result")

#: Seconds of processor time without a sign, beyond its time limit, after which a check reacts to
#: nothing.
GRACE = 20.0
#: A plan of fewer seconds is not worth another import of the framework.
SHORT = 20.0


# ---- in the process


def builtins(request: Request) -> list[str]:
    """Names of the built-in optimizers of the engine that is asked for."""
    return engine(request.engine).optimizer_names


@functools.lru_cache(maxsize=1)
def _subject(request: Request) -> Subject:
    return request.subject()


def describe(request: Request) -> Plan:
    """What will be run."""
    subject = _subject(request)
    return planned(subject, select(subject, **request.selection))


def outcome(request: Request, id: str) -> Outcome:
    """The outcome of one check."""
    subject = _subject(request)
    (item,) = select(subject, only=[id])
    return outcome_of(subject, item, request.time_limit)


# ---- on the other side


def loaded(process: Worker, request: Request, function: Callable[[Request], Result]) -> Result:
    """``function(request)`` in a process that imports what it needs; in another where that dies.

    Raises:
        NotReadyError: that one died or hung, too. What it says of a hang tells what to do.
        SlotscopeError: the request cannot be met.
    """
    seconds = preparation(request.time_limit)

    def load() -> Result:
        try:
            return process.ask(processor_time(seconds), function, request)
        except LimitError as error:
            hint = "with a larger --time-limit, loading may use and wait for three times as much"
            raise LimitError(f"{error} ({hint})", error.written) from None

    return prepared(request.target, load, DiedError)


def run_isolated(processes: Sequence[Worker], request: Request, plan: Plan) -> Iterator[Outcome]:
    """The outcome of every check of ``plan``, as they come.

    Where the plan is long, every process takes part: one works from its front, another from its
    back, so that what neighbours share is computed once.
    """
    waiting, done = deque(plan.items), SimpleQueue[Outcome | BaseException]()
    workers = processes if plan.seconds > SHORT else processes[:1]
    for number, process in enumerate(workers):
        take = waiting.pop if number % 2 else waiting.popleft
        work = functools.partial(_work, process, request, take, done)
        threading.Thread(target=work, daemon=True).start()
    stopped = 0
    try:
        for _ in plan.items:
            found = done.get()
            if isinstance(found, BaseException):
                raise found
            stopped += found.stopped
            yield found
            if stopped >= STOPPED_LIMIT:
                with contextlib.suppress(IndexError):
                    while True:
                        done.put(given_up(waiting.popleft()))
    finally:
        waiting.clear()


def _work(
    process: Worker,
    request: Request,
    take: Callable[[], Planned],
    done: SimpleQueue[Outcome | BaseException],
) -> None:
    while True:
        try:
            item = take()
        except IndexError:  # nothing is left
            return
        try:
            done.put(_outcome(process, request, item))
        except BaseException as error:
            done.put(error)
            return


def _outcome(process: Worker, request: Request, item: Planned) -> Outcome:
    try:
        if not process.alive:
            loaded(process, request, describe)
        limit = processor_time(request.time_limit + GRACE)
        return process.ask(limit, outcome, request, item.id)
    except NotReadyError as error:
        return record(item, Verdict.UNDECIDED, str(error))
    except DiedError as death:
        return record(
            item,
            Verdict.VIOLATED,
            str(death),
            example=command(request, item.id),
            crash=death.written,
            seconds=request.time_limit if isinstance(death, LimitError) else 0.0,
            stopped=True,
        )


def command(request: Request, id: str) -> str:
    """The command that runs one check again."""
    words = ["slotscope", "check", _anywhere(request.target)]
    if request.engine:
        words += ["--engine", request.engine]
    for name, value in request.settings:
        words += ["--set", f"{name}={value!r}"]
    if request.reference:
        words += ["--reference", _anywhere(request.reference)]
    return shlex.join([*words, "--only", id])


def _anywhere(place: str) -> str:
    """The same target, or reference, in words that do not depend on the current folder."""
    file, _, name = place.partition(":")
    return f"{Path(file).resolve()}:{name}" if file.endswith(".py") else place
