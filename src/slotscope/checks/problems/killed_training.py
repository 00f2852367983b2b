"""A training in another process, which is killed between two steps.

Importing a framework takes seconds. So one process for each engine imports it and does nothing
else; for every training it makes a copy of itself, which trains, saves after each step and then
sends itself the signal that no process survives.
"""

from __future__ import annotations

import functools
import os
import signal
import traceback
from pathlib import Path

import cloudpickle

from slotscope.checks.problems import saving
from slotscope.checks.problems.saving import BEFORE, Course
from slotscope.checks.problems.state import State
from slotscope.checks.subjects import config_arguments
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import LeftOut, NotApplicable
from slotscope.engines import Engine, engine
from slotscope.errors import SlotscopeError
from slotscope.processes.copies import in_a_copy
from slotscope.processes.limits import prepared
from slotscope.processes.worker import DiedError, Worker


def train_and_die(course: Course, format: str, folder: Path) -> State:
    """Train in a process that saves after each step and is killed after the last.

    Args:
        course: what is trained; its learning rate stays as it is.
        format: name of the format.
        folder: gets one folder for each step, named by its number.

    Returns:
        The state just before the end, as that process read it.

    Raises:
        NotApplicable: this system has no signal that ends a process at once.
        LeftOut: the optimizer cannot be sent to another process.
        NotReadyError: that process could not be made ready.
    """
    if not hasattr(signal, "SIGKILL"):
        raise NotApplicable("this system has no signal that ends a process at once")
    home = course.subject.engine.fresh()
    optimizer = course.subject.make(home)
    with home.scope():
        config = config_arguments.plain(optimizer.get_config())
        task = (type(optimizer), config, course.of.builtin, format)
    try:
        sent = cloudpickle.dumps(task)
    except Exception as error:
        raise LeftOut(f"it cannot be sent to another process: {error}") from None
    worker = prepared(f"a process with {home.name}", functools.partial(_ready, home))
    status: int | None
    try:
        status = worker.ask(None, in_a_copy, _train, home.name, home.options, sent, folder)
    except DiedError as death:  # it trained itself
        status = death.status
    if status != -signal.SIGKILL or not (folder / "state").exists():
        note = folder / "error"
        said = note.read_text("utf-8") if note.exists() else f"it ended with {status}"
        raise SlotscopeError(f"the training in another process did not reach its end: {said}")
    state: State = cloudpickle.loads((folder / "state").read_bytes())
    return state


def _ready(home: Engine) -> Worker:
    """The process that has imported an engine's framework; another where that one has ended."""
    worker = _worker(home.name, home.options)
    worker.ask(None, _import, home.name, home.options)
    return worker


@functools.cache
def _worker(name: str, options: tuple[str, ...]) -> Worker:
    return Worker()


# ---- in that process


@functools.cache
def _engine(name: str, options: tuple[str, ...]) -> Engine:
    return engine(name, **dict(option.split("=") for option in options))


def _import(name: str, options: tuple[str, ...]) -> None:
    _ = _engine(name, options).keras


def _train(name: str, options: tuple[str, ...], sent: bytes, folder: Path) -> None:
    try:
        cls, config, builtin, form = cloudpickle.loads(sent)
        home = _engine(name, options)
        subject = Subject(cls.__name__, home, lambda _: cls.from_config(dict(config)), builtin)
        course = Course(subject, "killed", subject, rate=False)
        format = saving.format_of(subject, form)
        fitted = course.start()
        for step in range(BEFORE):
            saving.train(fitted, step, step + 1)
            place = folder / str(step)
            place.mkdir()
            saving.save(fitted, format, place)
        (folder / "state").write_bytes(cloudpickle.dumps(fitted.state))
        os.kill(os.getpid(), signal.SIGKILL)
    except BaseException:
        (folder / "error").write_text(traceback.format_exc(), "utf-8")
