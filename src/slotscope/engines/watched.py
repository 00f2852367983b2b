"""What watching asks of an engine: which callables to wrap, and what its optimizer holds.

There are two hook points. *Construction* is the optimizer's own methods: those in ``counted`` are
wrapped, and those of them in ``traced`` are asked whether a trace is under way. *Execution* is
whatever moves the step counter: the train function that ``maker`` makes, the methods in
``stepping`` that a custom loop calls, and the ``runners`` of every compiled function.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from slotscope.engines.available import Available
from slotscope.engines.meters.meter import Meter
from slotscope.engines.records import Identity, OptimizerVariable
from slotscope.errors import HandedOverError


def defining(cls: type, name: str) -> type:
    """The class, ``cls`` or a base of it, that defines the method ``name``."""
    return next(base for base in cls.__mro__ if name in vars(base))


def base_modules(obj: Any) -> set[str]:
    """The top-level packages that define the classes of ``obj``."""
    return {cls.__module__.partition(".")[0] for cls in type(obj).__mro__}


def steps_per_execution(model: Any) -> int:
    """How many steps one call of the train function may make; tf_keras keeps it in a variable."""
    steps = getattr(model, "steps_per_execution", 1)
    return int(steps.numpy()) if hasattr(steps, "numpy") else int(steps or 1)


class Watched(Available):
    """The half of an engine that ``slotscope.recording`` knows."""

    #: Method of the model that makes its train function; empty if ``runners`` suffice.
    maker: ClassVar[str] = "make_train_function"
    #: Whether ``fit`` runs what ``maker`` returns; else what it leaves in ``train_function``.
    takes_what_is_made: ClassVar[bool] = False
    #: Methods of the optimizer that are counted.
    counted: ClassVar[tuple[str, ...]]
    #: The one of them that makes the slots.
    constructor: ClassVar[str] = "build"
    #: Methods of the optimizer that make its slots. When one returns, no slot has moved.
    building: ClassVar[tuple[str, ...]] = ("build",)
    #: Those that make one slot each, within the former or, in an optimizer of one's own, anywhere.
    adding: ClassVar[tuple[str, ...]] = ()
    #: Whether variables can be read before each call that may step.
    reads_before_steps: ClassVar[bool] = True
    #: Whether a slot's handle stays the same from step to step, not only its object.
    keeps_handles: ClassVar[bool] = True
    #: Whether what :meth:`take` gives shares a variable's memory, so that a step writes elsewhere.
    shares_memory: ClassVar[bool] = False
    #: Whether ``fit`` sees layers as trainable as they were at ``compile``, whatever they are now.
    trains_as_compiled: ClassVar[bool] = False
    #: Whether a layer that is frozen stops moving at once, not only with the next compile.
    follows_trainable: ClassVar[bool] = False
    #: Whether a compiled function of a custom loop makes steps where no hook can see them.
    runs_unseen: ClassVar[bool] = False
    #: Those of ``counted`` that an optimizer may lack; that another one is not there is said.
    optional: ClassVar[tuple[str, ...]] = ()
    #: Those of them that, called eagerly by a custom loop, are one step.
    stepping: ClassVar[tuple[str, ...]] = ()
    #: Those of them that a trace of a train step calls, once each.
    traced: ClassVar[tuple[str, ...]] = ()

    # ---- whose model it is

    @classmethod
    @abstractmethod
    def owns(cls, model: Any, optimizer: Any) -> bool:
        """Whether ``model``, trained with ``optimizer`` (or None), is this engine's.

        Imports nothing.
        """

    @classmethod
    def compiling(cls) -> list[type]:
        """The classes whose ``compile`` every model of this engine runs.

        Imports nothing: none where its Keras has not been imported.
        """
        return []

    def trainer(self, model: Any) -> Any:
        """The object that holds ``train_function``; nearly always the model itself."""
        return model

    def takes_assigned(self, model: Any) -> bool:
        """Whether an optimizer that is assigned to ``model.optimizer`` trains from then on.

        Elsewhere the train function keeps the one that it was made with.
        """
        return True

    # ---- whether a release can be watched

    def asked(self, optimizer: Any, model: Any) -> dict[str, Any]:
        """Who is asked for private names before a watch, by what the list of them calls it."""
        shown = self.shows(optimizer)
        asked = {"an optimizer": optimizer, "a model": self.trainer(model)}
        return asked | ({"an optimizer variable": shown[0]} if shown else {})

    def uncounted(self, optimizer: Any) -> list[str]:
        """The methods that ``optimizer`` should have, to be counted, and has not."""
        expected = (name for name in self.counted if name not in self.optional)
        return [name for name in expected if not hasattr(optimizer, name)]

    # ---- what the optimizer holds

    def parts(self, optimizer: Any) -> Iterable[Any]:
        """``optimizer`` and the optimizers that it wraps, as loss scaling does."""
        return [optimizer]

    @abstractmethod
    def foreign(self, optimizer: Any, model: Any) -> bool:
        """Whether ``optimizer`` holds slots for parameters that are not ``model``'s."""

    @abstractmethod
    def variables(self, optimizer: Any, model: Any = None) -> list[OptimizerVariable]:
        """The variables that ``optimizer`` shows now, in its own order.

        Where ``model`` is given and its train function updates slots that the optimizer no
        longer shows, those come first.
        """

    @abstractmethod
    def iterations(self, optimizer: Any) -> Any:
        """The variable that counts steps, None as long as the optimizer has none."""

    def shows(self, optimizer: Any) -> list[Any]:
        """The variable objects in the optimizer's own list, without labels (cheap)."""
        return list(optimizer.variables)

    @abstractmethod
    def path(self, parameter: Any) -> str:
        """The path of a parameter, as ``OptimizerVariable`` gives it."""

    def counts_steps(self, optimizer: Any) -> bool:
        """Whether ``optimizer`` counts its steps in a variable, made already or not."""
        return self.iterations(optimizer) is not None

    def rate_variable(self, optimizer: Any) -> Any:
        """The variable that holds the learning rate, or None where a schedule gives it."""
        return None

    def rate_source(self, optimizer: Any) -> Any:
        """What :meth:`rates` needs to know of ``optimizer``, such as its schedule.

        A compiled step keeps the one that it was traced with, whatever is assigned later.
        """
        return None

    def rates(self, source: Any, held: np.ndarray, before: np.ndarray) -> np.ndarray:
        """The learning rates of some steps.

        Args:
            source: of :meth:`rate_source`, as it was then.
            held: float64 array (steps,): what :meth:`rate_variable` held at each; NaN if nothing.
            before: int64 array (steps,): the step counter before each.

        Returns:
            float64 array (steps,), NaN where nothing tells.
        """
        return held

    def hear_of_steps(
        self, model: Any, stepped: Callable[[str], None]
    ) -> Callable[[], None] | None:
        """Have ``stepped`` told of each step of an optimizer that is not Keras's.

        Args:
            model: whose parameters the optimizer steps.
            stepped: gets the class name of the optimizer.

        Returns:
            What stops that; None if the engine can tell of none.
        """
        return None

    # ---- values, and whose they are

    @abstractmethod
    def read(self, refs: Sequence[Any], state: Any = None) -> list[np.ndarray | None]:
        """Copies of the values of ``refs``; None for one that has no value yet.

        ``state`` is where the values are while a step runs, if not in the variables themselves: a
        session, or the arrays in flight. It is good for the step for which it was asked alone.
        """

    @abstractmethod
    def identify(self, ref: Any, state: Any = None) -> Identity:
        """What makes ``ref`` the variable that it is, right now."""

    def take(self, refs: Sequence[Any], state: Any = None) -> list[np.ndarray | None]:
        """As :meth:`read`, but perhaps without a copy: no later step changes what is given."""
        return self.read(refs, state)

    def state_before(self, optimizer: Any, args: tuple[Any, ...]) -> Any:
        """The state as it enters the train function, found in its arguments."""
        return None

    def state_after(self, optimizer: Any, result: Any) -> Any:
        """The state as it leaves the train function, found in its result."""
        return None

    def state_of(self, runner: Any) -> Any:
        """The state behind a call of one of :meth:`runners`; ``runner`` is its self."""
        return None

    def state_of_arrays(self, optimizer: Any, arrays: Sequence[Any]) -> Any:
        """The state in which the optimizer's variables hold ``arrays``, in its own order.

        Raises:
            HandedOverError: this engine's loops pass no state, or there are too few or too many.
        """
        raise HandedOverError(
            f"On the engine {self.name!r} steps are seen as they are made: recording.step is for"
            " loops over stateless_apply on JAX. Leave it out."
        )

    def at_rest(self) -> Any:
        """What :meth:`read` needs as ``state`` outside of any step."""
        return None

    def at_end(self) -> Any:
        """The same when a watch ends; nothing may be made or initialized for it."""
        return None

    # ---- steps

    def runners(self) -> list[tuple[Any, str]]:
        """Methods, as (class, name), through which compiled steps run, whoever calls them."""
        return []

    def meter(self, model: Any, measures: str, every: int) -> Meter | None:
        """What measures inside of ``model``'s train function; None if nothing can.

        Args:
            model: a compiled model.
            measures: a key of :data:`slotscope.engines.meters.statistics.MEASURES`.
            every: how many steps make a row.
        """
        return None

    # ---- compilers

    def trace(self, arguments: Any) -> Any:
        """The trace that is under way in a call with ``arguments``; None as long as ops run."""
        return None

    def convert(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function`` as it would be called here if no hook stood in between."""
        return function

    def mark(self, wrapper: Callable[..., Any]) -> Callable[..., Any]:
        """``wrapper``, told to the engine's own compilers as one to leave as it is."""
        return wrapper
