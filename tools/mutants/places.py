"""Places of a syntax tree: finding the one that is meant, and putting something else there."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any

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
NODES = {symbol: node for node, symbol in _SYMBOLS.items()}

Change = Callable[[Any], "ast.AST | list[ast.stmt] | None"]


class NoSuchPlaceError(Exception):
    """The function has no such place, or no such function is there."""


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
    return last_name(node.func) if isinstance(node, ast.Call) else ""


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


def bodies(function: ast.FunctionDef) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(function):
        for name in ("body", "orelse"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                yield statements


def condition(mention: str, new: Callable[[ast.expr], ast.expr]) -> Change:
    def change(node: Any) -> ast.AST | None:
        tested = isinstance(node, (ast.If, ast.IfExp)) and mentions(node.test, mention)
        return having(node, test=new(node.test)) if tested else None

    return change


def having(node: Any, **fields: Any) -> Any:
    """A copy of ``node`` with other fields."""
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def states(node: Any, mention: str) -> bool:
    """Whether ``node`` is a simple statement that mentions a name."""
    simple = isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr, ast.Raise, ast.Return))
    return simple and mentions(node, mention)


def mentions(node: ast.AST, name: str) -> bool:
    return any(last_name(child) == name for child in ast.walk(node))


def last_name(node: ast.AST) -> str:
    """``c`` of ``a.b.c``; of a parameter of a call, and of a text, itself."""
    for kind, field in ((ast.Name, "id"), (ast.Attribute, "attr"), (ast.arg, "arg")):
        if isinstance(node, kind):
            return str(getattr(node, field))
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def renamed(node: Any, name: str) -> Any:
    return having(node, **{"id" if isinstance(node, ast.Name) else "attr": name})


def operands(node: Any) -> list[Any]:
    if isinstance(node, ast.Call):
        return list(node.args)
    if isinstance(node, ast.BoolOp):
        return list(node.values)
    return [node.operand] if isinstance(node, ast.UnaryOp) else [node.left, node.right]


def with_operand(node: Any, first: Any) -> Any:
    """``node`` with another first operand."""
    if isinstance(node, ast.Call):
        return having(node, args=[first, *node.args[1:]])
    return having(node, left=first)


def adds_epsilon(node: ast.AST) -> bool:
    adds = symbol(node) in ("+", "add", "_foreach_add")
    return adds and any("epsilon" in last_name(n) for n in ast.walk(operands(node)[1]))


def is_root(node: ast.AST) -> bool:
    return symbol(node) in ("sqrt", "_foreach_sqrt")


def _literal(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)


def is_constant(node: ast.AST, value: Any) -> bool:
    if not (_literal(node) or isinstance(node, ast.Constant)):
        return False
    try:
        found = ast.literal_eval(node)
    except ValueError:  # `not "text"`
        return False
    return type(found) is type(value) and bool(found == value)


def constant(value: Any) -> ast.expr:
    return ast.parse(repr(value), mode="eval").body
