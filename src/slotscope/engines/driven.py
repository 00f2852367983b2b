"""What checks and the story ask of an engine: models, optimizers, single steps, files, programs.

Code that is written once runs on every engine by these members; what an engine cannot do, one of
them says, so that no check asks which engine it has.
"""

from __future__ import annotations

import contextlib
import difflib
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any, ClassVar, Self

import numpy as np

from slotscope.engines.available import Available
from slotscope.engines.driving import programs
from slotscope.engines.driving.devices import Devices
from slotscope.engines.driving.formats import Format
from slotscope.engines.driving.loops import Loop
from slotscope.engines.driving.programs import Program
from slotscope.engines.records import Gradient
from slotscope.errors import UnknownOptimizerError


def named(arrays: Sequence[np.ndarray], names: Sequence[str]) -> Iterator[tuple[np.ndarray, str]]:
    """Each array with its name, by default ``p0``, ``p1``, ..."""
    return zip(arrays, names or [f"p{n}" for n in range(len(arrays))], strict=True)


class Driven(Available):
    """The half of an engine that ``slotscope.checks`` and ``slotscope.story`` know."""

    # ---- what optimizers are here

    #: What the constructors call an argument that Keras 3 calls otherwise.
    renamed: ClassVar[Mapping[str, str]] = {}
    #: What the base class takes by ``**kwargs``, out of sight of its signature.
    shared_arguments: ClassVar[tuple[str, ...]] = ()
    #: Methods in which the base class does what surrounds a step; it clips, averages, accumulates.
    surrounding: ClassVar[tuple[str, ...]] = ()
    #: Whether a list that ``optimizer.variables`` gives is made anew each time.
    lists_anew: ClassVar[bool] = True
    #: Whether :meth:`loss_scaled` has one.
    scales_loss: ClassVar[bool] = True
    #: Whether a gradient may come as a :class:`SparseGradient`.
    takes_sparse: ClassVar[bool] = True
    #: Whether a gradient may be None; else a step with one is refused.
    takes_missing: ClassVar[bool] = True
    #: Whether a slot may have no elements.
    takes_empty: ClassVar[bool] = True
    #: Dtypes that a parameter may have.
    dtypes: ClassVar[tuple[str, ...]] = ("float32", "float64", "float16", "bfloat16")

    # ---- how a step can be asked for

    #: The ways, as :meth:`stepper` knows them; the plainest first.
    ways: ClassVar[tuple[str, ...]]
    #: Those of them in which the same arithmetic may be fused or reordered.
    compiled_ways: ClassVar[tuple[str, ...]] = ()
    #: Those of them whose first step builds an optimizer that nobody has built.
    building_ways: ClassVar[tuple[str, ...]] = ()
    #: One more way, for a step that branches on its state, where the plainest is slow.
    branching_way: ClassVar[str] = ""
    #: Training loops written by hand, by name.
    loops: ClassVar[Mapping[str, Loop]] = {}
    #: Arguments of ``compile`` with which batches are run otherwise than by default.
    running: ClassVar[tuple[tuple[str, Any], ...]] = ()
    #: Arguments of ``compile`` with which a few steps cost least.
    cheaply: ClassVar[dict[str, Any]] = {"run_eagerly": True}
    #: How a model is trained on two devices here; None if that is not possible.
    two_devices: ClassVar[Devices | None] = None

    # ---- what is known of a step beforehand

    #: How often the first ``fit`` traces a step at most; 0 if no step is ever traced.
    traces: ClassVar[int] = 1
    #: Whether a step could write into the tensors of its gradients.
    writable_tensors: ClassVar[bool] = False
    #: How often a violation must come again to be one; some engines race within a step.
    controls: ClassVar[int] = 0

    # ---- files and programs

    #: How a model can be kept together with its optimizer's state, the plainest first.
    formats: ClassVar[tuple[Format, ...]] = ()
    #: Where the classes of the built-in optimizers are, as code behind :attr:`preamble`.
    place: ClassVar[str]

    # ---- models and optimizers

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
        spelt_here = {self.renamed.get(key, key): value for key, value in config.items()}
        return getattr(self.optimizers, name)(**spelt_here)

    def scope(self) -> AbstractContextManager[Any]:
        """Where this engine's models are built and trained; may be entered again and again."""
        return contextlib.nullcontext()

    def fresh(self) -> Self:
        """An engine of the same kind whose graph and session, if it has any, are its own."""
        return self

    @abstractmethod
    def seed(self, number: int) -> None:
        """Seed everything that draws random numbers here."""

    @classmethod
    @abstractmethod
    def owns_optimizer(cls, optimizer: Any) -> bool:
        """Whether ``optimizer`` is of this engine's generation; imports nothing."""

    def named(self, identifier: Any) -> Any:
        """The optimizer that ``compile`` makes of a name."""
        with self.scope():
            return self.keras.optimizers.get(identifier)

    def loss_scaled(self, optimizer: Any) -> Any:
        """``optimizer`` in the engine's ``LossScaleOptimizer``; None if it has none."""
        return None

    @property
    def schedules(self) -> ModuleType | None:
        """The module of learning rate schedules, None if this generation has none."""
        return getattr(self.keras.optimizers, "schedules", None)

    # ---- single steps, without a model

    @abstractmethod
    def parameters(
        self, arrays: Sequence[np.ndarray], dtype: str, names: Sequence[str] = ()
    ) -> list[Any]:
        """Trainable variables of ``dtype`` that hold ``arrays``; ``p0``, ``p1``, ... by name."""

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

    def learning_rate(self, optimizer: Any) -> float:
        """The learning rate of the next step."""
        return float(self.convert_to_numpy(optimizer.learning_rate))

    @abstractmethod
    def convert_to_numpy(self, tensor: Any) -> np.ndarray:
        """The values of any tensor or variable of this engine, or a number, outside of any step.

        NumPy itself reads none that lies on an accelerator, or in a graph.
        """

    def uncompiled(self) -> contextlib.AbstractContextManager[Any]:
        """A context in which an eager step compiles nothing, also where it branches."""
        return contextlib.nullcontext()

    # ---- models

    @abstractmethod
    def build_for(self, model: Any) -> None:
        """Make the optimizer's variables for a compiled model, as its first step would."""

    def build_again(self, model: Any) -> None:
        """Call by hand, for a model that was trained, the method that makes the optimizer's slots.

        To be called in :meth:`scope`.
        """
        self.build(model.optimizer, model.trainable_weights)

    def get_weights(self, optimizer: Any) -> list[np.ndarray]:
        """What ``optimizer.set_weights`` takes."""
        values: list[np.ndarray] = optimizer.get_weights()
        return values

    # ---- in words

    @property
    @abstractmethod
    def preamble(self) -> list[str]:
        """The lines with which a program for this engine starts."""

    def program(self, program: Program) -> str:
        """A few steps with chosen gradients, as text in this engine's own Keras."""
        return programs.stepped(program, self.name)
