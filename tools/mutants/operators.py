"""What can be wrong: operators, each of which changes one place of a function's syntax tree.

Each takes the function and what stands in the table between its name and the sentence. Places are
counted from 1 in the order of the source, what is outside before what is inside. A place that is
not there raises :class:`NoSuchPlaceError`: the release has changed, and the table must follow.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any

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

_SYMBOLS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.And: "and",
    ast.Or: "or",
}
_NODES = {symbol: node for node, symbol in _SYMBOLS.items()}

Change = Callable[[Any], "ast.AST | list[ast.stmt] | None"]


class NoSuchPlaceError(Exception):
    """The function has no such place, or no such function is there."""


def swap(function: ast.FunctionDef, what: str, nth: int = 1) -> None:
    """Another operator or function: ``+`` for ``-``, ``multiply`` for ``divide``, ..."""

    def change(node: Any) -> ast.AST | None:
        if symbol(node) != what:
            return None
        other = SWAPPED[what]
        if isinstance(node, ast.Call):
            return _having(node, func=_renamed(node.func, other))
        if isinstance(node, ast.Compare):
            return _having(node, ops=[_NODES[other]()])
        return _having(node, op=_NODES[other]())

    replace(function, change, nth)


def only(function: ast.FunctionDef, operand: int, what: str, nth: int = 1) -> None:
    """An operation or a call gives way to one of its operands: a term or a function is dropped."""

    def change(node: Any) -> ast.AST | None:
        return _operands(node)[operand - 1] if symbol(node) == what else None

    replace(function, change, nth)


def exchange(function: ast.FunctionDef, what: str, nth: int = 1) -> None:
    """The first two operands of an operation or a call stand in each other's place."""

    def change(node: Any) -> ast.AST | None:
        if symbol(node) != what:
            return None
        if isinstance(node, ast.Call):
            return _having(node, args=[node.args[1], node.args[0], *node.args[2:]])
        return _having(node, left=node.right, right=node.left)

    replace(function, change, nth)


def number(function: ast.FunctionDef, old: Any, new: Any, nth: int = 1) -> None:
    """Another constant."""
    replace(function, lambda node: _constant(new) if _is_constant(node, old) else None, nth)


def instead(function: ast.FunctionDef, new: str, old: str, nth: int = 1) -> None:
    """Another name, attribute or key."""

    def change(node: Any) -> ast.AST | None:
        if _is_constant(node, old):
            return _constant(new)
        named = isinstance(node, (ast.Name, ast.Attribute)) and _last_name(node) == old
        return _renamed(node, new) if named else None

    replace(function, change, nth)


def drop(function: ast.FunctionDef, mention: str, nth: int = 1) -> None:
    """A statement that mentions a name is left out."""
    replace(function, lambda node: [] if _states(node, mention) else None, nth)


def twice(function: ast.FunctionDef, mention: str, nth: int = 1) -> None:
    """A statement that mentions a name is done twice."""
    replace(function, lambda n: [n, copy.deepcopy(n)] if _states(n, mention) else None, nth)


def later(function: ast.FunctionDef, mention: str, nth: int = 1) -> None:
    """A statement that mentions a name comes after the one that followed it."""
    found = 0
    for body in _bodies(function):
        for index, statement in enumerate(body[:-1]):
            found += _states(statement, mention)
            if found == nth:
                body[index : index + 2] = [body[index + 1], statement]
                return
    raise NoSuchPlaceError(f"there are {found} statements with {mention!r} before another")


def never(function: ast.FunctionDef, mention: str, nth: int = 1) -> None:
    """A condition that mentions a name counts as false: a guard or a feature is gone."""
    replace(function, _condition(mention, lambda test: ast.Constant(False)), nth)


def always(function: ast.FunctionDef, mention: str, nth: int = 1) -> None:
    """A condition that mentions a name counts as true."""
    replace(function, _condition(mention, lambda test: ast.Constant(True)), nth)


def negate(function: ast.FunctionDef, mention: str, nth: int = 1) -> None:
    """A condition that mentions a name counts as its opposite."""
    replace(function, _condition(mention, lambda test: ast.UnaryOp(ast.Not(), test)), nth)


