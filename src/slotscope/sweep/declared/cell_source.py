"""The Python of a cell, in which lines may be IPython's own: ``%magic``, ``!command``, ``x?``."""

from __future__ import annotations

import ast
from typing import Any


def as_python(text: str) -> str:
    """A cell as Python; one that is Python already is returned unchanged.

    Raises:
        SyntaxError: IPython can't read it either.
    """
    try:
        ast.parse(text)
    except SyntaxError:
        return _transformed(text)
    return text


def _transformed(text: str) -> str:
    from IPython.core.inputtransformer2 import TransformerManager

    manager: Any = TransformerManager()  # type: ignore[no-untyped-call]
    # What is below `%%time` is Python all the same, and would be one text.
    manager.line_transforms = []
    return str(manager.transform_cell(text))
