"""What a function does, as its own source says it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any


def body(function: Callable[..., Any]) -> str:
    """The source of ``function`` without its signature, decorators and docstring, not indented."""
    source = textwrap.dedent(inspect.getsource(function))
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.FunctionDef)
    statements = definition.body
    described = ast.get_docstring(definition) is not None and len(statements) > 1
    first = statements[1 if described else 0]
    return textwrap.dedent("\n".join(source.splitlines()[first.lineno - 1 :]))
