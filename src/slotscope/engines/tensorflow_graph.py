"""What the engines share whose train function is a TensorFlow graph: Keras 2.1 and training_v1.

``get_updates`` returns update ops, ``K.function`` groups them, and one ``session.run`` is one
step. The graph itself says which variables a train function updates, whatever the optimizer
shows: they are the resource inputs of the ops that the group depends on.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from slotscope.engines.base import Engine
from slotscope.engines.driven import named
from slotscope.engines.driving import programs
from slotscope.engines.driving.programs import Program
from slotscope.engines.importing import tensorflow
from slotscope.engines.meters.graph import GraphMeter
from slotscope.engines.private_names import held
from slotscope.engines.rates import decayed
from slotscope.engines.records import Gradient, Identity, OptimizerVariable, SparseGradient


def path_of(variable: Any) -> str:
    """A variable's name without the output number: ``dense/kernel``."""
    return str(variable.name).removesuffix(":0")


def described(slot: str, parameter: str, variable: Any, *, known: bool = True) -> OptimizerVariable:
    """The record of a ``tf.Variable``; it is not ``known`` whether it belongs to a parameter."""
    shape = tuple(variable.shape.as_list())
    dtype = variable.dtype.base_dtype.name
    untold = not known and bool(shape)  # a scalar is one for all parameters
    return OptimizerVariable(slot, parameter, path_of(variable), shape, dtype, variable, untold)


def global_variables(graph: Any) -> list[Any]:
    """Every variable of ``graph``, in order of creation."""
    key = tensorflow().compat.v1.GraphKeys.GLOBAL_VARIABLES
    return list({variable.op.name: variable for variable in graph.get_collection(key)}.values())


def assigned_variables(train_function: Any) -> list[Any]:
    """The variables that one call of ``train_function`` assigns, in order of creation."""
    if train_function is None:
        return []
    group = held(train_function, "updates_op", "tf_keras")
    names: set[str] = set()
    seen = set()
    pending = [group]
    while pending:
        op = pending.pop()
        if op in seen:
            continue
        seen.add(op)
        if op.type == "NoOp":
            pending.extend(op.control_inputs)
        elif op.type.startswith(("Assign", "ResourceApply", "ResourceSparseApply", "Apply")):
            names.update(tensor.op.name for tensor in op.inputs)
        elif op.type == "Identity":
            pending.extend(tensor.op for tensor in op.inputs)
            pending.extend(op.control_inputs)
    return [v for v in global_variables(group.graph) if v.op.name in names]


#: So many sets of variables are asked for again and again: the step counter, and the rows'.
_MOST_CALLABLES = 8


