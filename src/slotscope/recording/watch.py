"""Watching a model train, without disturbing it.

Two halves, as in the optimizers themselves. *Construction*: the optimizer's own methods are
wrapped on the instance and counted. *Execution*: a step is whatever moves the optimizer's step
counter, and the counter is looked at when a callable through which steps run returns: the model's
train function, an eager ``apply``, any compiled function of a custom loop.

Nothing is subclassed, no callback is added, no op is added to a graph. When the watch ends, by
whatever way, every attribute is what it was.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, ClassVar

from slotscope.engines import Engine, engine_of
from slotscope.errors import AlreadyWatchedError, NotCompiledError, SlotscopeError
from slotscope.recording.patches import listen, original_of
from slotscope.recording.recorder import Recorder
from slotscope.recording.recording import Recording

_KEEP = (None, "values", "statistics")
#: Methods of an optimizer that a trace of a train step calls, once each.
_TRACED = ("apply_gradients", "apply", "stateless_apply")


def watch(model: Any, *, every: int = 1, keep: str | None = None, optimizer: Any = None) -> Watch:
    """Record what ``model``'s optimizer builds and what happens to it at every step.

    Use it as a context manager; it yields the :class:`~slotscope.Recording`::

        with slotscope.watch(model) as recording:
            model.fit(x, y)

    ``fit``, ``train_on_batch`` and custom loops over ``apply_gradients`` or ``apply`` are seen
    alike. The run ends bit for bit where it would have ended unwatched.

    Args:
        model: a compiled model of any engine.
        every: record a row whenever the step counter passes a multiple of this. Calls and events
            are always recorded.
        keep: ``"values"`` keeps the values of every optimizer variable, ``"statistics"`` only six
            numbers of each; by default values are kept while one step's state holds at most
            100 000 numbers.
        optimizer: for a custom loop with a model that was never compiled.

    Raises:
        UnknownModelError: ``model`` is not a model of any engine.
        NotCompiledError: it has no optimizer.
        AlreadyWatchedError: on entering, if the model is being watched.
    """
    if not isinstance(every, int) or every < 1:
        raise SlotscopeError(f"every={every!r} must be a whole number of steps, 1 or more.")
    if keep not in _KEEP:
        raise SlotscopeError(f"keep={keep!r} must be one of {_KEEP}.")
    engine = engine_of(model, optimizer)
    if optimizer is None and getattr(model, "optimizer", None) is None:
        raise NotCompiledError(
            f"The model {getattr(model, 'name', model)!r} has no optimizer to watch. Compile it"
            " first, or for a custom loop pass optimizer=... ."
        )
    return Watch(model, engine, every, keep, optimizer)


class Watch:
    """The context manager that :func:`watch` returns."""

    _active: ClassVar[dict[int, Any]] = {}

    def __init__(
        self, model: Any, engine: Engine, every: int, keep: str | None, optimizer: Any
    ) -> None:
        self.model = model
        self.engine = engine
        self.optimizer = None
        self._given = optimizer
        cls = type(optimizer if optimizer is not None else model.optimizer)
        self.recording = Recording(engine.name, engine.versions, cls.__name__, every)
        self.recorder = Recorder(self.recording, keep)
        self._stops: list[Any] = []
        self._stop_train: Any = None
        self._hooked: list[Any] = []
        self._in_optimizer = 0
        self._in_step = 0
        self._in_own_step = False
        self._shared = False
        self._spent = False

    def __enter__(self) -> Recording:
        if self._spent or id(self.model) in self._active:
            raise AlreadyWatchedError(
                f"The model {getattr(self.model, 'name', self.model)!r} is being watched already,"
                " or this watch has ended. Leave the first `with slotscope.watch(...)` block"
                " before you open another, and call slotscope.watch anew for each block."
            )
        self._spent = True
        self._active[id(self.model)] = self.model
        try:
            self._attach()
        except BaseException:
            self._detach()
            raise
        return self.recording

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._detach()

    def __getattr__(self, name: str) -> Any:
        if hasattr(Recording, name) or name in Recording.__dataclass_fields__:
            raise SlotscopeError(
                f"The recording, and its {name!r}, comes from the block: write"
                " `with slotscope.watch(model) as recording:` and train inside."
            )
        raise AttributeError(name)

    # ---- hooks

    def _attach(self) -> None:
        self._listen(self.model, "compile", self._compiled)
        trainer = self.engine.trainer(self.model)
        if self.engine.maker:
            self._listen(trainer, self.engine.maker, self._made)
            self._hook_train_function()
        self._follow_optimizer(cause=None)
        for total in ("slots created", "traces", "steps"):
            self.recording.counts.setdefault(total, 0)
        for owner, name in self.engine.runners():
            self._listen(owner, name, self._ran)

    def _detach(self) -> None:
        while self._stops:
            self._stops.pop()()
        self._active.pop(id(self.model), None)

    def _listen(self, owner: Any, name: str, listener: Any, **options: Any) -> None:
        self._stops.append(listen(owner, name, listener, **options))

    def _follow_optimizer(self, cause: str | None) -> None:
        """Watch the optimizer that the model has now."""
        optimizer = self._given if self._given is not None else self.model.optimizer
        if optimizer is self.optimizer or optimizer is None:
            return
        self.optimizer = optimizer
        self.recorder.iterations = None
        self.engine = engine_of(self.model, optimizer)
        for part in self.engine.parts(optimizer):
            if not any(part is hooked for hooked in self._hooked):
                self._hooked.append(part)
                self._hook_optimizer(part)
        self._look(cause)
        self._read_initial(None)

    def _hook_optimizer(self, optimizer: Any) -> None:
        engine = self.engine
        for name in engine.counted:
            if hasattr(optimizer, name):
                self.recording.counts.setdefault(name, 0)
                listener = functools.partial(self._called, name)
                self._listen(optimizer, name, listener, convert=engine.convert, mark=engine.mark)

    def _hook_train_function(self) -> None:
        trainer = self.engine.trainer(self.model)
        function = vars(trainer).get("train_function")
        if function is not None and original_of(trainer, "train_function") is function:
            self._listen(trainer, "train_function", self._train)
            self._stop_train = self._stops[-1]

    def _unhook_train_function(self) -> None:
        """Let go of an earlier compile's: while it lives, JAX runs its trace for the new one."""
        if self._stop_train is not None:
            self._stops.remove(self._stop_train)
            self._stop_train()
            self._stop_train = None

    # ---- what the hooks do

    def _compiled(self, proceed: Any, /, *args: Any, **kwargs: Any) -> Any:
        result = proceed(*args, **kwargs)
        self.recorder.event("compiled")
        self._follow_optimizer("compile")
        return result

    def _made(self, proceed: Any, /, *args: Any, **kwargs: Any) -> Any:
        if vars(self.engine.trainer(self.model)).get("train_function") is None:
            self._unhook_train_function()
        result = proceed(*args, **kwargs)
        self._hook_train_function()
        function = vars(self.engine.trainer(self.model))["train_function"]
        return None if result is None else function

    def _called(self, name: str, proceed: Any, /, *args: Any, **kwargs: Any) -> Any:
        """A method of the optimizer was called."""
        self.recording.counts[name] += 1
        outermost = not self._in_optimizer
        if outermost:
            self._note_other_model()
        trace = self._note_trace(args) if outermost and name in _TRACED else None
        self._in_optimizer += 1
        try:
            result = proceed(*args, **kwargs)
        finally:
            self._in_optimizer -= 1
        if outermost:
            self._look(name)
            self._read_initial(None)
            if name in self.engine.stepping and not self._in_step and trace is None:
                self._step(None, certain=False)
        return result

    def _train(self, proceed: Any, /, *args: Any, **kwargs: Any) -> Any:
        """The model's train function was called."""
        if self._in_step:
            return proceed(*args, **kwargs)
        self._follow_optimizer("assignment")
        context = self.engine.before(self.optimizer, args)
        self._read_initial(context)
        with self._step_even_if_it_raises(None):
            result = self._run(True, proceed, *args, **kwargs)
        self._step(self.engine.after(self.optimizer, result), certain=True)
        return result

    def _ran(self, proceed: Any, runner: Any, /, *args: Any, **kwargs: Any) -> Any:
        """A compiled function, of this model or of anyone, was called."""
        if self._in_step or self._in_optimizer or self.engine.trace(()) is not None:
            return proceed(runner, *args, **kwargs)
        own = runner is getattr(self.engine.trainer(self.model), "train_function", None)
        context = self.engine.finds(runner)
        if own:
            self._follow_optimizer("assignment")
        if own or self.recorder.iterations is None:
            self._read_initial(context)
        with self._step_even_if_it_raises(context):
            result = self._run(own, proceed, runner, *args, **kwargs)
        if self._step(context, certain=own) and not own:
            self._note_other_model()
        return result

    @contextlib.contextmanager
    def _step_even_if_it_raises(self, context: Any) -> Iterator[None]:
        """A function that ran out of data has made the steps before: Keras 3.0 ends epochs so."""
        try:
            yield
        except Exception:
            self._step(context, certain=False)
            raise

    def _run(self, own: bool, proceed: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run a step, the model's own or perhaps another's."""
        self._in_own_step = own
        try:
            return self._unwatched(proceed, *args, **kwargs)
        finally:
            self._in_own_step = False

    def _unwatched(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what may itself run through hooks: a step, or a read of the recorder's own."""
        self._in_step += 1
        try:
            return function(*args, **kwargs)
        finally:
            self._in_step -= 1

    def _step(self, context: Any, *, certain: bool) -> bool:
        self._look("a step")
        longest = _whole(getattr(self.model, "steps_per_execution", 1))
        return self._unwatched(
            self.recorder.step,
            self.engine,
            self.optimizer,
            context,
            certain=certain,
            longest=longest,
        )

    def _read_initial(self, context: Any) -> None:
        self._unwatched(self.recorder.read_initial, self.engine, self.optimizer, context)

    def _look(self, cause: str | None) -> None:
        changed = self.recorder.look(self.engine, self.optimizer, self.model, cause)
        if changed and self.engine.foreign(self.optimizer, self.model):
            self._note_shared("it holds slots for the parameters of another model")

    def _note_trace(self, args: Any) -> Any:
        trace = self.engine.trace(args)
        if trace is not None:
            self.recording.counts["traces"] += 1
            self.recorder.event("traced")
        return trace

    def _note_other_model(self) -> None:
        if not self._in_own_step and not self._shared:
            own = (self.model, self.engine.trainer(self.model))
            other = _user_on_the_stack(self.optimizer, own)
            if other is not None:
                name = getattr(other, "name", type(other).__name__)
                self._note_shared(f"the model {name!r} uses it too")

    def _note_shared(self, detail: str) -> None:
        if not self._shared:
            self._shared = True
            self.recorder.event("shared", detail)


def _whole(steps: Any) -> int:
    """``steps_per_execution`` as a number; tf_keras keeps it in a variable."""
    return int(steps.numpy()) if hasattr(steps, "numpy") else int(steps or 1)


def _user_on_the_stack(optimizer: Any, own: tuple[Any, ...]) -> Any:
    """A model further up the call stack, not in ``own``, whose optimizer this is."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        caller = frame.f_locals.get("self")
        if caller is not None and not any(caller is known for known in own):
            uses_it = inspect.getattr_static(caller, "optimizer", None) is optimizer
            if uses_it and hasattr(type(caller), "fit"):
                return caller
        frame = frame.f_back
    return None
