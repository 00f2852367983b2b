"""Values for a notebook's parameters, held to what the notebook declares.

Values are what JSON can hold, as they travel to the notebook in papermill's cell and are kept in
run.json. pydantic judges them strictly: no text for a number, no number for a text, but a whole
number where a float is declared.
"""

from __future__ import annotations

import ast
import contextlib
import datetime
import difflib
import functools
import json
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slotscope.errors import BadParametersError
from slotscope.sweep.declared.notebook_file import PYTHON, Notebook
from slotscope.sweep.declared.parameters import ANYTHING, Parameter, read_parameters

#: Words of JSON, and of float, that are no literals in Python.
_WORDS = {
    "true": True,
    "false": False,
    "null": None,
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": float("-inf"),
}
#: Characters of a value that a message shows.
_SHOWN = 80


class TypedText(str):
    """A value as it was typed, of which the parameter's type decides what it means."""


class UnfitValueError(Exception):
    """A value is not what its parameter declares."""


@dataclass(frozen=True)
class Signature:
    """What a notebook may be given.

    Attributes:
        parameters: all of them.
        known: whether they could be read; else any name takes anything.
    """

    parameters: tuple[Parameter, ...]
    known: bool = True

    @functools.cached_property
    def by_name(self) -> dict[str, Parameter]:
        """The parameters by name."""
        return {parameter.name: parameter for parameter in self.parameters}

    def check_name(self, name: str) -> None:
        """
        Raises:
            UnfitValueError: there is no such parameter.
        """
        if self.known and name not in self.by_name:
            near = _nearest(name, self.by_name)
            hint = f"; did you mean {near}?" if near else ""
            raise UnfitValueError(f"{name} is not a parameter of the notebook{hint}")

    def value(self, name: str, given: Any) -> Any:
        """The value that ``given`` stands for.

        Raises:
            UnfitValueError: there is no such parameter, or it takes no such value.
        """
        self.check_name(name)
        parameter = self.by_name.get(name) or Parameter(name, Any, ANYTHING, "", "")
        candidates = _readings(given, parameter.type) if isinstance(given, TypedText) else [given]
        first: UnfitValueError | None = None
        for candidate in candidates:
            try:
                return _checked(parameter, candidate)
            except UnfitValueError as error:
                first = first or error
        assert first is not None
        raise first

    def missing(self, names: Iterable[str]) -> Iterator[str]:
        """A sentence for each required parameter that is not among ``names``."""
        given = set(names)
        for parameter in self.parameters:
            if parameter.default is None and parameter.name not in given:
                yield f"{parameter.name} is missing: it has no default"

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The values for one run.

        Raises:
            BadParametersError: with every mistake, and what could be given.
        """
        values, mistakes = {}, list(self.missing(given))
        for name, value in given.items():
            try:
                values[name] = self.value(name, value)
            except UnfitValueError as error:
                mistakes.append(str(error))
        if mistakes:
            raise BadParametersError(mistakes, self.parameters)
        return values


def signature_of(notebook: Notebook) -> Signature:
    """What a notebook may be given; one in another language than Python, anything.

    Raises:
        UnfitNotebookError: no cell has the tag ``parameters``, or that cell is not Python.
    """
    if notebook.place is not None and notebook.language != PYTHON:
        return Signature((), known=False)
    return Signature(read_parameters(notebook))


def _readings(text: TypedText, kind: Any) -> list[Any]:
    """What a typed text may mean: a value as in Python or JSON, or itself."""
    value = _literal(text)
    if isinstance(value, str) and _is_text(kind):
        return [str(text)]
    return [value, str(text)]


def _literal(text: TypedText) -> Any:
    """The value that a text is in Python or JSON; where it is none, itself."""
    if text.strip().lower() in _WORDS:
        return _WORDS[text.strip().lower()]
    with contextlib.suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ast.literal_eval(text.strip())
    with contextlib.suppress(ValueError):
        return json.loads(text)
    return str(text)


def _is_text(kind: Any) -> bool:
    """Whether a type is that of texts, constrained or not, with or without None."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _is_text(args[0])
    if origin in (typing.Union, types.UnionType):
        return all(_is_text(part) for part in args if part is not types.NoneType)
    return kind is str


def _nearest(word: str, words: Iterable[str]) -> str | None:
    """The one of ``words`` that was perhaps meant, in whatever case."""
    known = {other.casefold(): other for other in words}
    near = difflib.get_close_matches(word.casefold(), known, 1, 0.5)
    return known[near[0]] if near else None


def _checked(parameter: Parameter, value: Any) -> Any:
    """``value`` as the parameter's type has it."""
    from pydantic import ValidationError

    name = parameter.name
    try:
        text = json.dumps(value)
    except (TypeError, ValueError) as error:
        hint = ": quote it" if isinstance(value, (datetime.date, datetime.time)) else ""
        raise UnfitValueError(
            f"{name} = {_short(value)}: a parameter is None, a boolean, a number, a text, or a "
            f"list or dictionary of these{hint}"
        ) from error
    try:
        # JSON's own strictness: a list for a tuple and 1 for a float, but no other conversion.
        return _plain(parameter.adapter.validate_json(text, strict=True))
    except ValidationError as error:
        problem = _reason(parameter, value, error.errors())
        raise UnfitValueError(f"{name} = {_short(value)}: {problem}") from error
    except TypeError:  # a constraint to which no value of this type can be held
        return value


def _reason(parameter: Parameter, value: Any, errors: Sequence[Any]) -> str:
    """Why pydantic refuses, in a few words."""
    problems = []
    for error in errors:
        place = "".join(f"[{part!r}]" for part in error["loc"] if isinstance(part, int))
        said = str(error["msg"])
        problems.append(f"{place}: {said}" if place else said)
    message = "; ".join(dict.fromkeys(problems)).replace("Input should", "it should")
    hint = ""
    if isinstance(value, str):
        texts = [text for text in _literals(parameter) if isinstance(text, str)]
        near = _nearest(value, texts)
        hint = f"; did you mean {near!r}?" if near else ""
    if parameter.type is int and isinstance(value, float) and parameter.type_text == "int":
        hint = f" (where floats make sense, the notebook declares `{parameter.name}: float`)"
    return message + hint


def _literals(parameter: Parameter) -> Iterator[Any]:
    """The values that a ``Literal`` lists, also one within something."""
    waiting = [parameter.type]
    while waiting:
        inner = getattr(waiting.pop(), "__args__", ())
        for item in inner:
            if isinstance(item, (str, int, bool)):
                yield item
            else:
                waiting.append(item)


def _plain(value: Any) -> Any:
    """A value as JSON can hold it: a date, or a path, as a text."""
    from pydantic_core import to_jsonable_python

    if isinstance(value, (set, frozenset)):  # in an order that the next process has, too
        value = sorted(value, key=repr)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value if isinstance(value, (bool, int, float, str)) else to_jsonable_python(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
