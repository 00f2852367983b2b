"""A training in another process, which is killed between two steps.

Importing a framework takes seconds. So one process for each engine imports it and does nothing
else; for every training it makes a copy of itself (``fork``), which trains, saves after each step
and then sends itself the signal that no process survives. Where the import opened an accelerator,
or the system doesn't say whether it did, a copy could not use it: the process trains itself, and
the next training gets another one.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

from slotscope.checks.problems import saving
from slotscope.checks.problems.saving import BEFORE, Course
from slotscope.checks.problems.steps import State
from slotscope.checks.subjects import config_arguments
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import NotApplicable
from slotscope.engines import Engine, engine
from slotscope.errors import SlotscopeError
from slotscope.kernels.server import forking
from slotscope.processes import on_engine
from slotscope.processes.limits import prepared

#: What that process tells first.
READY = "ready\n"

_PROGRAM = f"import sys; from {__name__} import serve; serve(*sys.argv[1:])"


def train_and_die(course: Course, format: str, folder: Path) -> State:
    """Train in a process that saves after each step and is killed after the last.

    Args:
        course: what is trained; its learning rate stays as it is.
        format: name of the format.
        folder: gets one folder for each step, named by its number.

    Returns:
        The state just before the end, as that process read it.

    Raises:
        NotApplicable: the optimizer cannot be sent to another process, or this system has no signal
            that ends one at once.
        NotReadyError: that process could not be made ready.
    """
    import cloudpickle

    if not hasattr(signal, "SIGKILL"):
        raise NotApplicable("this system has no signal that ends a process at once")
    home = course.subject.engine.fresh()
    optimizer = course.subject.make(home)
    with home.scope():
        config = config_arguments.plain(optimizer.get_config())
        task = (type(optimizer), config, course.of.builtin, format)
    try:
        (folder / "task").write_bytes(cloudpickle.dumps(task))
    except Exception as error:
        raise NotApplicable(f"it cannot be sent to another process: {error}") from None
    server = prepared(
        f"a process with {home.name}", functools.partial(_ready, home.name, *home.options)
    )
    ended = _ended(server, folder)
    if ended != str(-signal.SIGKILL) or not (folder / "state").exists():
        note = folder / "error"
        said = note.read_text("utf-8") if note.exists() else f"it ended with {ended!r}"
        raise SlotscopeError(f"the training in another process did not reach its end: {said}")
    state: State = cloudpickle.loads((folder / "state").read_bytes())
    return state


def _ready(*arguments: str) -> Any:
    """The process that has imported an engine's framework; another where that one has ended."""
    server = _server(*arguments)
    if server.poll() is not None:
        _server.cache_clear()
        server = _server(*arguments)
    return server


@functools.cache
def _server(*arguments: str) -> Any:
    """The process that has imported an engine's framework."""
    path = [place for place in sys.path if place]
    server = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **on_engine.sharing(), "PYTHONPATH": os.pathsep.join(path)},
    )
    try:
        assert server.stdout is not None
        told = server.stdout.readline()
        if told != READY:
            raise SlotscopeError(f"it ended before it was ready, and told {told!r}")
    except BaseException:  # also where it was taking too much time
        server.kill()
        raise
    atexit.register(_stop, server)
    return server


def _ended(server: Any, folder: Path) -> str:
    """How the training ended that a server was told of, by the exit code of its process."""
    ended = ""
    try:
        with contextlib.suppress(BrokenPipeError):  # its import failed
            server.stdin.write(f"{folder}\n")
            server.stdin.flush()
        ended = server.stdout.readline().strip() or str(server.wait())
    finally:
        if not ended or server.poll() is not None:  # nobody waits any more, or it trained itself
            server.kill()
            _server.cache_clear()
    return ended


def _stop(server: Any) -> None:
    with contextlib.suppress(BrokenPipeError):
        server.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(timeout=5)
    server.kill()


def serve(name: str, *options: str) -> None:
    """Import an engine's framework; for each folder that is named train, in a copy if possible."""
    home = engine(name, **dict(option.split("=") for option in options))
    _ = home.keras
    print(READY, end="", flush=True)
    for line in sys.stdin:
        child = os.fork() if _may_fork() else 0
        if not child:
            _train(home, Path(line.rstrip("\n")))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _may_fork() -> bool:
    try:
        return not forking.devices()
    except OSError:
        return False


def _train(home: Engine, folder: Path) -> None:
    try:
        import cloudpickle

        cls, config, builtin, name = cloudpickle.loads((folder / "task").read_bytes())
        subject = Subject(cls.__name__, home, lambda _: cls.from_config(dict(config)), builtin)
        course = Course(subject, "killed", subject, rate=False)
        format = saving.format_of(subject, name)
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
    finally:
        os._exit(1)
