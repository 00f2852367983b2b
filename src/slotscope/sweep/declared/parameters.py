"""The parameters of a notebook, read from the cell that papermill takes them from.

A name that the cell assigns to is a parameter. Its type comes from its annotation, from a comment
``# type: int``, or else from its default; its help is the comment at the end of its line. Nothing
of the notebook is executed.

    learning_rate: Annotated[float, Gt(0)] = 0.25  # eta
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from slotscope.errors import UnfitNotebookError
from slotscope.sweep.declared.annotations import (
    UnknownAnnotationError,
    imported,
    meaning,
    or_none,
    shown,
    within_final,
)
from slotscope.sweep.declared.cell_source import as_python
from slotscope.sweep.declared.notebook_file import PYTHON, Notebook

if TYPE_CHECKING:
    from pydantic import TypeAdapter

#: papermill's comment: a type without spaces, then the help.
_TYPE_COMMENT = re.compile(r"type:\s*(?P<type>\S+)\s*(?P<help>.*)")
#: What is said to a type checker, and neither type nor help.
_IGNORED = re.compile(r"#?\s*type:\s*ignore\b(\[.*?\])?\s*#?\s*")
ANYTHING = "anything"


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        name: its name.
        type: what its values are, as an annotation; ``Any`` where nobody says.
        type_text: the same for a person.
        default: source of its default value; None if it is required.
        help: the comment beside it.
    """

    name: str
    type: Any
    type_text: str
    default: str | None
    help: str

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """What holds values to its type."""
        from pydantic import TypeAdapter

        return TypeAdapter(self.type)

    @property
    def default_text(self) -> str:
        """Its default for a person."""
        return "required" if self.default is None else self.default


def read_parameters(notebook: Notebook) -> tuple[Parameter, ...]:
    """The parameters of a notebook, in the order of its cell.

    Raises:
        UnfitNotebookError: no cell has the tag ``parameters``, or that cell is not Python.
    """
    if notebook.place is None:
        raise UnfitNotebookError(
            f"{notebook.path} has no parameters: none of its code cells has the tag `parameters`. "
            "Put what may be varied into one cell, and give it that tag (in JupyterLab: the "
            "property inspector, Common Tools)."
        )
    if notebook.language != PYTHON:
        raise UnfitNotebookError(
            f"{notebook.path} is written in {notebook.language}, whose parameters can't be read. "
            "papermill can run it."
        )
    try:
        text = as_python(notebook.cells[notebook.place][0])
        tree = ast.parse(text)
    except SyntaxError as error:
        raise UnfitNotebookError(
            f"The parameters cell of {notebook.path} is not Python: line {error.lineno}: "
            f"{error.msg}. Expected assignments, such as `learning_rate: float = 0.1  # eta`."
        ) from error
    names = _imports(notebook)
    comments = _comments(text)
    found = {
        name: _parameter(name, annotation, value, comments.get(line, ""), names)
        for name, annotation, value, line in _assigned(tree)
    }
    return tuple(found.values())


def _imports(notebook: Notebook) -> dict[str, Any]:
    """What the cells up to the parameters import, of what annotations may name."""
    found: dict[str, Any] = {}
    assert notebook.place is not None
    for text, _ in notebook.cells[: notebook.place + 1]:
        try:
            found |= imported(ast.parse(as_python(text)))
        except SyntaxError:
            continue
    return found


def _assigned(
    tree: ast.Module,
) -> Iterator[tuple[str, ast.expr | None, ast.expr | None, int]]:
    """Name, annotation, value and last line of every assignment."""
    for node in tree.body:
        line = node.end_lineno or node.lineno
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                yield name, annotation, value, line
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _targets(target, value, line)


def _targets(
    target: ast.expr, value: ast.expr, line: int
) -> Iterator[tuple[str, None, ast.expr, int]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, None, value, line
        case ast.Tuple(elts=names), ast.Tuple(elts=values) if len(names) == len(values):
            for name_node, item in zip(names, values, strict=True):
                yield from _targets(name_node, item, line)


def _comments(text: str) -> dict[int, str]:
    """The comment at the end of each line that has one."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {
        token.start[0]: token.string.lstrip("#").strip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }


def _parameter(
    name: str,
    annotation: ast.expr | None,
    value: ast.expr | None,
    comment: str,
    names: dict[str, Any],
) -> Parameter:
    comment = _IGNORED.sub("", comment)
    typed = _TYPE_COMMENT.match(comment)
    if typed:
        comment = typed["help"].strip()
        if annotation is None:
            annotation = ast.Constant(typed["type"].rstrip(","))
    default = None if value is None else ast.unparse(value)
    annotation = within_final(annotation)
    if annotation is None:
        kind, text = _of_default(value)
        return Parameter(name, kind, text, default, comment)
    try:
        kind, text = meaning(annotation, names), shown(annotation)
        if isinstance(value, ast.Constant) and value.value is None:
            kind, text = or_none(kind, text)
    except (UnknownAnnotationError, TypeError):  # what typing can't hash
        return Parameter(name, Any, f"{shown(annotation)} (not checked)", default, comment)
    return Parameter(name, kind, text, default, comment)


def _of_default(value: ast.expr | None) -> tuple[Any, str]:
    try:
        literal = ast.literal_eval(value) if value is not None else None
    except (ValueError, TypeError, SyntaxError, MemoryError):
        literal = None
    if isinstance(literal, (bool, int, float, str, list, tuple, dict)):
        return type(literal), type(literal).__name__
    return Any, ANYTHING
