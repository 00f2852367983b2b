"""Running a function on an engine, in this process where that is possible.

Keras 3 has one backend a process. Where this process already runs another one, the function runs
in a worker process of its own (by loky, which also carries functions defined in a notebook),
kept for the next call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from multiprocessing.util import Finalize
from typing import Any, TypeVar

from slotscope.engines import ENGINES, Engine, Status, engine, engine_classes
from slotscope.engines.available import installed
from slotscope.engines.importing import tensorflow
from slotscope.processes.imported import UNTOLD, imported, imported_elsewhere
from slotscope.processes.worker import sharing

Result = TypeVar("Result")

#: Environment variables, hashable.
Environment = tuple[tuple[str, str], ...]

#: Worker processes, by what they are for and their environment.
_EXECUTORS: dict[tuple[str, Environment], Any] = {}

#: Seconds after which a worker that has nothing to do ends; the next call starts it again.
IDLE = 600


def on_engine(name: str, function: Callable[..., Result], *args: Any) -> Result:
    """``function(engine, *args)`` with the engine called ``name``.

    The first engine on Keras 3 that a process runs settles the backend of that process.

    Args:
        name: one of the engines.
        function: takes an :class:`~slotscope.engines.Engine` first. What it takes and returns
            must be picklable: recordings, arrays and tables are, models are not.
        *args: passed on.

    Raises:
        UnknownEngineError: there is no engine of this name.
        EngineUnavailableError: it cannot run in this environment.
    """
    return on_engines(lambda engine: function(engine, *args), [name])[name]


def on_engines(
    function: Callable[..., Result], names: Iterable[str] | None = None
) -> dict[str, Result]:
    """``function(engine)`` on each of ``names``, by default every engine: {name: result}.

    The worker processes are at it while this process runs the engines that it can.

    Raises:
        UnknownEngineError: there is no engine of one of these names.
        EngineUnavailableError: one cannot run in this environment.
    """
    names = list(ENGINES if names is None else names)
    waiting = {
        name: _worker(name, environment).submit(_told, _run, name, function)
        for name, environment in _elsewhere(names).items()
    }
    names_here = [name for name in names if name not in waiting]
    # TensorFlow imports Keras 3, on the backend that the environment names: it is settled first.
    for name in names_here:
        if name in _choosy():
            _ = engine(name).keras
    here = {name: _run(name, function) for name in names_here}
    return {name: here[name] if name in here else _result(waiting[name]) for name in names}


def on_two_devices(here: Engine, function: Callable[..., Result], *args: Any) -> Result:
    """``function(*args)`` in a worker process, where models are made and trained on two devices.

    Args:
        here: an engine that has :attr:`~slotscope.engines.Engine.two_devices`.
        function: takes and returns what is picklable.
        *args: passed on.
    """
    worker = _worker(*_two_devices(here))
    answer: Result = _result(worker.submit(_told, _run_on_two, here.name, function, args))
    return answer


def ready_two_devices(here: Engine) -> None:
    """Start the process of :func:`on_two_devices`, and wait until it has imported its framework.

    Where that fails, or is interrupted, the process is ended: the next call starts another one.
    """
    worker = _worker(*_two_devices(here))
    try:
        worker.submit(_run, here.name, _imported).result()
    except BaseException:
        _dismiss(*_two_devices(here))
        raise


def _two_devices(here: Engine) -> tuple[str, Environment]:
    assert here.two_devices is not None
    return "two devices", tuple(sorted(here.two_devices.environment.items()))


def _imported(there: Engine) -> str:
    return there.keras.__name__


def _run_on_two(name: str, function: Callable[..., Result], args: tuple[Any, ...]) -> Result:
    there = engine(name)
    assert there.two_devices is not None
    with there.two_devices.scope(there):
        return function(*args)


def _choosy() -> dict[str, Environment]:
    """The engines that don't run in any process, each with the environment of one in which it does.

    A process has one backend of Keras 3.
    """
    asked = {cls.name: cls.process_environment() for cls in engine_classes()}
    return {name: tuple(variables.items()) for name, variables in asked.items() if variables}


def _elsewhere(names: Iterable[str]) -> dict[str, Environment]:
    """The names that need another process: this one has, or will get, what one of them asks for."""
    choosy = _choosy()
    status = {cls.name: cls.status() for cls in engine_classes()}
    able = [name for name in names if name in choosy and _can_run(status[name])]
    here = next((choosy[name] for name in able if status[name].available), None)
    return {name: choosy[name] for name in able if choosy[name] != here}


def _can_run(status: Status) -> bool:
    return status.available or status.elsewhere


def _run(name: str, function: Callable[..., Result]) -> Result:
    return function(engine(name))


def _told(function: Callable[..., Result], *args: Any) -> tuple[Result, list[str]]:
    """What a function returns, in a worker process, and what that process has imported."""
    return function(*args), imported()


def _result(future: Any) -> Any:
    """What a worker process returns, whose modules are remembered."""
    names = [UNTOLD]
    try:
        value, names = future.result()
    finally:
        imported_elsewhere(names)
    return value


def _worker(name: str, environment: Environment) -> Any:
    """The worker process of one engine, or of all that need the same environment."""
    import loky

    if not _EXECUTORS:
        # Also in a process that multiprocessing started, which would wait for them.
        Finalize(None, stop_workers, exitpriority=10)
    if (name, environment) not in _EXECUTORS:
        _EXECUTORS[name, environment] = loky.ProcessPoolExecutor(
            max_workers=1,
            timeout=IDLE,
            initializer=_import_tensorflow,
            env={**sharing(), **dict(environment)},
        )
    return _EXECUTORS[name, environment]


def _import_tensorflow() -> None:
    """Import what Keras imports later, to seed: loky would take the memory for a leak then."""
    if installed("tensorflow"):
        tensorflow()


def _dismiss(name: str, environment: Environment) -> None:
    """End a worker process, whatever it is doing."""
    _EXECUTORS.pop((name, environment)).shutdown(kill_workers=True)


def stop_workers() -> None:
    """End every worker process, whatever it is doing."""
    while _EXECUTORS:
        _dismiss(*next(iter(_EXECUTORS)))
