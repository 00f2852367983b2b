"""A mutant in the place of the method that it was made from, for the time of a ``with``."""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import inspect
import itertools
import linecache
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from tools.mutants.operators import OPERATORS
from tools.mutants.places import NoSuchPlaceError

_KINDS = ("property", "classmethod", "staticmethod", "setter")
_count = itertools.count()


@contextlib.contextmanager
def mutated(package: str, place: str, operator: str, *arguments: Any) -> Iterator[None]:
    """Put a changed copy of a method in its place, and the method itself back afterwards.

    Args:
        package: the name under which the engine's Keras is imported.
        place: ``module:Class.method``, ``module:function`` or ``module:Class.property=`` for what
            sets it; the module's name is within the package.
        operator: one of :data:`~tools.mutants.operators.OPERATORS`.
        *arguments: the operator's.

    Raises:
        NoSuchPlaceError: the module has no such method, or the method no such place.
    """
    module_name, _, path = place.partition(":")
    module = importlib.import_module(f"{package}.{module_name}")
    owner, name = _owner(module, path)
    tree = _definition(module, path)
    before = ast.unparse(tree)
    OPERATORS[operator](tree, *arguments)
    if ast.unparse(tree) == before:
        raise NoSuchPlaceError(f"{operator} changes nothing")
    original = vars(owner)[name]
    setattr(owner, name, _like(original, _compiled(tree, module, owner), path.endswith("=")))
    try:
        yield
    finally:
        setattr(owner, name, original)


def _owner(module: ModuleType, path: str) -> tuple[Any, str]:
    """The class, or module, that has the function in its own dict, and the function's name."""
    *classes, name = path.removesuffix("=").split(".")
    owner: Any = module
    for part in classes:
        owner = getattr(owner, part, None)
    if owner is None or name not in vars(owner):
        raise NoSuchPlaceError(f"{module.__name__} has no {path}")
    return owner, name


def _definition(module: ModuleType, path: str) -> ast.FunctionDef:
    """The syntax tree of a function as its module defines it, decorators included."""
    body = _parsed(module).body
    *classes, name = path.removesuffix("=").split(".")
    for part in classes:
        body = next(n for n in body if isinstance(n, ast.ClassDef) and n.name == part).body
    sets = path.endswith("=")
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            setter = any(_is_kind(d, ("setter",)) for d in node.decorator_list)
            if setter == sets:
                return _without_docstring(node)
    raise NoSuchPlaceError(f"{module.__name__} does not define {path}")


def _parsed(module: ModuleType) -> ast.Module:
    return ast.parse(_source(module))


@functools.cache
def _source(module: ModuleType) -> str:
    return inspect.getsource(module)


def _without_docstring(function: ast.FunctionDef) -> ast.FunctionDef:
    if ast.get_docstring(function) is not None:
        function.body = function.body[1:] or [ast.Pass()]
    return function


def _is_kind(decorator: ast.expr, kinds: tuple[str, ...] = _KINDS) -> bool:
    name = decorator.attr if isinstance(decorator, ast.Attribute) else ast.unparse(decorator)
    return name in kinds


def _compiled(function: ast.FunctionDef, module: ModuleType, owner: Any) -> Any:
    """The function as an object, at home in its module, with ``super()`` and what is shared."""
    function.decorator_list = [d for d in function.decorator_list if not _is_kind(d)]
    (maker,) = ast.parse("def make(__class__, shared):\n    return None").body
    assert isinstance(maker, ast.FunctionDef)
    maker.body = [function, ast.Return(ast.Name(function.name, ast.Load()))]
    text = ast.unparse(ast.fix_missing_locations(ast.Module([maker], [])))
    file = f"<mutant {next(_count)} of {module.__name__}>"
    # TensorFlow's autograph reads the source of what it converts.
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    made: dict[str, Any] = {}
    exec(compile(text, file, "exec"), vars(module), made)
    return made["make"](owner, {})


def _like(original: Any, function: Any, sets: bool) -> Any:
    """``function`` as the kind of attribute that ``original`` is."""
    if isinstance(original, property):
        return original.setter(function) if sets else original.getter(function)
    if isinstance(original, (classmethod, staticmethod)):
        return type(original)(function)
    return function
