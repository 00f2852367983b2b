"""What every engine answers: is it here, how is it used, and what does its optimizer hold?

An *engine* is one way Keras runs an optimizer. The rest of the package never asks which one it
has: it calls the methods below. To add an engine, write one file with a subclass of
:class:`Engine` and add one line to the table in ``engines/__init__.py``.

Three groups of members:

* *availability*: :meth:`Engine.status` looks at installed distributions and imports nothing;
* *use*: :attr:`Engine.keras`, :meth:`Engine.scope`, :meth:`Engine.optimizer`, for code that is
  written once and runs on every engine;
* *watching*: which callables to wrap, which variables an optimizer holds, how to read them.
"""

from __future__ import annotations

import collections
import contextlib
import difflib
import functools
import importlib.metadata
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from slotscope.engines.driving import programs
from slotscope.engines.meters.meter import Meter
from slotscope.engines.records import (
    Gradient,
    Identity,
    OptimizerVariable,
    SparseGradient,
    Status,
)
from slotscope.errors import EngineUnavailableError, UnknownEngineError, UnknownOptimizerError

if TYPE_CHECKING:
    from slotscope.engines.driving.devices import Devices
    from slotscope.engines.driving.formats import Format
    from slotscope.engines.driving.loops import Loop
    from slotscope.engines.driving.programs import Program

__all__ = ["Engine", "Gradient", "Identity", "OptimizerVariable", "SparseGradient", "Status"]


def installed(*distributions: str) -> dict[str, str]:
    """The versions of those distributions that are installed, without importing them."""
    found = {}
    for name in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = _version(name)
    return found


#: Kept, since it takes 10 ms: what was found stays, what was not is looked for again.
_version = functools.cache(importlib.metadata.version)


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Keep the C++ log lines of a framework's import away from notebooks and terminals.

    They carry a time and a process id, and no environment variable silences all of them, so
    file descriptor 2 points to the null device while the import runs.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def base_modules(obj: Any) -> set[str]:
    """The top-level packages that define the classes of ``obj``."""
    return {cls.__module__.partition(".")[0] for cls in type(obj).__mro__}


def unique_paths(paths: Iterable[str]) -> list[str]:
    """``paths``, where one that comes again is numbered from its second appearance on."""
    seen: collections.Counter[str] = collections.Counter()
    unique = []
    for path in paths:
        seen[path] += 1
        unique.append(path if seen[path] == 1 else f"{path}#{seen[path]}")
    return unique


def named(arrays: Sequence[np.ndarray], names: Sequence[str]) -> Iterator[tuple[np.ndarray, str]]:
    """Each array with its name, by default ``p0``, ``p1``, ..."""
    return zip(arrays, names or [f"p{n}" for n in range(len(arrays))], strict=True)