def default(function: ast.FunctionDef, argument: str, new: Any) -> None:
    """An argument has another default."""
    given = function.args
    named = [*given.posonlyargs, *given.args][-len(given.defaults) :] if given.defaults else []
    for index, arg in enumerate(named):
        if arg.arg == argument:
            given.defaults[index] = _constant(new)
            return
    raise NoSuchPlaceError(f"no argument {argument!r} has a default")


def lose(function: ast.FunctionDef, key: str, nth: int = 1) -> None:
    """A dict lacks a key, or a call one of its keyword arguments."""

    def change(node: Any) -> ast.AST | None:
        if isinstance(node, ast.Call) and any(k.arg == key for k in node.keywords):
            return _having(node, keywords=[k for k in node.keywords if k.arg != key])
        if isinstance(node, ast.Dict):
            kept = [i for i, k in enumerate(node.keys) if not (k and _is_constant(k, key))]
            if len(kept) < len(node.keys):
                keys, values = [node.keys[i] for i in kept], [node.values[i] for i in kept]
                return _having(node, keys=keys, values=values)
        return None

    replace(function, change, nth)


def keyword(function: ast.FunctionDef, key: str, new: Any, nth: int = 1) -> None:
    """A keyword argument has another value, a constant."""

    def change(node: Any) -> ast.AST | None:
        named = isinstance(node, ast.keyword) and node.arg == key
        return ast.keyword(key, _constant(new)) if named else None

    replace(function, change, nth)


def epsilon(function: ast.FunctionDef, nth: int = 1) -> None:
    """Epsilon moves under the root, or out from under it."""

    def change(node: Any) -> ast.AST | None:
        if _adds_epsilon(node) and _is_root(_operands(node)[0]):
            root = _operands(node)[0]
            inner = _with_operand(node, _operands(root)[0])
            return _having(root, args=[inner, *root.args[1:]])
        if _is_root(node) and _adds_epsilon(_operands(node)[0]):
            inner = _operands(node)[0]
            root = _having(node, args=[_operands(inner)[0], *node.args[1:]])
            return _with_operand(inner, root)
        return None

    replace(function, change, nth)


def neighbour(function: ast.FunctionDef, mention: str, nth: int = 1) -> None:
    """An index is one less: the neighbour's slot."""

    def change(node: Any) -> ast.AST | None:
        if not isinstance(node, ast.Subscript) or not _mentions(node.value, mention):
            return None
        return _having(node, slice=ast.BinOp(node.slice, ast.Sub(), ast.Constant(1)))

    replace(function, change, nth)


def iterate(function: ast.FunctionDef, part: str, mention: str, nth: int = 1) -> None:
    """A loop runs over a part of what it should: ``but the last``, ``but the first``, ..."""
    slices = {"but the last": "[:-1]", "but the first": "[1:]", "backwards": "[::-1]"}
    cut = ast.parse(f"list(){slices[part]}", mode="eval").body
    assert isinstance(cut, ast.Subscript)

    def change(node: Any) -> ast.AST | None:
        loop = isinstance(node, (ast.For, ast.comprehension)) and _mentions(node.iter, mention)
        if not loop:
            return None
        listed = ast.Call(ast.Name("list", ast.Load()), [node.iter], [])
        return _having(node, iter=_having(cut, value=listed))

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
        if not isinstance(node, ast.Assign) or _last_name(node.targets[0]) != attribute:
            return None
        once = ast.parse(f"shared.setdefault({attribute!r})", mode="eval").body
        assert isinstance(once, ast.Call)
        return _having(node, value=_having(once, args=[*once.args, node.value]))

    replace(function, change, nth)


def nothing(function: ast.FunctionDef) -> None:
    """The method does nothing."""
    function.body = [ast.Pass()]


def unchanged(function: ast.FunctionDef) -> None:
    """The method returns its first argument as it is."""
    function.body = [ast.Return(ast.Name(function.args.args[1].arg, ast.Load()))]


def answer(function: ast.FunctionDef, value: Any, nth: int = 1) -> None:
    """A ``return`` gives a constant."""
    constant = ast.Return(_constant(value))
    replace(function, lambda node: constant if isinstance(node, ast.Return) else None, nth)


def inherit(function: ast.FunctionDef) -> None:
    """The method is not overridden: its base class's is called."""
    text = f"def {function.name}(self, *args, **kwargs):\n"
    text += f"    return super().{function.name}(*args, **kwargs)"
    (passed,) = ast.parse(text).body
    assert isinstance(passed, ast.FunctionDef)
    function.args, function.body = passed.args, passed.body


