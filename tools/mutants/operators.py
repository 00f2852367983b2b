"""What can be wrong: operators, each of which changes one place of a function's syntax tree.

Each takes the function and what stands in the table between its name and the sentence. Places are
counted from 1 in the order of the source, what is outside before what is inside. A place that is
not there raises :class:`NoSuchPlaceError`: the release has changed, and the table must follow.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from typing import Any

from tools.mutants.places import (
    NODES,
    NoSuchPlaceError,
    adds_epsilon,
    bodies,
    condition,
    constant,
    having,
    is_constant,
    is_root,
    last_name,
    mentions,
    operands,
    renamed,
    replace,
    states,
    symbol,
    with_operand,
)

#: What takes the place of an operator, a comparison, or the last name of a called function.
SWAPPED = {
    "+": "-",
    "-": "+",
    "*": "/",
    "/": "*",
    "//": "*",
    "%": "//",
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "==": "!=",
    "!=": "==",
    "and": "or",
    "or": "and",
    "add": "subtract",
    "subtract": "add",
    "multiply": "divide",
    "divide": "multiply",
    "assign": "assign_add",
    "assign_add": "assign_sub",
    "assign_sub": "assign_add",
    "update_add": "update",
    "minimum": "maximum",
    "maximum": "minimum",
    "rsqrt": "sqrt",
    "_foreach_mul": "_foreach_div",
    "_foreach_div": "_foreach_mul",
    "_foreach_mul_": "_foreach_div_",
    "_foreach_maximum_": "_foreach_minimum_",
}


def swap(function: ast.FunctionDef, what: str, nth: int = 1) -> None:
    """Another operator or function: ``+`` for ``-``, ``multiply`` for ``divide``, ..."""

    def change(node: Any) -> ast.AST | None:
        if symbol(node) != what:
            return None
        other = SWAPPED[what]
        if isinstance(node, ast.Call):
            return having(node, func=renamed(node.func, other))
        if isinstance(node, ast.Compare):
            return having(node, ops=[NODES[other]()])
        return having(node, op=NODES[other]())

    replace(function, change, nth)


def only(function: ast.FunctionDef, operand: int, what: str, nth: int = 1) -> None:
    """An operation or a call gives way to one of its operands: a term or a function is dropped."""

    def change(node: Any) -> ast.AST | None:
        return operands(node)[operand - 1] if symbol(node) == what else None

    replace(function, change, nth)


def exchange(function: ast.FunctionDef, what: str, nth: int = 1) -> None:
    """The first two operands of an operation or a call stand in each other's place."""

    def change(node: Any) -> ast.AST | None:
        if symbol(node) != what:
            return None
        if isinstance(node, ast.Call):
            return having(node, args=[node.args[1], node.args[0], *node.args[2:]])
        return having(node, left=node.right, right=node.left)

    replace(function, change, nth)


def number(function: ast.FunctionDef, old: Any, new: Any, nth: int = 1) -> None:
    """Another constant."""
    replace(function, lambda node: constant(new) if is_constant(node, old) else None, nth)


def instead(function: ast.FunctionDef, new: str, old: str, nth: int = 1) -> None:
    """Another name, attribute or key."""

    def change(node: Any) -> ast.AST | None:
        if is_constant(node, old):
            return constant(new)
        named = isinstance(node, (ast.Name, ast.Attribute)) and last_name(node) == old
        return renamed(node, new) if named else None

    replace(function, change, nth)


def drop(function: ast.FunctionDef, mention: str, nth: int = 1) -> None:
    """A statement that mentions a name is left out."""
    replace(function, lambda node: [] if states(node, mention) else None, nth)


def twice(function: ast.FunctionDef, mention: str, nth: int = 1) -> None:
    """A statement that mentions a name is done twice."""
    replace(function, lambda n: [n, copy.deepcopy(n)] if states(n, mention) else None, nth)


def later(function: ast.FunctionDef, mention: str, nth: int = 1) -> None:
    """A statement that mentions a name comes after the one that followed it."""
    found = 0
    for body in bodies(function):
        for index, statement in enumerate(body[:-1]):
            found += states(statement, mention)
            if found == nth:
                body[index : index + 2] = [body[index + 1], statement]
                return
    raise NoSuchPlaceError(f"there are {found} statements with {mention!r} before another")


def never(function: ast.FunctionDef, mention: str, nth: int = 1) -> None:
    """A condition that mentions a name counts as false: a guard or a feature is gone."""
    replace(function, condition(mention, lambda test: ast.Constant(False)), nth)


def always(function: ast.FunctionDef, mention: str, nth: int = 1) -> None:
    """A condition that mentions a name counts as true."""
    replace(function, condition(mention, lambda test: ast.Constant(True)), nth)


def negate(function: ast.FunctionDef, mention: str, nth: int = 1) -> None:
    """A condition that mentions a name counts as its opposite."""
    replace(function, condition(mention, lambda test: ast.UnaryOp(ast.Not(), test)), nth)


def default(function: ast.FunctionDef, argument: str, new: Any) -> None:
    """An argument has another default."""
    given = function.args
    named = [*given.posonlyargs, *given.args][-len(given.defaults) :] if given.defaults else []
    for index, arg in enumerate(named):
        if arg.arg == argument:
            given.defaults[index] = constant(new)
            return
    raise NoSuchPlaceError(f"no argument {argument!r} has a default")