class GraphEngine(Engine):
    """An engine that builds a graph and runs it in a session."""

    maker: ClassVar[str] = ""
    constructor: ClassVar[str] = "get_updates"
    building: ClassVar[tuple[str, ...]] = ()  # nothing has a value before a session runs
    reads_before_steps: ClassVar[bool] = False  # a session.run for it would cost as much as a step
    # One session.run reads the step counter and advances it, in an order that nothing settles.
    controls: ClassVar[int] = 4
    ways: ClassVar[tuple[str, ...]] = ("get_updates",)
    cheaply: ClassVar[dict[str, Any]] = {}
    takes_missing: ClassVar[bool] = False
    scales_loss: ClassVar[bool] = False
    surrounding: ClassVar[tuple[str, ...]] = ("get_gradients",)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._graph: Any = None
        self._session: Any = None
        self._callables: dict[tuple[int, ...], Any] = {}

    @property
    @abstractmethod
    def backend(self) -> Any:
        """The Keras backend module, ``K``."""

    @property
    @abstractmethod
    def function_class(self) -> type:
        """The class of what ``K.function`` returns."""

    @contextlib.contextmanager
    def scope(self) -> Iterator[Any]:
        """Enter this engine's own graph and session; yields the session."""
        v1 = tensorflow().compat.v1
        if self._graph is None:
            self._graph = v1.Graph()
            self._session = v1.Session(graph=self._graph)
        with self._graph.as_default(), self._session.as_default():
            self.backend.set_session(self._session)
            yield self._session

    def seed(self, number: int) -> None:
        with self.scope():
            tensorflow().compat.v1.set_random_seed(number)
        np.random.seed(number)

    def fresh(self) -> Self:
        return type(self)()

    def parameters(
        self, arrays: Sequence[np.ndarray], dtype: str, names: Sequence[str] = ()
    ) -> list[Any]:
        variable = self.backend.variable
        with self.scope():
            return [variable(a, dtype=dtype, name=name) for a, name in named(arrays, names)]

    def path(self, parameter: Any) -> str:
        return path_of(parameter)

    def build(self, optimizer: Any, parameters: Sequence[Any]) -> None:
        with self.scope():
            loss = sum(self.backend.sum(parameter) for parameter in parameters)
            optimizer.get_updates(loss=loss, params=list(parameters))
            self.backend.get_session()

    def stepper(
        self, optimizer: Any, parameters: Sequence[Any], like: Sequence[Gradient], way: str
    ) -> Callable[[Sequence[Gradient]], None]:
        return self.applier(optimizer, parameters, like, way)  # get_updates builds and computes

    def applier(
        self, optimizer: Any, parameters: Sequence[Any], like: Sequence[Gradient], way: str
    ) -> Callable[[Sequence[Gradient]], None]:
        with self.scope():
            inputs = [self._inputs(p, g) for p, g in zip(parameters, like, strict=True)]
            # The gradient of sum(parameter * input) is the input, to the last bit.
            loss = sum(
                self.backend.sum(_part(parameter, given) * given[0])
                for parameter, given in zip(parameters, inputs, strict=True)
                if given
            )
            updates = self.updates(optimizer, loss, list(parameters), way)
            flat = [placeholder for given in inputs for placeholder in given]
            train = self.backend.function(flat, [loss], updates=updates)
            self.backend.get_session()

        def step(gradients: Sequence[Gradient]) -> None:
            with self.scope():
                train([array for g in gradients for array in _arrays(g)])

        return step

    def updates(self, optimizer: Any, loss: Any, parameters: list[Any], way: str) -> list[Any]:
        """The update ops of one step, asked for in the given way."""
        updates: list[Any] = optimizer.get_updates(loss=loss, params=parameters)
        return updates

    def _inputs(self, parameter: Any, gradient: Gradient) -> list[Any]:
        """Placeholders for one gradient: itself, or rows and indices, or nothing."""
        v1 = tensorflow().compat.v1
        dtype = parameter.dtype.base_dtype
        if isinstance(gradient, SparseGradient):
            shape = [None, *gradient.shape[1:]]
            return [v1.placeholder(dtype, shape), v1.placeholder("int32", [None])]
        return [] if gradient is None else [v1.placeholder(dtype, gradient.shape)]

    def assign(self, ref: Any, value: np.ndarray) -> None:
        with self.scope():
            self.backend.set_value(ref, value)

    #: The line of a program that enters a graph, and the code of the backend module.
    scope_line: ClassVar[str]
    backend_code: ClassVar[str]

    def program(self, program: Program) -> str:
        if program.way != self.ways[0] or program.sparse or program.empty:
            return super().program(program)
        entered = ["import numpy as np", *self.preamble, self.scope_line]
        return programs.graph(program, entered, self.backend_code)

    def build_again(self, model: Any) -> None:
        model.optimizer.get_updates(model.total_loss, model.trainable_weights)

    def build_for(self, model: Any) -> None:
        held(model, "_make_train_function", "tf_keras")()

    def set_learning_rate(self, optimizer: Any, rate: Any) -> None:
        with self.scope():
            if isinstance(optimizer.lr, tensorflow().Variable):
                self.backend.set_value(optimizer.lr, rate)
            else:
                optimizer.learning_rate = rate

    def learning_rate(self, optimizer: Any) -> float:
        with self.scope():
            return float(self.convert_to_numpy(optimizer.lr))

    def convert_to_numpy(self, tensor: Any) -> np.ndarray:
        with self.scope():
            is_number = not hasattr(tensor, "eval")
            return np.asarray(tensor if is_number else self.backend.get_value(tensor))

    def at_rest(self) -> Any:
        with self.scope():
            return self.backend.get_session()

    def at_end(self) -> Any:
        return tensorflow().compat.v1.get_default_session()

    def read(self, refs: Sequence[Any], state: Any = None) -> list[np.ndarray | None]:
        # The context is the session of a step. Without one nothing is read: a run would hand the
        # graph over to the session while it is still being built.
        session = state
        if session is None or not refs or session.graph is not refs[0].graph:
            return [None] * len(refs)
        errors = tensorflow().errors
        try:
            # A variable is fetched by the read op that it was born with: the graph gains nothing.
            return [np.asarray(value) for value in self._fetch(refs, session)]
        except errors.FailedPreconditionError:
            return self._read_initialized(refs, session)

    def _fetch(self, refs: Sequence[Any], session: Any) -> list[Any]:
        """What ``session.run`` gives, in half the time where the same is asked for again."""
        asked = (id(session), *map(id, refs))
        if asked not in self._callables:
            if len(self._callables) >= _MOST_CALLABLES:
                self._callables.clear()
            self._callables[asked] = None  # once: to make one would cost more
            found: list[Any] = session.run(list(refs))
            return found
        if self._callables[asked] is None:
            self._callables[asked] = session.make_callable(list(refs))
        return list(self._callables[asked]())

    def _read_initialized(self, refs: Sequence[Any], session: Any) -> list[np.ndarray | None]:
        """As :meth:`read`, where one variable at least has no value yet: it is None."""
        if len(refs) == 1:
            return [None]
        questions = [_is_initialized(ref) for ref in refs]
        if any(question is None for question in questions):
            return [self.read([ref], session)[0] for ref in refs]
        # Each set of things to fetch is compiled anew: two sets are cheaper than one a variable.
        answers = session.run(questions)
        known = [ref for ref, there in zip(refs, answers, strict=True) if there]
        values = iter(self.read(known, session))
        return [next(values) if there else None for there in answers]

    def identify(self, ref: Any, state: Any = None) -> Identity:
        return Identity(id(ref), ref.handle.name if hasattr(ref, "handle") else ref.name, None)

    def rate_variable(self, optimizer: Any) -> Any:
        rate = getattr(optimizer, "lr", None)
        return rate if hasattr(rate, "read_value") else None

    def rate_source(self, optimizer: Any) -> Any:
        # Beside the variable `decay` there is the number that the updates were made by.
        return getattr(optimizer, "initial_decay", 0.0)

    def rates(self, source: Any, held: np.ndarray, before: np.ndarray) -> np.ndarray:
        return decayed(held, source, before)

    def takes_assigned(self, model: Any) -> bool:
        return getattr(self.trainer(model), "train_function", None) is None

    def runners(self) -> list[tuple[Any, str]]:
        tensorflow()
        from tensorflow.python.client.session import BaseSession

        return [(self.function_class, "__call__"), (BaseSession, "run")]

    def meter(self, model: Any, measures: str, every: int) -> GraphMeter | None:
        # Values are fetched when the step has run: so no operation of a watch comes into the graph.
        return None if measures == "values" else GraphMeter(measures, every)

    def state_of(self, runner: Any) -> Any:
        if isinstance(runner, self.function_class):
            # Its own first act is this very call, which initializes new variables.
            return self.backend.get_session()
        return runner


def _is_initialized(ref: Any) -> Any:
    """Says whether a variable has a value: an op that resource variables are born with, or None."""
    uses = ref.handle.consumers() if hasattr(ref, "handle") else []
    return next((op.outputs[0] for op in uses if op.type == "VarIsInitializedOp"), None)


def _part(parameter: Any, given: list[Any]) -> Any:
    """What of ``parameter`` takes part in the loss."""
    return parameter if len(given) == 1 else tensorflow().gather(parameter, given[1])


def _arrays(gradient: Gradient) -> list[np.ndarray]:
    if isinstance(gradient, SparseGradient):
        return [gradient.values, gradient.indices]
    return [] if gradient is None else [gradient]
