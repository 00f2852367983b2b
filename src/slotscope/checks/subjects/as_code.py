"""The optimizer under test, written as code that makes it again in a program of its own.

Such a program may run in any folder: what is not installed is imported from where it lies.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slotscope.checks.short_traceback import is_installed
from slotscope.checks.subjects.constructor_call import call
from slotscope.checks.subjects.subject import Subject
from slotscope.engines.driving.programs import called


@dataclass(frozen=True)
class Code:
    """An expression, and the lines that it needs above it."""

    text: str
    imports: tuple[str, ...] = ()


def given(subject: Subject) -> Code:
    """What ``check_optimizer`` is to be given, as it was: a class, a function, an instance."""
    if subject.source is None and subject.constructor is None:
        code = made(subject, {})
        return Code(f"lambda: {code.text}", code.imports)
    found, arguments = _given(subject), _arguments(subject)
    if not arguments:
        return found
    if not _literal(arguments):
        return Code("make", _HERE.imports)
    text = call("functools.partial", arguments).replace("(", f"({found.text}, ", 1)
    return Code(text, ("import functools", *found.imports))


def made(subject: Subject, changes: Mapping[str, Any]) -> Code:
    """What makes one optimizer, with ``changes`` to its arguments, in Keras 3's names."""
    if subject.builtin:
        return _builtin(subject, changes)
    source = subject.source
    with subject.engine.scope():
        spelled = subject.spelled(type(subject.create(subject.engine)), changes)
    if subject.constructor is None and (changes or source is None):
        return _of_class(subject, spelled)
    if source is not None and source.instance:
        return _given(subject)
    found, arguments = _maker(subject), {**_arguments(subject), **spelled}
    return Code(call(found.text, arguments), found.imports) if _literal(arguments) else _HERE


def _given(subject: Subject) -> Code:
    source = subject.source
    return imported(source.module, source.name) if source else imported_thing(subject.cls)


def _maker(subject: Subject) -> Code:
    """What takes all of its arguments: its class, which what was given may have given some."""
    if subject.constructor is None or (subject.source and not _in_a_module(subject.cls)):
        return _given(subject)
    return imported_thing(subject.cls)


def _arguments(subject: Subject) -> Mapping[str, Any]:
    if subject.constructor is not None:
        return getattr(subject.constructor, "keywords", {})
    return subject.source.arguments if subject.source else {}


def imported(module: str, name: str) -> Code:
    """What ``module`` has under ``name``, which may be one within another."""
    return Code(name, (*_path(module), f"from {module} import {name.partition('.')[0]}"))


def imported_thing(thing: Any) -> Code:
    """A class or function of a module; where it is of none, a line says where to put it."""
    module, name = getattr(thing, "__module__", ""), getattr(thing, "__qualname__", "reference")
    short = name.rpartition(".")[2]
    if not _in_a_module(thing):
        what = "the class " if isinstance(thing, type) else ""
        return Code(short, (f"# here stands {what}{short}",))
    return imported(module, name)


def _in_a_module(thing: Any) -> bool:
    """Whether it can be imported by its name."""
    module, name = getattr(thing, "__module__", ""), getattr(thing, "__qualname__", "<>")
    return module != "__main__" and "<" not in name


#: For what no code can say: it holds an object that has no literal.
_HERE = Code("make()", ("# here stands make, which returns the optimizer as it was given",))


def _builtin(subject: Subject, changes: Mapping[str, Any]) -> Code:
    place = subject.engine.place
    if not subject.expression:
        return _HERE
    if not _plain(subject.expression):
        return Code(f"{place}{subject.expression}")
    name, arguments = called(subject.expression)
    merged = {**arguments, **{key: repr(value) for key, value in changes.items()}}
    spelled = {subject.engine.renamed.get(k, k): v for k, v in merged.items()}
    return Code(f"{place}{name}({', '.join(f'{key}={value}' for key, value in spelled.items())})")


def _of_class(subject: Subject, spelled: Mapping[str, Any]) -> Code:
    """Of what only its config tells: a call of its class, or of ``from_config``."""
    found, expression = imported_thing(subject.cls), subject.expression
    if not expression or not _literal(spelled):
        return _HERE
    if _plain(expression):
        _, arguments = called(expression)
        merged = {**arguments, **{key: repr(value) for key, value in spelled.items()}}
        said = ", ".join(f"{key}={value}" for key, value in merged.items())
        return Code(f"{found.text}({said})", found.imports)
    config = {**ast.literal_eval(expression.partition("from_config")[2]), **spelled}
    return Code(f"{found.text}.from_config({config!r})", found.imports)


def _plain(expression: str) -> bool:
    """Whether it is a call of the class, not of its ``from_config``."""
    return ".from_config(" not in expression


def _literal(arguments: Mapping[str, Any]) -> bool:
    """Whether every value can be written down."""
    try:
        return all(ast.literal_eval(repr(value)) == value for value in arguments.values())
    except (ValueError, SyntaxError):
        return False


@functools.cache
def _path(module: str) -> tuple[str, ...]:
    """The lines after which a module that is not installed can be imported."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file or is_installed(file):
        return ()
    path = Path(file).resolve()
    folder = path.parents[module.count(".") + (path.name == "__init__.py")]
    return ("import sys", f"sys.path.insert(0, {str(folder)!r})")