def lose(function: ast.FunctionDef, key: str, nth: int = 1) -> None:
    """A dict lacks a key, or a call one of its keyword arguments."""

    def change(node: Any) -> ast.AST | None:
        if isinstance(node, ast.Call) and any(k.arg == key for k in node.keywords):
            return having(node, keywords=[k for k in node.keywords if k.arg != key])
        if isinstance(node, ast.Dict):
            kept = [i for i, k in enumerate(node.keys) if not (k and is_constant(k, key))]
            if len(kept) < len(node.keys):
                keys, values = [node.keys[i] for i in kept], [node.values[i] for i in kept]
                return having(node, keys=keys, values=values)
        return None

    replace(function, change, nth)


def keyword(function: ast.FunctionDef, key: str, new: Any, nth: int = 1) -> None:
    """A keyword argument has another value, a constant."""

    def change(node: Any) -> ast.AST | None:
        named = isinstance(node, ast.keyword) and node.arg == key
        return ast.keyword(key, constant(new)) if named else None

    replace(function, change, nth)


def epsilon(function: ast.FunctionDef, nth: int = 1) -> None:
    """Epsilon moves under the root, or out from under it."""

    def change(node: Any) -> ast.AST | None:
        if adds_epsilon(node) and is_root(operands(node)[0]):
            root = operands(node)[0]
            inner = with_operand(node, operands(root)[0])
            return having(root, args=[inner, *root.args[1:]])
        if is_root(node) and adds_epsilon(operands(node)[0]):
            inner = operands(node)[0]
            root = having(node, args=[operands(inner)[0], *node.args[1:]])
            return with_operand(inner, root)
        return None

    replace(function, change, nth)


def neighbour(function: ast.FunctionDef, mention: str, nth: int = 1) -> None:
    """An index is one less: the neighbour's slot."""

    def change(node: Any) -> ast.AST | None:
        if not isinstance(node, ast.Subscript) or not mentions(node.value, mention):
            return None
        return having(node, slice=ast.BinOp(node.slice, ast.Sub(), ast.Constant(1)))

    replace(function, change, nth)


def iterate(function: ast.FunctionDef, part: str, mention: str, nth: int = 1) -> None:
    """A loop runs over a part of what it should: ``but the last``, ``but the first``, ..."""
    slices = {"but the last": "[:-1]", "but the first": "[1:]", "backwards": "[::-1]"}
    cut = ast.parse(f"list(){slices[part]}", mode="eval").body
    assert isinstance(cut, ast.Subscript)

    def change(node: Any) -> ast.AST | None:
        loop = isinstance(node, (ast.For, ast.comprehension)) and mentions(node.iter, mention)
        if not loop:
            return None
        listed = ast.Call(ast.Name("list", ast.Load()), [node.iter], [])
        return having(node, iter=having(cut, value=listed))

    replace(function, change, nth)


def alias(function: ast.FunctionDef, nth: int = 1) -> None:
    """A copy ``x[:]`` or ``list(x)`` is the thing itself."""

    def change(node: Any) -> ast.AST | None:
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            whole = not (node.slice.lower or node.slice.upper or node.slice.step)
            return node.value if whole else None
        return node.args[0] if symbol(node) in ("list", "dict") and node.args else None

    replace(function, change, nth)


def share(function: ast.FunctionDef, attribute: str, nth: int = 1) -> None:
    """What each instance should have for itself is one object for all of them."""

    def change(node: Any) -> ast.AST | None:
        if not isinstance(node, ast.Assign) or last_name(node.targets[0]) != attribute:
            return None
        once = ast.parse(f"shared.setdefault({attribute!r})", mode="eval").body
        assert isinstance(once, ast.Call)
        return having(node, value=having(once, args=[*once.args, node.value]))

    replace(function, change, nth)


def nothing(function: ast.FunctionDef) -> None:
    """The method does nothing."""
    function.body = [ast.Pass()]


def unchanged(function: ast.FunctionDef) -> None:
    """The method returns its first argument as it is."""
    function.body = [ast.Return(ast.Name(function.args.args[1].arg, ast.Load()))]


def answer(function: ast.FunctionDef, value: Any, nth: int = 1) -> None:
    """A ``return`` gives a constant."""
    given = ast.Return(constant(value))
    replace(function, lambda node: given if isinstance(node, ast.Return) else None, nth)


def inherit(function: ast.FunctionDef) -> None:
    """The method is not overridden: its base class's is called."""
    text = f"def {function.name}(self, *args, **kwargs):\n"
    text += f"    return super().{function.name}(*args, **kwargs)"
    (passed,) = ast.parse(text).body
    assert isinstance(passed, ast.FunctionDef)
    function.args, function.body = passed.args, passed.body


def undecorated(function: ast.FunctionDef, mention: str) -> None:
    """A decorator is missing."""
    kept = [d for d in function.decorator_list if not mentions(d, mention)]
    if len(kept) == len(function.decorator_list):
        raise NoSuchPlaceError(f"no decorator {mention!r}")
    function.decorator_list = kept


#: By the name that the table uses.
OPERATORS: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        *(swap, only, exchange, number, instead, drop, twice, later, never, always, negate),
        *(default, lose, keyword, epsilon, neighbour, iterate, alias, share),
        *(nothing, unchanged, answer, inherit, undecorated),
    )
}
