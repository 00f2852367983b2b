"""Results read back from an executed notebook; no kernel, framework or Jupyter is needed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from slotscope.errors import DamagedResultsError, NoResultsError
from slotscope.report.results import attachments, encoding
from slotscope.sweep.executed.stored_results import parts

_SIGNS_OF_DAMAGE = (ValueError, LookupError, TypeError, AttributeError, OSError)


def read_results(notebook: str | PathLike[str] | Mapping[str, Any]) -> dict[str, Any]:
    """The results that an executed notebook holds.

    Args:
        notebook: path of the file, or what ``nbformat.read`` or papermill's ``execute_notebook``
            returned.

    Returns:
        The values by name, of every call of ``slotscope.result``; the last one where a name comes
        again. A figure is an object whose ``png`` is the content of a PNG file.

    Raises:
        FileNotFoundError: there is no such file.
        NoResultsError: the notebook holds no results.
        DamagedResultsError: it is not a notebook, or its results are not as they were written.
    """
    try:
        outputs = list(_outputs(notebook))
        found = {
            name: value
            for part in parts(outputs)
            for name, value in encoding.restored(
                part, lambda tag, place: attachments.find(outputs, tag, place)
            ).items()
        }
    except FileNotFoundError:
        raise
    except _SIGNS_OF_DAMAGE as error:
        raise _damaged(notebook, error) from error
    if not found:
        raise NoResultsError(f"{_name(notebook)} holds no results: {_why(outputs)}")
    return found


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A figure or a recording that is still in its notebook; :meth:`read` fetches it.

    Attributes:
        notebook: path of the executed notebook.
        kind: ``figure`` or ``recording``.
        place: its name among the results, such as ``velocity``.
    """

    notebook: Path
    kind: str
    place: str

    def __str__(self) -> str:
        return f"a {self.kind}, in {self.notebook}"

    def read(self) -> Any:
        """The :class:`~slotscope.report.results.attachments.FigureResult`, or the recording.

        Raises:
            FileNotFoundError: the notebook is gone.
            DamagedResultsError: it is not in the notebook as it was written.
        """
        try:
            return attachments.find(_outputs(self.notebook), f"${self.kind}", self.place)
        except FileNotFoundError:
            raise
        except _SIGNS_OF_DAMAGE as error:
            raise _damaged(self.notebook, error) from error


def _damaged(notebook: Any, error: Exception) -> DamagedResultsError:
    return DamagedResultsError(
        f"{_name(notebook)} is not a notebook whose results are whole"
        f" ({type(error).__name__}: {error})."
        "\nExpected what slotscope.result left in an executed notebook. Run it again."
    )


def _name(notebook: Any) -> str:
    return "The notebook" if isinstance(notebook, Mapping) else os.fspath(notebook)


def _outputs(notebook: str | PathLike[str] | Mapping[str, Any]) -> Iterator[Any]:
    """The outputs of all code cells, in order."""
    content: Any = notebook
    if not isinstance(notebook, Mapping):
        content = json.loads(Path(notebook).read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            yield from cell["outputs"]


def _why(outputs: list[Any]) -> str:
    errors = [output["ename"] for output in outputs if output["output_type"] == "error"]
    if errors:
        return f"a cell raised {errors[0]}. Mend that, and run it again."
    if not outputs:
        return "it was not executed. Run it, for instance with papermill."
    return "no cell called slotscope.result. Add one at its end, and run it again."