class Engine(ABC):
    """One way Keras runs an optimizer; see the module's docstring."""

    name: ClassVar[str]
    #: The generation of Keras whose optimizers it runs, as the rules know it.
    generation: ClassVar[str]
    #: Distributions that must be installed.
    requires: ClassVar[tuple[str, ...]]
    #: The extra of slotscope that brings them.
    extra: ClassVar[str]
    #: Method of the model that makes its train function; empty where ``runners`` suffice.
    maker: ClassVar[str] = "make_train_function"
    #: Methods of the optimizer that are counted.
    counted: ClassVar[tuple[str, ...]]
    #: Those of them that an optimizer may lack; that another one is not there is said.
    optional: ClassVar[tuple[str, ...]] = ()
    #: Those of them that, called eagerly by a custom loop, are one step.
    stepping: ClassVar[tuple[str, ...]] = ()
    #: Those of them that a trace of a train step calls, once each.
    traced: ClassVar[tuple[str, ...]] = ()
    #: How often the first ``fit`` traces a step at most; 0 where no step is ever traced.
    traces: ClassVar[int] = 1
    #: Whether a slot's handle stays the same from step to step, not only its object.
    keeps_handles: ClassVar[bool] = True
    #: Whether ``fit`` runs what ``maker`` returns; else what it leaves in ``train_function``.
    takes_what_is_made: ClassVar[bool] = False

    # ---- availability

    @classmethod
    def status(cls) -> Status:
        """Versions, and where it cannot run here: why, and the command that mends it."""
        versions = installed(*cls.requires)
        missing = [name for name in cls.requires if name not in versions]
        problem = f"not installed: {', '.join(missing)}" if missing else ""
        remedy = f'python -m pip install "slotscope[{cls.extra}]"' if missing else ""
        return Status(cls.name, versions, problem, remedy)

    @property
    def versions(self) -> dict[str, str]:
        """Version of each distribution that this engine needs."""
        return self.status().versions

    @classmethod
    def require(cls) -> None:
        """Raise :class:`~slotscope.errors.EngineUnavailableError` unless it can run here."""
        status = cls.status()
        if status.problem:
            raise EngineUnavailableError(
                f"The engine {cls.name!r} cannot run here: {status.problem}.\n"
                f"To mend it: {status.remedy}"
            )

    # ---- use

    def __init__(self, **options: Any) -> None:
        if options:
            raise UnknownEngineError(
                f"The engine {self.name!r} takes no option {next(iter(options))!r}."
            )

    @property
    def options(self) -> tuple[str, ...]:
        """What the engine was made with, as ``name=value``."""
        return ()

    @property
    @abstractmethod
    def keras(self) -> ModuleType:
        """The Keras package itself, with ``layers``, ``models`` and the rest."""

    @property
    def optimizers(self) -> ModuleType:
        """The module that holds this engine's optimizer classes."""
        return self.keras.optimizers

    @property
    def optimizer_names(self) -> list[str]:
        """Names of the built-in optimizers, sorted; wrappers and abstract classes left out."""
        base = self.optimizers.Optimizer
        wrappers = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer", "TFOptimizer"}
        classes = {
            cls.__name__
            for cls in vars(self.optimizers).values()
            if isinstance(cls, type) and issubclass(cls, base) and cls is not base
        }
        return sorted(classes - wrappers)

    def optimizer(self, name: str, **config: Any) -> Any:
        """The built-in optimizer ``name`` with Keras 3's argument names.

        Raises:
            UnknownOptimizerError: this engine has no optimizer of this name.
        """
        names = self.optimizer_names
        if name not in names:
            spelt = {known.lower(): known for known in names}
            near = difflib.get_close_matches(str(name).lower(), spelt, n=1)
            hint = f" Did you mean {spelt[near[0]]!r}?" if near else ""
            raise UnknownOptimizerError(
                f"The engine {self.name!r} has no optimizer {name!r}.{hint}"
                f" Choose one of: {', '.join(names)}."
            )
        return getattr(self.optimizers, name)(**config)

    def scope(self) -> AbstractContextManager[Any]:
        """Where this engine's models are built and trained; may be entered again and again."""
        return contextlib.nullcontext()

    def fresh(self) -> Engine:
        """An engine of the same kind whose graph and session, if it has any, are its own."""
        return self

    @abstractmethod
    def seed(self, number: int) -> None:
        """Seed everything that draws random numbers here."""

    # ---- single steps, without a model

    #: The ways in which a step can be asked for, as :meth:`stepper` knows them; the plainest first.
    ways: ClassVar[tuple[str, ...]]
    #: Those of them in which the same arithmetic may be fused or reordered.
    compiled_ways: ClassVar[tuple[str, ...]] = ()
    #: Training loops written by hand, by name.
    loops: ClassVar[Mapping[str, Loop]] = {}
    #: Arguments of ``compile`` with which batches are run otherwise than by default.
    running: ClassVar[tuple[tuple[str, Any], ...]] = ()
    #: How a model is trained on two devices here; None where that is not possible.
    two_devices: ClassVar[Devices | None] = None
    #: How often a violation must come again to be one; some engines race within a step.
    controls: ClassVar[int] = 0
    #: What the base class takes by ``**kwargs``, out of sight of its signature.
    shared_arguments: ClassVar[tuple[str, ...]] = ()
    #: Whether a gradient may come as a :class:`SparseGradient`.
    takes_sparse: ClassVar[bool] = True
    #: Whether a gradient may be None; else a step with one is refused.
    takes_missing: ClassVar[bool] = True
    #: Whether a slot may have no elements.
    takes_empty: ClassVar[bool] = True
    #: Dtypes that a parameter may have.
    dtypes: ClassVar[tuple[str, ...]] = ("float32", "float64", "float16", "bfloat16")
    #: Those of them whose first step builds an optimizer that nobody has built.
    building_ways: ClassVar[tuple[str, ...]] = ()
    #: One more way, for a step that branches on its state, where the plainest is slow.
    branching_way: ClassVar[str] = ""
    #: Methods in which the base class does what surrounds a step; it clips, averages, accumulates.
    surrounding: ClassVar[tuple[str, ...]] = ()
    #: Whether :meth:`loss_scaled` has one.
    scales_loss: ClassVar[bool] = True

    @classmethod
    @abstractmethod
    def owns_optimizer(cls, optimizer: Any) -> bool:
        """Whether ``optimizer`` is of this engine's generation; imports nothing."""

    @abstractmethod
    def parameters(
        self, arrays: Sequence[np.ndarray], dtype: str, names: Sequence[str] = ()
    ) -> list[Any]:
        """Trainable variables of ``dtype`` that hold ``arrays``; ``p0``, ``p1``, ... by name."""

    @abstractmethod
    def path(self, parameter: Any) -> str:
        """The path of one of :meth:`parameters`, as :class:`OptimizerVariable` gives it."""

    @abstractmethod
    def build(self, optimizer: Any, parameters: Sequence[Any]) -> None:
        """Have ``optimizer`` make its variables for ``parameters``, as its user does by hand."""

    @abstractmethod
    def applier(
        self, optimizer: Any, parameters: Sequence[Any], like: Sequence[Gradient], way: str
    ) -> Callable[[Sequence[Gradient]], None]:
        """What does one step with given gradients, the first of which may build ``optimizer``.

        Args:
            optimizer: not yet built, or built for these parameters and perhaps others.
            parameters: what :meth:`parameters` made.
            like: gradients of the kind that will come: dense, sparse or None at each place.
            way: one of :attr:`ways`.
        """

    def stepper(
        self, optimizer: Any, parameters: Sequence[Any], like: Sequence[Gradient], way: str
    ) -> Callable[[Sequence[Gradient]], None]:
        """Build ``optimizer`` for ``parameters``; return what :meth:`applier` returns."""
        self.build(optimizer, parameters)
        return self.applier(optimizer, parameters, like, way)

    def named(self, identifier: Any) -> Any:
        """The optimizer that ``compile`` makes of a name."""
        with self.scope():
            return self.keras.optimizers.get(identifier)

    def set_learning_rate(self, optimizer: Any, rate: Any) -> None:
        """Give ``optimizer`` another learning rate, as its user does between two steps.

        Args:
            optimizer: built or not.
            rate: a number, or a schedule object of this engine's Keras.
        """
        with self.scope():
            optimizer.learning_rate = rate

    def assign(self, ref: Any, value: np.ndarray) -> None:
        """Give a variable another value, outside of any step."""
        ref.assign(value)

    @property
    def schedules(self) -> ModuleType | None:
        """The module of learning rate schedules, None where this generation has none."""
        return getattr(self.keras.optimizers, "schedules", None)

    def learning_rate(self, optimizer: Any) -> float:
        """The learning rate of the next step."""
        return float(self.convert_to_numpy(optimizer.learning_rate))

    @abstractmethod
    def convert_to_numpy(self, tensor: Any) -> np.ndarray:
        """The values of any tensor or variable of this engine, or a number, outside of any step.

        NumPy itself reads none that lies on an accelerator, or in a graph.
        """

    def at_rest(self) -> Any:
        """What :meth:`read` needs as ``state`` outside of any step."""
        return None

    def at_end(self) -> Any:
        """The same when a watch ends; nothing may be made or initialized for it."""
        return None

    # ---- keeping and changing

    #: How a model can be kept together with its optimizer's state, the plainest first.
    formats: ClassVar[tuple[Format, ...]] = ()

    #: Whether a step could write into the tensors of its gradients.
    writable_tensors: ClassVar[bool] = False

    #: Arguments of ``compile`` with which a few steps cost least.
    cheaply: ClassVar[dict[str, Any]] = {"run_eagerly": True}

    def uncompiled(self) -> contextlib.AbstractContextManager[Any]:
        """A context in which an eager step compiles nothing, also where it branches."""
        return contextlib.nullcontext()

    @abstractmethod
    def build_for(self, model: Any) -> None:
        """Make the optimizer's variables for a compiled model, as its first step would."""

    def get_weights(self, optimizer: Any) -> list[np.ndarray]:
        """What ``optimizer.set_weights`` takes."""
        values: list[np.ndarray] = optimizer.get_weights()
        return values

    # ---- in words

    #: Where the classes of the built-in optimizers are, as code behind :attr:`preamble`.
    place: ClassVar[str]

    @property
    @abstractmethod
    def preamble(self) -> list[str]:
        """The lines with which a program for this engine starts."""

    def program(self, program: Program) -> str:
        """A few steps with chosen gradients, as text in this engine's own Keras."""
        return programs.stepped(program, self.name)

    def loss_scaled(self, optimizer: Any) -> Any:
        """``optimizer`` in the engine's ``LossScaleOptimizer``; None where it has none."""
        return None

    # ---- watching

    @classmethod
    @abstractmethod
    def owns(cls, model: Any, optimizer: Any) -> bool:
        """Whether ``model``, trained with ``optimizer`` (or None), is this engine's.

        Imports nothing.
        """

    @classmethod
    def of(cls, model: Any) -> Engine:
        """The engine that runs ``model``."""
        return cls()

    def trainer(self, model: Any) -> Any:
        """The object that holds ``train_function``; nearly always the model itself."""
        return model

    def asked(self, optimizer: Any, model: Any) -> dict[str, Any]:
        """Who is asked for private names before a watch, by what the list of them calls it."""
        shown = self.shows(optimizer)
        asked = {"an optimizer": optimizer, "a model": self.trainer(model)}
        return asked | ({"an optimizer variable": shown[0]} if shown else {})

    def uncounted(self, optimizer: Any) -> list[str]:
        """The methods that ``optimizer`` should have, to be counted, and has not."""
        expected = (name for name in self.counted if name not in self.optional)
        return [name for name in expected if not hasattr(optimizer, name)]

    def parts(self, optimizer: Any) -> Iterable[Any]:
        """``optimizer`` and the optimizers that it wraps."""
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
        """The variable that counts steps, None while the optimizer has none."""

    def shows(self, optimizer: Any) -> list[Any]:
        """The variable objects in the optimizer's own list, without labels (cheap)."""
        return list(optimizer.variables)

    @abstractmethod
    def read(self, refs: Sequence[Any], state: Any = None) -> list[np.ndarray | None]:
        """Copies of the values of ``refs``; None for one that has no value yet.

        ``state`` is where the values are while a step runs, if not in the variables themselves: a
        session, or the arrays in flight. It is good for the step for which it was asked alone.
        """

    @abstractmethod
    def identify(self, ref: Any, state: Any = None) -> Identity:
        """What makes ``ref`` the variable that it is, right now."""

    def state_before(self, optimizer: Any, args: tuple[Any, ...]) -> Any:
        """The state as it enters the train function, found in its arguments."""
        return None

    def state_after(self, optimizer: Any, result: Any) -> Any:
        """The state as it leaves the train function, found in its result."""
        return None

    def state_of(self, runner: Any) -> Any:
        """The state behind a call of one of :meth:`runners`; ``runner`` is its self."""
        return None

    def runners(self) -> list[tuple[Any, str]]:
        """Methods, as (class, name), through which compiled steps run, whoever calls them."""
        return []

    def meter(self, model: Any, measures: str, every: int) -> Meter | None:
        """What measures inside of ``model``'s train function; None where nothing can.

        Args:
            model: a compiled model.
            measures: a key of :data:`slotscope.engines.meters.meter.MEASURES`.
            every: how many steps make a row.
        """
        return None

    def trace(self, arguments: Any) -> Any:
        """The trace that is under way in a call with ``arguments``; None while ops run."""
        return None

    def convert(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function`` as it would be called here if no hook stood in between."""
        return function

    def mark(self, wrapper: Callable[..., Any]) -> Callable[..., Any]:
        """``wrapper``, told to the engine's own compilers as one to leave as it is."""
        return wrapper
