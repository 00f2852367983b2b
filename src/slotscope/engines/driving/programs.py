"""Programs that run a few steps of an optimizer, as text that can be pasted.

Each is written in the engine's own Keras where that has a plain way to say it; else by the stepper
of :class:`~slotscope.engines.Engine`, which knows every way.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from slotscope.engines.records import Gradient, SparseGradient


@dataclass(frozen=True)
class Program:
    """What a program does.

    Attributes:
        make: code that makes the optimizer.
        imports: lines that this code needs.
        parameters: initial values.
        steps: gradients, one for each parameter in each step.
        way: how a step is asked for.
        dtype: the dtype of the parameters.
    """

    make: str
    imports: Sequence[str]
    parameters: Sequence[np.ndarray]
    steps: Sequence[Sequence[Gradient]]
    way: str
    dtype: str = "float32"
    names: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        names = tuple(f"p{number}" for number in range(len(self.parameters)))
        object.__setattr__(self, "names", names)

    @property
    def sparse(self) -> bool:
        """Whether any gradient is sparse."""
        return any(isinstance(g, SparseGradient) for step in self.steps for g in step)

    @property
    def empty(self) -> bool:
        """Whether any array has no element, so that a list does not tell its shape."""
        return any(np.size(parameter) == 0 for parameter in self.parameters)

    @property
    def lists(self) -> str:
        """The gradients of all steps, as code."""
        steps = (f"[{', '.join(map(literal, step))}]" for step in self.steps)
        return f"[{', '.join(steps)}]"


def literal(gradient: Gradient) -> str:
    """An array as a nested list."""
    if gradient is None:
        return "None"
    assert not isinstance(gradient, SparseGradient)
    return repr(np.asarray(gradient).tolist())


def called(expression: str) -> tuple[str, dict[str, str]]:
    """Name and arguments, each as code, of a call that is written as ``name(a=1, b=2)``."""
    tree = ast.parse(expression, mode="eval").body
    assert isinstance(tree, ast.Call)
    arguments = {k.arg: ast.unparse(k.value) for k in tree.keywords if k.arg is not None}
    return ast.unparse(tree.func), arguments


def stepped(program: Program, engine: str) -> str:
    """The program as code that calls slotscope's own stepper."""
    return "\n".join(
        [
            "import numpy as np, slotscope",
            "from slotscope.engines import SparseGradient",
            f"engine = slotscope.engine({engine!r})",
            "keras = engine.keras",
            *program.imports,
            f"parameters = engine.parameters([{_arrays(program.parameters)}], {program.dtype!r})",
            f"steps = [{', '.join(f'[{_arrays(step)}]' for step in program.steps)}]",
            "with engine.scope():",
            f"    optimizer = {program.make}",
            f"step = engine.stepper(optimizer, parameters, steps[0], {program.way!r})",
            "for gradients in steps:",
            "    step(gradients)",
            "with engine.scope():",
            "    for variable in engine.variables(optimizer):",
            "        print(variable.label, *engine.read([variable.ref], engine.at_rest()))",
            "print(*engine.read(parameters, engine.at_rest()))",
        ]
    )


def keras_3(program: Program, preamble: Sequence[str]) -> str:
    """The program as code of Keras 3."""
    names = ", ".join(program.names)
    given = "" if program.dtype == "float32" else f", dtype={program.dtype!r}"
    tensors = f"[g if g is None else keras.ops.array(g, {program.dtype!r}) for g in gradients]"
    return "\n".join(
        [
            *preamble,
            *program.imports,
            *(
                f"{name} = keras.Variable({literal(value)}{given})"
                for name, value in zip(program.names, program.parameters, strict=True)
            ),
            f"optimizer = {program.make}",
            f"optimizer.build([{names}])",
            f"for gradients in {program.lists}:",
            f"    optimizer.apply({tensors}, [{names}])",
            f"for variable in [{names}, *optimizer.variables]:",
            "    print(variable.path, keras.ops.convert_to_numpy(variable))",
        ]
    )


def tf_keras(program: Program, preamble: Sequence[str], variables: str) -> str:
    """The program as eager code of tf_keras.

    ``variables`` names the attribute that holds the optimizer's.
    """
    names = ", ".join(program.names)
    tensors = f"[g if g is None else tf.constant(g, {program.dtype!r}) for g in gradients]"
    return "\n".join(
        [
            *preamble,
            *program.imports,
            *(
                f"{name} = tf.Variable({literal(value)}, dtype={program.dtype!r}, name={name!r})"
                for name, value in zip(program.names, program.parameters, strict=True)
            ),
            f"optimizer = {program.make}",
            f"for gradients in {program.lists}:",
            f"    optimizer.apply_gradients(zip({tensors}, [{names}]))",
            f"for variable in [{names}, *optimizer.{variables}]:",
            "    print(variable.name, variable.numpy())",
        ]
    )


def graph(program: Program, preamble: Sequence[str], backend: str) -> str:
    """The program as code for a graph, with ``get_updates``.

    ``backend`` is the code of Keras's backend module.
    """
    names = ", ".join(program.names)
    indent = "    "
    shapes = [np.shape(parameter) for parameter in program.parameters]
    return "\n".join(
        [
            *preamble,
            *(indent + line for line in program.imports),
            f"{indent}K = {backend}",
            *(
                f"{indent}{name} = K.variable({literal(value)}, name={name!r})"
                for name, value in zip(program.names, program.parameters, strict=True)
            ),
            f"{indent}gradients = [{', '.join(f'K.placeholder({shape})' for shape in shapes)}]",
            f"{indent}loss = sum(K.sum(p * g) for p, g in zip([{names}], gradients))",
            f"{indent}optimizer = {program.make}",
            f"{indent}updates = optimizer.get_updates(loss=loss, params=[{names}])",
            f"{indent}train = K.function(gradients, [loss], updates=updates)",
            f"{indent}for step in {program.lists}:",
            f"{indent}    train([np.array(g) for g in step])",
            f"{indent}for variable in [{names}, *optimizer.weights]:",
            f"{indent}    print(variable.name, K.get_value(variable))",
        ]
    )


def _arrays(values: Sequence[Gradient]) -> str:
    return ", ".join(map(_array, values))


def _array(value: Gradient) -> str:
    if value is None:
        return "None"
    if isinstance(value, SparseGradient):
        indices: Any = np.asarray(value.indices).tolist()
        return f"SparseGradient({_array(value.values)}, np.array({indices}), {value.shape})"
    array = np.asarray(value)
    if array.size == 0:
        return f"np.zeros({array.shape}, 'float32')"
    return f"np.array({array.tolist()}, 'float32')"
