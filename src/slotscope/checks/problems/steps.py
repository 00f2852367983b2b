"""Small exact problems: an optimizer gets gradients that were chosen, and every state is kept.

No model takes part. In a state, ``p0``, ``p1``, ... are the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from slotscope.checks.problems.comparing import difference
from slotscope.checks.problems.state import State, Trained, Trajectory
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import NotApplicable, NotReproducible
from slotscope.engines import Engine, Gradient, SparseGradient

#: The gradients of every step: one for each parameter.
Gradients = Sequence[Sequence[Gradient]]


class Run:
    """One fresh optimizer at work on a few parameters.

    Attributes:
        engine: with a graph and a session of its own, where it has any.
        optimizer: the optimizer.
        parameters: the engine's variables.
    """

    def __init__(
        self,
        subject: Subject,
        parameters: Sequence[np.ndarray],
        like: Sequence[Gradient] | None = None,
        *,
        way: str = "",
        dtype: str = "float32",
        engine: Engine | None = None,
        built: bool = True,
        prepare: Callable[[Any, Sequence[Any]], None] | None = None,
        names: Sequence[str] = (),
        **changes: Any,
    ) -> None:
        """Build the optimizer for ``parameters``.

        Args:
            subject: what makes the optimizer.
            parameters: initial values.
            like: gradients of the kind that will come, by default dense ones.
            way: how a step is asked for, by default the engine's plainest.
            dtype: the dtype of the parameters.
            engine: where it works, by default one of its own.
            built: whether it is built now; else the first step is what builds it.
            prepare: what is done with the optimizer and the parameters before it is built.
            names: the names of the parameters, by default ``p0``, ``p1``, ...
            **changes: to the constructor's arguments.

        Raises:
            NotApplicable: the engine or the optimizer knows no such way, or the constructor no such
                argument.
        """
        self.engine: Engine = engine or subject.engine.fresh()
        if subject.scales:  # by whether all is finite, which is a branch
            way = way or self.engine.branching_way
        if way and way not in (*self.engine.ways, self.engine.branching_way):
            raise NotApplicable(f"{self.engine.name} has no way {way!r} to ask for a step")
        arrays = [np.asarray(array) for array in parameters]
        self.optimizer = subject.make(self.engine, **changes)
        if way in ("apply_gradients", "stateless_apply") and not hasattr(self.optimizer, way):
            raise NotApplicable(f"it has no method {way}")
        self.parameters = self.engine.parameters(arrays, dtype, names)
        if prepare:
            prepare(self.optimizer, self.parameters)
        stepper = self.engine.stepper if built else self.engine.applier
        self._step = stepper(
            self.optimizer, self.parameters, like or arrays, way or self.engine.ways[0]
        )
        self._scales = subject.scales
        labelled = {f"p{number}": p for number, p in enumerate(self.parameters)}
        owners = {self.engine.path(p): label for label, p in labelled.items()}
        self._trained = Trained(self.engine, self.optimizer, labelled, owners)

    def step(self, gradients: Sequence[Gradient]) -> None:
        """One step with ``gradients``, one for each parameter."""
        if self._scales:  # they are of the loss before it was scaled
            scale = float(self.engine.convert_to_numpy(self.optimizer.scale_loss(1.0)))
            pairs = zip(gradients, self.parameters, strict=True)
            gradients = [g if _is_overwritten(p) else multiplied(g, scale) for g, p in pairs]
        self._step(gradients)

    def steps(self, gradients: Gradients) -> Run:
        """This run, after a step with each of ``gradients``."""
        for step in gradients:
            self.step(step)
        return self

    def take(self, state: State) -> None:
        """Give every parameter and slot, but not the learning rate, its value in ``state``."""
        self._trained.take(state)

    @property
    def state(self) -> State:
        """Copies of all parameters and optimizer variables."""
        return self._trained.state


def trajectory(
    subject: Subject, parameters: Sequence[np.ndarray], gradients: Gradients, **options: Any
) -> Trajectory:
    """All states of a run with given gradients; ``options`` as in :class:`Run`."""
    run = Run(subject, parameters, gradients[0], **options)
    states = [run.state]
    for step in gradients:
        run.step(step)
        states.append(run.state)
    return states


def reproducible(
    subject: Subject, parameters: Sequence[np.ndarray], gradients: Gradients, **options: Any
) -> Trajectory:
    """The trajectory, after the same run was done twice and ended the same to the last bit.

    Raises:
        NotReproducible: it did not.
    """
    first = trajectory(subject, parameters, gradients, **options)
    second = trajectory(subject, parameters, gradients, **options)
    for number, states in enumerate(zip(first, second, strict=True)):
        said = difference(*states)
        if said:
            raise NotReproducible.runs(f"after step {number}, {said}")
    return first


def state_after(
    subject: Subject, parameters: Sequence[np.ndarray], gradients: Gradients, **options: Any
) -> State:
    """The state after the last of ``gradients``; options as in :class:`Run`."""
    return Run(subject, parameters, gradients[0], **options).steps(gradients).state


def _is_overwritten(parameter: Any) -> bool:
    """Whether its gradient is its next value, which nothing scales."""
    return bool(getattr(parameter, "overwrite_with_gradient", False))


def multiplied(gradient: np.ndarray | SparseGradient | None, scale: float) -> Any:
    """A gradient times ``scale``."""
    if isinstance(gradient, SparseGradient):
        return SparseGradient(multiplied(gradient.values, scale), gradient.indices, gradient.shape)
    return None if gradient is None else np.asarray(gradient * scale, np.float32)
