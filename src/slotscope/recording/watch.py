"""Watching a model train, without disturbing it.

Nothing is subclassed, no callback is added, no op is added to a graph. When the watch ends, by
whatever way, every attribute is what it was. What is hooked, and why a step is noticed, is in
:mod:`slotscope.recording.hooks`.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

from slotscope.engines import engine_classes, engine_of, private_names
from slotscope.engines.watched import Watched
from slotscope.errors import (
    AlreadyWatchedError,
    FolderInUseError,
    NotCompiledError,
    SlotscopeError,
    UnknownOptimizerError,
)
from slotscope.recording.found_optimizers import kept_optimizers
from slotscope.recording.hooks import Hooks
from slotscope.recording.patches import listen
from slotscope.recording.recorder import Recorder
from slotscope.recording.recording import Recording
from slotscope.recording.records import EventKind
from slotscope.recording.row_blocks import SpilledRows


class _FirstCompiled:
    """Stands for the first model that is compiled in the block."""

    def __repr__(self) -> str:
        return "the first that is compiled"


FIRST_COMPILED = _FirstCompiled()
_KEEP = (None, "values", "statistics", "norms")


def watch(
    model: Any = FIRST_COMPILED,
    *,
    every: int = 1,
    keep: str | None = None,
    optimizer: Any = None,
    to: str | PathLike[str] | None = None,
    buffers: bool = False,
) -> Watch | WatchOfTheFirstCompiled:
    """Record what ``model``'s optimizer builds and what happens to it at every step.

    Use it as a context manager; it yields the :class:`~slotscope.Recording`::

        with slotscope.watch(model) as recording:
            model.fit(x, y)

    ``fit``, ``train_on_batch`` and custom loops over ``apply_gradients`` or ``apply`` are seen
    alike. The run ends bit for bit where it would have ended unwatched.

    Args:
        model: a compiled model of any engine. Without one, the first model that is compiled in the
            block is watched from then on; its Keras must have been imported before.
        every: record a row whenever the step counter passes a multiple of this. Calls and events
            are always recorded.
        keep: ``"values"`` keeps the values of every optimizer variable, ``"statistics"`` the
            numbers of each, ``"norms"`` its L2 norm alone. By default values are kept while one
            step's state holds at most 100 000 numbers, else norms. Values are taken when the
            model's train function returns, which stays the one it has. Norms and statistics are
            taken inside of it, where the variables are: ``fit`` makes one anew for the watch, and
            after it the model has the one it had. So it is for values of a new model with
            ``steps_per_execution``.
        optimizer: another one than the model was compiled with, for a custom loop.
        to: a folder, new or empty, that gets the rows of norms or statistics in blocks, while the
            model trains; :func:`slotscope.load` and ``pandas.read_parquet`` read it. Without it,
            rows beyond 8192 go to a temporary folder.
        buffers: tell of each step where in memory the values were, on every engine that can; see
            :meth:`Recording.identity`. On TensorFlow they are read after each step then, which
            costs more. JAX and torch always tell it where values are kept.

    Raises:
        UnknownModelError: ``model`` is not a model of any engine.
        NotCompiledError: it has no optimizer; or, as the block ends, no model was compiled in it.
        UnknownOptimizerError: the optimizer does not show its variables.
        UnsupportedReleaseError: here, or on entering, if a framework lacks what a watch leans on.
        FolderInUseError: ``to`` holds something.
        AlreadyWatchedError: on entering, if the model's optimizer is being watched for it.
    """
    if not isinstance(every, Integral) or isinstance(every, bool) or every < 1:
        raise SlotscopeError(f"every={every!r} must be a whole number of steps, 1 or more.")
    if keep not in _KEEP:
        raise SlotscopeError(f"keep={keep!r} must be one of {_KEEP}.")
    if to is not None and keep not in ("norms", "statistics"):
        raise SlotscopeError(
            f'to={to!r} takes rows without values: say keep="norms" or "statistics".'
        )
    recording = Recording("", {}, "", int(every), keep=keep)
    recorder = Recorder(recording, keep, buffers=bool(buffers))
    started: Watch | WatchOfTheFirstCompiled
    if model is FIRST_COMPILED:
        started = WatchOfTheFirstCompiled(recorder)
    else:
        _ask(model, optimizer, recording)
        started = Watch(model, optimizer, recorder)
    if to is not None:
        recording.spill(_empty_folder(Path(to)))
    return started


def _ask(model: Any, optimizer: Any, recording: Recording) -> None:
    """See whether ``model`` can be watched, and write down whose it is."""
    engine: Watched = engine_of(model, optimizer)
    watched = getattr(model, "optimizer", None) if optimizer is None else optimizer
    if watched is None:
        kept = [f"model.{expression}" for expression, _ in kept_optimizers(engine, model)]
        those = f" It keeps {', '.join(kept)}." if kept else ""
        raise NotCompiledError(
            f"The model {_name(model)} is not compiled with an optimizer.{those} Compile it first,"
            f" or for a custom loop say which: slotscope.watch(model, optimizer="
            f"{kept[0] if kept else '...'})."
        )
    private_names.ask(engine.lineage(), {})  # what does not depend on the optimizer at hand
    try:
        engine.shows(watched)
    except (AttributeError, NotImplementedError, TypeError) as error:
        raise UnknownOptimizerError(
            f"{watched!r} is no optimizer whose variables the engine {engine.name!r} can show."
            " Expected one of its own optimizers, or a subclass."
        ) from error
    recording.engine, recording.versions = engine.name, engine.versions
    recording.optimizer = type(watched).__name__


def _empty_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FolderInUseError(
            f"{folder} holds something already. Expected a new or an empty folder, which gets the"
            " rows of one watch: choose another, or empty it."
        )
    return folder


def _name(model: Any) -> str:
    return repr(getattr(model, "name", model))


class _NoRecording:
    """Says what to write where something of the recording is asked of the watch."""

    def __getattr__(self, name: str) -> Any:
        if hasattr(Recording, name) or name in Recording.__dataclass_fields__:
            raise SlotscopeError(
                f"The recording, and its {name!r}, comes from the block: write"
                " `with slotscope.watch(model) as recording:` and train inside."
            )
        raise AttributeError(name)


class Watch(_NoRecording):
    """The context manager that :func:`watch` returns."""

    _active: ClassVar[dict[tuple[int, int], Watch]] = {}

    def __init__(self, model: Any, optimizer: Any, recorder: Recorder) -> None:
        self.model = model
        self.hooks = Hooks(model, optimizer, recorder)
        # Two optimizers that train one model may be watched side by side.
        self._key = (id(model), id(optimizer))
        self._spent = False

    def __enter__(self) -> Recording:
        if self._spent or self._key in self._active:
            raise AlreadyWatchedError(
                f"The model {_name(self.model)} is being watched already, or this watch has"
                " ended. Leave the first `with slotscope.watch(...)` block before you open another,"
                " and call slotscope.watch anew for each block."
            )
        self._spent = True
        self._active[self._key] = self
        try:
            self.hooks.attach()
            self._write()
        except BaseException:
            self._end()
            raise
        recording = self.hooks.recorder.recording
        recording.stepper, recording.fetch = self.hooks.hand_over, self.hooks.settle
        return recording

    def __exit__(self, *raised: Any) -> None:
        self._end()

    def _end(self) -> None:
        recording = self.hooks.recorder.recording
        recording.stepper = recording.fetch = None
        try:
            self.hooks.detach()
        finally:
            del self._active[self._key]
            self._write()

    def _write(self) -> None:
        """Have on disk what belongs there."""
        rows = self.hooks.recorder.recording.rows
        if isinstance(rows, SpilledRows):
            rows.write()


class WatchOfTheFirstCompiled(_NoRecording):
    """The context manager that :func:`watch` returns without a model."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._watch: Watch | None = None
        self._depth = 0
        self._stops: list[Callable[[], None]] = []

    def __enter__(self) -> Recording:
        classes = {kind for engine in engine_classes() for kind in engine.compiling()}
        self._stops = [listen(kind, "compile", self._compiled) for kind in classes]
        return self._recorder.recording

    def _compiled(self, proceed: Any, model: Any, /, *args: Any, **kwargs: Any) -> Any:
        self._depth += 1  # Keras 2.1's Sequential compiles a Model inside of it
        try:
            result = proceed(model, *args, **kwargs)
        finally:
            self._depth -= 1
        if self._depth:
            return result
        if self._watch is None:
            _ask(model, None, self._recorder.recording)
            self._watch = Watch(model, None, self._recorder)
            self._watch.__enter__()
            self._recorder.log.note(EventKind.COMPILED)
        elif model is not self._watch.model:
            self._recorder.log.note_again(
                EventKind.OTHER_MODEL,
                f"the model {_name(model)} was compiled too, and is not in this recording; to"
                " watch it, pass it: slotscope.watch(model)",
            )
        return result

    def _stop(self) -> None:
        while self._stops:
            self._stops.pop()()

    def __exit__(self, *raised: Any) -> None:
        self._stop()
        if self._watch is not None:
            self._watch.__exit__(*raised)
        elif raised[0] is None:
            raise NotCompiledError(
                "No model was compiled in the block of `slotscope.watch()`, so none was watched."
                " Import Keras before the block and compile the model in it, or pass the model:"
                " slotscope.watch(model)."
            )
