"""Values for a notebook's parameters, held to what the notebook declares.

Values are what JSON can hold, as they travel to the notebook in papermill's cell and are kept in
run.json. pydantic judges them strictly: no text for a number, no number for a text, but a whole
number where a float is declared.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slotscope.errors import BadParametersError
from slotscope.sweep.notebook import Notebook
from slotscope.sweep.parameters import ANYTHING, Parameter, read_parameters

if TYPE_CHECKING:
    from pydantic import TypeAdapter

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


class Text(str):
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

    def value(self, name: str, given: Any) -> Any:
        """The value that ``given`` stands for.

        Raises:
            UnfitValueError: there is no such parameter, or it takes no such value.
        """
        if name not in self.by_name and self.known:
            raise UnfitValueError(self._unknown(name))
        parameter = self.by_name.get(name) or Parameter(name, Any, ANYTHING, "", "")
        candidates = list(_readings(given)) if isinstance(given, Text) else [given]
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

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self.by_name, 1, 0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{name} is not a parameter of the notebook{hint}"


def signature_of(notebook: Notebook) -> Signature:
    """What a notebook may be given; one in another language than Python, anything.

    Raises:
        UnfitNotebookError: no cell has the tag ``parameters``, or that cell is not Python.
    """
    if notebook.place is not None and "python" not in notebook.language:
        return Signature((), known=False)
    return Signature(read_parameters(notebook))


def _readings(text: Text) -> Iterator[Any]:
    """What a typed text may mean: a value as in Python or JSON, or itself."""
    if text.strip().lower() in _WORDS:
        yield _WORDS[text.strip().lower()]
    else:
        try:
            yield ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            with contextlib.suppress(ValueError):
                yield json.loads(text)
    yield str(text)


def _checked(parameter: Parameter, value: Any) -> Any:
    """``value`` as the parameter's type has it."""
    from pydantic import ValidationError

    name = parameter.name
    try:
        text = json.dumps(value)
    except (TypeError, ValueError) as error:
        raise UnfitValueError(
            f"{name} = {_short(value)}: a parameter is None, a boolean, a number, a text, or a "
            "list or dictionary of these"
        ) from error
    try:
        # JSON's own strictness: a list for a tuple and 1 for a float, but no other conversion.
        return _plain(_adapter(_Key(parameter)).validate_json(text, strict=True))
    except ValidationError as error:
        problem = _reason(parameter, value, error.errors())
        raise UnfitValueError(f"{name} = {_short(value)}: {problem}") from error


class _Key:
    """A parameter, whose type need not be hashable, as a key."""

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.parameter is other.parameter

    def __hash__(self) -> int:
        return id(self.parameter)


@functools.lru_cache(maxsize=1024)
def _adapter(key: _Key) -> TypeAdapter[Any]:
    from pydantic import PydanticUserError, TypeAdapter

    try:
        return TypeAdapter(key.parameter.type)
    except (PydanticUserError, TypeError):  # no type that pydantic knows
        return TypeAdapter(Any)


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
        near = difflib.get_close_matches(value, texts, 1, 0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
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
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
