"""Optimizers that keep their slots as ``K.zeros`` made them: a list, without names.

That is Keras 2.1, and ``optimizer_v1`` in tf_keras, which kept its code. ``optimizer.weights`` is
whatever the last ``get_updates`` made; the parameters it was made for are not kept anywhere but
in the update ops, which assign a slot and its parameter in turn.
"""

from __future__ import annotations

from typing import Any

from slotscope.engines.importing import tensorflow
from slotscope.engines.records import OptimizerVariable
from slotscope.engines.slot_names import slot_order, unique_paths
from slotscope.engines.tensorflow_graph import (
    assigned_variables,
    described,
    global_variables,
    path_of,
)


def shown_variables(optimizer: Any) -> list[Any]:
    """``iterations``, which not every optimizer lists, and then its weights."""
    iterations = getattr(optimizer, "iterations", None)
    own = [] if iterations is None else [iterations]
    return own + [v for v in optimizer.weights if v is not iterations]


def unnamed_variables(optimizer: Any, trainer: Any = None) -> list[OptimizerVariable]:
    """What ``optimizer`` shows, labelled by the order of its groups.

    Slots that the train function of ``trainer`` updates and the optimizer no longer shows come
    first.
    """
    iterations = getattr(optimizer, "iterations", None)
    slots = [v for v in shown_variables(optimizer) if v is not iterations]
    found = [] if trainer is None else _unseen(optimizer, trainer, slots)
    if iterations is not None:
        found.append(described("iterations", "", iterations))
    return found + _grouped(optimizer, slots, _updated_parameters(optimizer, slots))


def unnamed_foreign(optimizer: Any, trainer: Any) -> bool:
    """Whether the last ``get_updates`` was for parameters that are not the trainer's."""
    slots = [v for v in optimizer.weights if v is not getattr(optimizer, "iterations", None)]
    known = {v.op.name for v in trainer.weights}
    return any(p.op.name not in known for p in _updated_parameters(optimizer, slots))


def _unseen(optimizer: Any, trainer: Any, slots: list[Any]) -> list[OptimizerVariable]:
    assigned = assigned_variables(getattr(trainer, "train_function", None))
    known = {v.op.name for v in [*slots, *_own_variables(optimizer), *trainer.weights]}
    unseen = [v for v in assigned if v.op.name not in known]
    names = {v.op.name for v in assigned}
    return _grouped(optimizer, unseen, [v for v in trainer.trainable_weights if v.op.name in names])


def _own_variables(optimizer: Any) -> list[Any]:
    """Variables that are attributes of the optimizer: iterations and hyperparameters."""
    variable = tensorflow().Variable
    return [value for value in vars(optimizer).values() if isinstance(value, variable)]


def _updated_parameters(optimizer: Any, slots: list[Any]) -> list[Any]:
    """The parameters that the update ops of the last ``get_updates`` assign, in its order."""
    if not slots:
        return []
    known = {v.op.name for v in [*slots, *_own_variables(optimizer)]}
    by_name = {v.op.name: v for v in global_variables(slots[0].graph)}
    targets = [_target(update) for update in optimizer.updates]
    return [by_name[name] for name in targets if name in by_name and name not in known]


def _target(update: Any) -> str:
    """Name of the op of the variable that an update assigns."""
    if isinstance(update, tuple):
        update = update[0]
    handle = getattr(update, "handle", None)
    if handle is not None:
        return str(handle.op.name)
    # A reference variable: the first input of its assignment is the variable.
    op = getattr(update, "op", update)
    return str(op.inputs[0].op.name if len(op.inputs) else op.name)


def _grouped(optimizer: Any, slots: list[Any], parameters: list[Any]) -> list[OptimizerVariable]:
    """Label slots that come in groups, one of each group for each parameter."""
    if not parameters or len(slots) % len(parameters):
        return [described(f"slot_{n}", "", slot, known=False) for n, slot in enumerate(slots)]
    paths = unique_paths([path_of(parameter) for parameter in parameters])
    names = slot_order(optimizer, len(slots) // len(paths))
    return [
        described(names[number // len(paths)], paths[number % len(paths)], slot)
        for number, slot in enumerate(slots)
    ]
