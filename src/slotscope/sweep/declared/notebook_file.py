"""A notebook as a file: its code cells, read as the JSON that they are.

Deciding that nothing is to be run needs no Jupyter, so none is imported here.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from slotscope.errors import UnfitNotebookError
from slotscope.kernels.server.frameworks import FRAMEWORKS
from slotscope.sweep.unreadable_json import problem

#: The tag by which papermill finds the cell, too.
PARAMETERS = "parameters"
PYTHON = "python"
#: The format that can be run.
FORMAT = 4
_USED = "|".join(["slotscope", *(framework.name for framework in FRAMEWORKS)])
_FRAMEWORKS = re.compile(rf"\b({_USED})\b")


def language_of(stated: str) -> str:
    """What a notebook, or a kernel, says that it is written in; all of Python's names are one."""
    return PYTHON if PYTHON in stated.lower() else stated


@dataclass(frozen=True)
class Notebook:
    """A notebook that was read.

    Attributes:
        path: the path of its file.
        text: the file's content.
        content: the same, parsed.
    """

    path: Path
    text: str
    content: dict[str, Any]

    @cached_property
    def cells(self) -> list[tuple[str, bool]]:
        """Source of every code cell, and whether it has the tag ``parameters``."""
        return [
            (source(cell), PARAMETERS in cell.get("metadata", {}).get("tags", []))
            for cell in self.content["cells"]
            if cell["cell_type"] == "code"
        ]

    @property
    def place(self) -> int | None:
        """Which of the code cells is the one with parameters."""
        return next((place for place, (_, tagged) in enumerate(self.cells) if tagged), None)

    @property
    def kernel(self) -> str:
        """The name of its kernel; empty if it names none."""
        return str(self._metadata("kernelspec").get("name", ""))

    @property
    def language(self) -> str:
        """What its code is written in, as papermill calls it."""
        spec, info = self._metadata("kernelspec"), self._metadata("language_info")
        return language_of(str(spec.get("language") or info.get("name") or PYTHON))

    @cached_property
    def bare(self) -> str:
        """The text of the same notebook without outputs, which are not what is run."""
        cells = [
            cell | {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell
            for cell in self.content["cells"]
        ]
        return json.dumps(self.content | {"cells": cells}, ensure_ascii=False, indent=1)

    @cached_property
    def uses_frameworks(self) -> bool:
        """Whether its code names what a warm kernel has imported."""
        return any(_FRAMEWORKS.search(text) for text, _ in self.cells)

    @cached_property
    def code(self) -> str:
        """A digest of what it does: its code, and which cell parameters follow. Not its outputs."""
        return hashlib.sha256(json.dumps(self.cells).encode()).hexdigest()[:16]

    def _metadata(self, name: str) -> dict[str, Any]:
        found = self.content.get("metadata", {}).get(name)
        return found if isinstance(found, dict) else {}


def source(cell: dict[str, Any]) -> str:
    """The source of a cell, which a file has as one text or as lines."""
    lines = cell["source"]
    return lines if isinstance(lines, str) else "".join(lines)


def read_notebook(path: str | os.PathLike[str]) -> Notebook:
    """The notebook in a file.

    Raises:
        UnfitNotebookError: there is no such file, or it is no notebook.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text)
        notebook = Notebook(path, text, content)
        if int(content["nbformat"]) != FORMAT:
            raise UnfitNotebookError(
                f"{path} is a notebook of format {content['nbformat']}, not {FORMAT}. Open it in "
                f"JupyterLab and save it, which brings an older one to format {FORMAT}."
            )
        _judge(content)
        assert notebook.cells is not None
    except OSError as error:
        raise UnfitNotebookError(
            f"{path} can't be read: {error.strerror or error}. Give the path of a notebook."
        ) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        if isinstance(error, UnfitNotebookError):
            raise
        raise UnfitNotebookError(
            f"{path} is not a notebook: {problem(error)}. "
            "Give the path of an .ipynb file, as JupyterLab saves it."
        ) from error
    return notebook


def _judge(content: dict[str, Any]) -> None:
    """
    Raises:
        LookupError, TypeError: something isn't there without which nothing can be run.
    """
    int(content["nbformat_minor"])
    for part in (content, *content["cells"]):
        dict(part["metadata"])
