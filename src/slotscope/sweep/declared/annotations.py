"""What an annotation in a parameters cell means, found without running the cell.

The annotation's syntax tree is evaluated by hand, and knows Python's plain types, the names of
``typing``, the constraints of ``annotated_types``, and a few types of pydantic, ``pathlib`` and
``datetime``. What else a cell may name (a constant, a class of its own) is not known here, nor
does anybody know what a constraint means that doesn't fit its type: such a parameter takes
anything, as it does in papermill.
"""

from __future__ import annotations

import ast
import functools
import importlib
import operator
import types
import typing
from collections.abc import Mapping
from typing import Any

#: Names that mean their object, whatever the cell imports.
_PLAIN = {
    kind.__name__: kind for kind in (bool, bytes, dict, float, int, list, object, set, str, tuple)
}
_TYPING = (
    "Annotated",
    "Any",
    "Dict",
    "Iterable",
    "List",
    "Literal",
    "Mapping",
    "Optional",
    "Sequence",
    "Tuple",
    "Union",
)
_CONSTRAINTS = ("Gt", "Ge", "Lt", "Le", "Interval", "MultipleOf", "MinLen", "MaxLen", "Len")
_SIGNED = ("Positive", "Negative", "NonPositive", "NonNegative")
#: What is known of each module.
_MODULES = {
    "annotated_types": _CONSTRAINTS,
    "datetime": ("date", "datetime", "time", "timedelta"),
    "pathlib": ("Path",),
    "pydantic": ("Field", *(f"{sign}{kind}" for sign in _SIGNED for kind in ("Int", "Float"))),
    "typing": _TYPING,
    "typing_extensions": _TYPING,
}
#: Where that comes from which an annotation may call.
_CALLED = ("annotated_types", "pydantic.fields")
#: How a constraint is shown.
_SIGNS = {"Gt": ">", "Ge": ">=", "Lt": "<", "Le": "<=", "MultipleOf": "a multiple of"}


class UnknownAnnotationError(Exception):
    """The annotation says what can't be known without running the cell."""


class _Module:
    """A module of which annotations may name some things."""

    def __init__(self, name: str) -> None:
        self.name = name

    def member(self, name: str) -> Any:
        if name not in _MODULES[self.name]:
            raise UnknownAnnotationError(f"{self.name}.{name}")
        return getattr(importlib.import_module(self.name), name)


@functools.cache
def _names() -> dict[str, Any]:
    constraints = _Module("annotated_types")
    return {
        **_PLAIN,
        **{name: getattr(typing, name) for name in _TYPING},
        **{name: constraints.member(name) for name in _CONSTRAINTS},
        **{name: _Module(name) for name in _MODULES},
        "t": _Module("typing"),
        "at": _Module("annotated_types"),
    }


def imported(tree: ast.Module) -> dict[str, Any]:
    """Names that a cell gives to what is known here: ``import typing as t``."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known = [alias for alias in node.names if alias.name in _MODULES]
            found |= {alias.asname or alias.name: _Module(alias.name) for alias in known}
        elif isinstance(node, ast.ImportFrom) and node.module in _MODULES:
            for alias in node.names:
                try:
                    found[alias.asname or alias.name] = _Module(node.module).member(alias.name)
                except UnknownAnnotationError:
                    continue
    return found


def meaning(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """The type that an annotation stands for.

    Args:
        node: the annotation.
        names: what the notebook's cells imported.

    Raises:
        UnknownAnnotationError: it names something that isn't known here, or is no type to which
            a value can be held.
    """
    from pydantic import TypeAdapter
    from pydantic_core import SchemaError

    try:
        kind = _meaning(node, {**_names(), **names})
        TypeAdapter(kind)
    except (TypeError, ValueError, AttributeError, RuntimeError, SchemaError) as error:
        raise UnknownAnnotationError(str(error)) from error
    return kind


def within_final(node: ast.expr | None) -> ast.expr | None:
    """An annotation without its ``Final``, which says nothing of values; None if that is all."""
    match node:
        case ast.Subscript(value=owner, slice=inner) if _last(owner) == "Final":
            return inner
        case ast.Name() | ast.Attribute() if _last(node) == "Final":
            return None
    return node


def or_none(kind: Any, text: str) -> tuple[Any, str]:
    """A type that takes None besides, and the words for it."""
    outer = typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind
    if outer in (Any, object, None) or {None, types.NoneType} & {*typing.get_args(outer)}:
        return kind, text
    return typing.Optional[kind], f"{text} or None"  # noqa: UP045


def _meaning(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """The same, unjudged; where a type belongs, a text is an annotation, too."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _meaning(_parsed(node.value), names)
    return _value(node, names)


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise UnknownAnnotationError(text) from error


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            if name in names:
                return names[name]
        case ast.Attribute(value=ast.expr() as owner, attr=name):
            module = _value(owner, names)
            if isinstance(module, _Module):
                return module.member(name)
        case ast.Subscript(value=ast.expr() as owner, slice=inner):
            return _subscript(_value(owner, names), inner, names)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            # A text must not get into a type: pydantic would run it to find what it names.
            return typing.Union[_meaning(left, names), _meaning(right, names)]  # noqa: UP007
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, names)
        case ast.Tuple(elts=items):
            return tuple(_value(item, names) for item in items)
        case ast.List(elts=items):
            return [_value(item, names) for item in items]
        case ast.Call(func=function, args=arguments, keywords=keywords):
            called = _value(function, names)
            if getattr(called, "__module__", "") not in _CALLED:
                raise UnknownAnnotationError(ast.unparse(node))
            named = {word.arg: _value(word.value, names) for word in keywords if word.arg}
            return called(*(_value(argument, names) for argument in arguments), **named)
    raise UnknownAnnotationError(ast.unparse(node))


def _subscript(owner: Any, inner: ast.expr, names: Mapping[str, Any]) -> Any:
    if owner is typing.Literal:  # its texts are values, not annotations
        return operator.getitem(owner, _value(inner, names))
    items = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if owner is typing.Annotated:
        first, rest = _meaning(items[0], names), [_value(item, names) for item in items[1:]]
        return operator.getitem(owner, (first, *rest))
    found = [
        _value(item, names)
        if isinstance(item, ast.Constant) and not isinstance(item.value, str)
        else _meaning(item, names)
        for item in items
    ]
    return operator.getitem(owner, tuple(found) if len(found) > 1 else found[0])


def shown(node: ast.expr) -> str:
    """An annotation as a person reads it: ``float, > 0, < 1``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return shown(_parsed(node.value))
        except UnknownAnnotationError:
            return node.value
    match node:
        case ast.Subscript(value=owner, slice=ast.Tuple(elts=[first, *rest])):
            if _last(owner) == "Annotated":
                return ", ".join([shown(first), *map(_constraint, rest)])
            if _last(owner) == "Literal":
                return " or ".join(ast.unparse(item) for item in [first, *rest])
        case ast.Subscript(value=owner, slice=inner):
            if _last(owner) == "Literal":
                return ast.unparse(inner)
            if _last(owner) == "Optional":
                return f"{shown(inner)} or None"
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return f"{shown(left)} or {shown(right)}"
    return ast.unparse(node)


def _constraint(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        name = _last(node.func)
        if name in _SIGNS and node.args:
            return f"{_SIGNS[name]} {ast.unparse(node.args[0])}"
        if name in ("Interval", "Field"):
            signs = [(word.arg or "", ast.unparse(word.value)) for word in node.keywords]
            return ", ".join(
                f"{_SIGNS.get(sign.capitalize(), sign)} {value}" for sign, value in signs
            )
    return ast.unparse(node)


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
