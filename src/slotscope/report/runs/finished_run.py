"""The record of one run: what its ``run.json`` says.

Figures and recordings stay in the run's notebook until they are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slotscope.report.results import encoding
from slotscope.report.results.attachments import StoredResult
from slotscope.sweep.store import FORMAT, ID, NOTEBOOK

DONE, FAILED = "done", "failed"

_ERROR = ("kind", "cell", "name", "message")


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run failed.

    Attributes:
        kind: ``cell``, ``papermill``, ``no kernel``, ``kernel died``, ``time limit``,
            ``interrupted`` or ``worker died``.
        cell: which of the code cells of the notebook, from 1, if it is known.
        name: of the exception; empty where there was none.
        message: its text; where it has none, the line that raised it.
    """

    kind: str
    cell: int | None
    name: str
    message: str

    def __str__(self) -> str:
        what = ": ".join(part for part in (self.name, self.message) if part)
        return what if self.kind == "cell" else ": ".join(filter(None, (self.kind, what)))


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run.

    Attributes:
        id: name of its folder.
        number: its place in the sweep.
        status: ``done`` or ``failed``.
        parameters: what the notebook was run with.
        results: what it gave to :func:`slotscope.result`; those before the failure, if it failed.
        error: why it failed; None if it did not.
        started: when, in UTC.
        seconds: how long it took.
        attempts: how often it was started.
        versions: version of each package involved.
        fingerprint: of the code and the versions that made it.
        notebook: path of the executed notebook.
    """

    id: str
    number: int
    status: str
    parameters: Mapping[str, Any]
    results: Mapping[str, Any]
    error: RunError | None
    started: datetime
    seconds: float
    attempts: int
    versions: Mapping[str, str]
    fingerprint: Mapping[str, Any]
    notebook: Path


class ForeignRecordError(ValueError):
    """A ``run.json`` that no sweep wrote: its folder's name is no run's, nor is that within it."""


def read_run(path: Path) -> Run:
    """The run of a ``run.json``.

    Raises:
        FileNotFoundError, NotADirectoryError: there is none.
        ForeignRecordError: it is another program's.
        ValueError: it is not as a sweep wrote it; the message says how.
    """
    try:
        return _read(path)
    except ValueError as error:
        if ID.fullmatch(path.parent.name) or _is_copy(path):
            raise
        raise ForeignRecordError(str(error)) from error


def _is_copy(path: Path) -> bool:
    """Whether what is in a folder of another name is a run's record."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return ID.fullmatch(found["id"]) is not None
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _read(path: Path) -> Run:
    try:
        return _run(json.loads(path.read_text(encoding="utf-8")), path)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except json.JSONDecodeError as error:
        raise ValueError("it is not whole JSON") from error
    except UnicodeDecodeError as error:
        raise ValueError("it is not text in UTF-8") from error
    except KeyError as error:
        raise ValueError(f"it has no {error}") from error
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("something in it is of another kind than expected") from error
    except OSError as error:
        raise ValueError(f"it can't be read: {error.strerror or error}") from error


def _run(found: Any, path: Path) -> Run:
    if found["format"] != FORMAT:
        raise ValueError(f"it has format {found['format']}, this version reads {FORMAT}")
    if found["status"] not in (DONE, FAILED):
        raise ValueError(f"its status is {found['status']!r}, expected {DONE!r} or {FAILED!r}")
    if found["id"] != path.parent.name:
        raise ValueError(f"it belongs into a folder {found['id']}: is this a copy?")
    notebook = path.with_name(NOTEBOOK)
    kept = found["results"]
    error = found["error"]
    return Run(
        id=path.parent.name,
        number=int(found["number"]),
        status=found["status"],
        parameters=dict(found["parameters"]),
        results={} if kept is None else encoding.restored(kept, _stored(notebook)),
        error=None if error is None else RunError(*(error[name] for name in _ERROR)),
        started=_utc(found["started"]),
        seconds=float(found["seconds"]),
        attempts=int(found["attempts"]),
        versions=dict(found["versions"]),
        fingerprint=dict(found["fingerprint"]),
        notebook=notebook,
    )


def _utc(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _stored(notebook: Path) -> encoding.Attached:
    return lambda tag, place: StoredResult(notebook, tag.lstrip("$"), place)
