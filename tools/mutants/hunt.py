"""Holding one mutant to the checks until one of them sees it; runs in an engine's own process."""

from __future__ import annotations

import collections
import contextlib
import functools
import importlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import slotscope
from slotscope.checks.check import Item
from slotscope.checks.data.known_differences import applying, judged
from slotscope.checks.plan import plan_of
from slotscope.checks.runner import outcome_of
from slotscope.checks.selection import select
from slotscope.checks.subjects.given import builtin
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.themes import equivalences
from slotscope.checks.verdict import Outcome, Verdict
from slotscope.engines import Engine
from slotscope.processes.on_engine import on_two_devices
from tools.mutants.places import NoSuchPlaceError
from tools.mutants.splice import mutated
from tools.mutants.table import Mutant

KILLED, SURVIVED, LOST, STOPPED = "killed", "survived", "no such place", "stopped"

#: Checks that train in a process of their own, where no mutant is: what it did would look wrong.
ELSEWHERE = ("check_training_resumes_after_a_kill",)

#: The check that kills most.
LIKELY = "check_every_step_follows_the_rule[matrix]"

#: Seconds of processor time that one mutant may take, all checks together.
LIMIT = 600.0


@dataclass(frozen=True)
class Result:
    """What became of one mutant.

    Attributes:
        mutant: which.
        fate: ``killed``, ``survived``, ``no such place`` or ``stopped`` (by its limit).
        by: id of the check that killed it; empty otherwise.
        reason: what the check said, or why there is no place.
        seconds: of processor time that it took.
    """

    mutant: Mutant
    fate: str
    by: str = ""
    reason: str = ""
    seconds: float = 0.0

    @property
    def problem(self) -> str:
        """What is wrong with this result; empty if it is as it should be."""
        if self.fate == KILLED:
            return "listed as equivalent, and killed" if self.mutant.equivalent else ""
        if self.fate == SURVIVED:
            return "" if self.mutant.equivalent else "survived"
        return self.fate


#: How often each check killed, in this process, a mutant of the same place.
_kills: collections.Counter[tuple[str, str]] = collections.Counter()


def hunt(mutant: Mutant, hint: str = "", limit: float = LIMIT) -> Result:
    """Run the checks of the mutant's optimizer until one is violated that holds without it.

    Args:
        mutant: which.
        hint: id of the check that killed it last time, which then runs first.
        limit: seconds of processor time after which no further check is begun.
    """
    start = time.process_time()
    # Another subject than the plain one: what a check keeps of a subject is of no use to others.
    subject = _fresh(mutant.engine, mutant.optimizer)
    package = subject.engine.keras.__name__
    change = (package, mutant.place, mutant.operator, *mutant.arguments)
    for item in _ordered(subject, mutant, hint):
        if time.process_time() - start > limit:
            return Result(mutant, STOPPED, seconds=time.process_time() - start)
        try:
            with mutated(*change), _on_two_devices_too(change):
                outcome = _judged(subject, outcome_of(subject, item))
        except NoSuchPlaceError as error:
            return Result(mutant, LOST, reason=str(error))
        seen = outcome.verdict is Verdict.VIOLATED and not outcome.stopped
        if seen and _holds_without(subject, item):
            _kills[mutant.place, item.id] += 1
            spent = time.process_time() - start
            return Result(mutant, KILLED, item.id, outcome.reason[:300], spent)
    return Result(mutant, SURVIVED, seconds=time.process_time() - start)


def _fresh(engine: str, optimizer: str) -> Subject:
    return builtin(slotscope.engine(engine), optimizer)


_subject = functools.cache(_fresh)


@contextlib.contextmanager
def _on_two_devices_too(change: tuple[Any, ...]) -> Iterator[None]:
    """Let what a check runs in a process with two devices run on the mutant there, too."""

    def mutated_there(here: Engine, function: Callable[..., Any], *args: Any) -> Any:
        return on_two_devices(here, _with_mutant, change, function, args)

    with mock.patch.object(equivalences, "on_two_devices", mutated_there):
        yield


def _with_mutant(change: tuple[Any, ...], function: Callable[..., Any], args: Any) -> Any:
    importlib.import_module(change[0])
    with mutated(*change):
        return function(*args)


@functools.cache
def _items(engine: str, optimizer: str) -> dict[str, Item]:
    items = select(_subject(engine, optimizer))
    return {item.id: item for item in items if item.check.name not in ELSEWHERE}


def _ordered(subject: Subject, mutant: Mutant, hint: str) -> Iterator[Item]:
    """The likely killers first, the more words they have in common with the mutant."""
    items = _items(subject.engine.name, subject.name)
    learned = [id for (where, id), _ in _kills.most_common() if where == mutant.place][:2]
    about = _words(f"{mutant.id} {mutant.sentence}")
    near = sorted(items, key=lambda id: (-len(about & _words(id)), not items[id].quick))
    for id in dict.fromkeys([hint, LIKELY, *learned, *near]):
        if id in items:
            yield items[id]


def _words(text: str) -> set[str]:
    return set(re.findall("[a-z]{3,}", text.lower())) - {"check", "the", "and", "not"}


def _holds_without(subject: Subject, item: Item) -> bool:
    """Whether a check has nothing to say where there is no mutant."""
    return _plain(subject.engine.name, subject.name, item.id) is not Verdict.VIOLATED


@functools.cache
def _plain(engine: str, optimizer: str, item: str) -> Verdict:
    subject = _subject(engine, optimizer)
    return _judged(subject, outcome_of(subject, _items(engine, optimizer)[item])).verdict


def _judged(subject: Subject, outcome: Outcome) -> Outcome:
    plan = plan_of(subject, [])
    return judged(outcome, applying(plan), plan)