def undecorated(function: ast.FunctionDef, mention: str) -> None:
    """A decorator is missing."""
    kept = [d for d in function.decorator_list if not _mentions(d, mention)]
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


# ---- finding and changing places


def replace(function: ast.FunctionDef, change: Change, nth: int) -> None:
    """Put what ``change`` gives in the place of the ``nth`` node for which it gives anything."""
    found = 0
    for parent, name, index, node in list(_places(function)):
        new = change(node)
        found += new is not None
        if found == nth and new is not None:
            _put(parent, name, index, new)
            return
    raise NoSuchPlaceError(f"{found} such places, and number {nth} is asked for")


def symbol(node: ast.AST) -> str:
    """``+`` and the like, ``-x`` or ``not`` for one operand, or the name of a called function."""
    if isinstance(node, (ast.BinOp, ast.AugAssign, ast.BoolOp)):
        return _SYMBOLS.get(type(node.op), "")
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _SYMBOLS.get(type(node.ops[0]), "")
    if isinstance(node, ast.UnaryOp):
        return {ast.USub: "-x", ast.Not: "not"}.get(type(node.op), "")
    return _last_name(node.func) if isinstance(node, ast.Call) else ""


def _places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Every node inside of ``node`` with its place: parent, field, and index in a list."""
    for name, value in ast.iter_fields(node):
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for index, child in children:
            if isinstance(child, ast.AST):
                yield node, name, index, child
                if not _literal(child):
                    yield from _places(child)


def _put(parent: ast.AST, name: str, index: int | None, new: Any) -> None:
    if index is None:
        setattr(parent, name, new)
        return
    items = getattr(parent, name)
    items[index : index + 1] = new if isinstance(new, list) else [new]
    if not items and name == "body":
        items.append(ast.Pass())


def _bodies(function: ast.FunctionDef) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(function):
        for name in ("body", "orelse"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                yield statements


def _condition(mention: str, new: Callable[[ast.expr], ast.expr]) -> Change:
    def change(node: Any) -> ast.AST | None:
        tested = isinstance(node, (ast.If, ast.IfExp)) and _mentions(node.test, mention)
        return _having(node, test=new(node.test)) if tested else None

    return change


def _having(node: Any, **fields: Any) -> Any:
    """A copy of ``node`` with other fields."""
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _states(node: Any, mention: str) -> bool:
    """Whether ``node`` is a simple statement that mentions a name."""
    simple = isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr, ast.Raise, ast.Return))
    return simple and _mentions(node, mention)


def _mentions(node: ast.AST, name: str) -> bool:
    return any(_last_name(child) == name for child in ast.walk(node))


def _last_name(node: ast.AST) -> str:
    """``c`` of ``a.b.c``; of a parameter of a call, and of a text, itself."""
    for kind, field in ((ast.Name, "id"), (ast.Attribute, "attr"), (ast.arg, "arg")):
        if isinstance(node, kind):
            return str(getattr(node, field))
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _renamed(node: Any, name: str) -> Any:
    return _having(node, **{"id" if isinstance(node, ast.Name) else "attr": name})


def _operands(node: Any) -> list[Any]:
    if isinstance(node, ast.Call):
        return list(node.args)
    if isinstance(node, ast.BoolOp):
        return list(node.values)
    return [node.operand] if isinstance(node, ast.UnaryOp) else [node.left, node.right]


def _with_operand(node: Any, first: Any) -> Any:
    """``node`` with another first operand."""
    if isinstance(node, ast.Call):
        return _having(node, args=[first, *node.args[1:]])
    return _having(node, left=first)


def _adds_epsilon(node: ast.AST) -> bool:
    adds = symbol(node) in ("+", "add", "_foreach_add")
    return adds and any("epsilon" in _last_name(n) for n in ast.walk(_operands(node)[1]))


def _is_root(node: ast.AST) -> bool:
    return symbol(node) in ("sqrt", "_foreach_sqrt")


def _literal(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)


def _is_constant(node: ast.AST, value: Any) -> bool:
    if not (_literal(node) or isinstance(node, ast.Constant)):
        return False
    try:
        found = ast.literal_eval(node)
    except ValueError:  # `not "text"`
        return False
    return type(found) is type(value) and bool(found == value)


def _constant(value: Any) -> ast.expr:
    return ast.parse(repr(value), mode="eval").body
