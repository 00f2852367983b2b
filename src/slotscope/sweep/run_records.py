"""What run.json and sweep.json say: the one place where they are read, judged and worded.

A file that is not as it was written raises ValueError, and the message says how it differs.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slotscope.sweep.dependencies import Dependencies
from slotscope.sweep.unreadable_json import problem

#: Of both files. Raise it when a file would be misread by a version that knows the number before; a
#: new field that has a default needs no new one, as readers pass over what they don't know.
FORMAT = 1
RUN, NOTEBOOK, SWEEP = "run.json", "notebook.ipynb", "sweep.json"
#: Names of the folders of combinations.
ID = re.compile("[0-9a-f]{16}")
DONE, FAILED = "done", "failed"


def identity(parameters: Mapping[str, Any]) -> str:
    """The name of a combination's folder."""
    text = json.dumps(parameters, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run failed.

    Attributes:
        kind: ``cell``, ``papermill``, ``no kernel``, ``kernel died``, ``time limit``,
            ``interrupted`` or ``worker died``.
        cell: which of the code cells of the notebook, from 1, if it is known.
        name: the name of the exception; empty if there was none.
        message: its text; where it has none, the line that raised it.
    """

    kind: str
    cell: int | None
    name: str
    message: str

    def __str__(self) -> str:
        what = ": ".join(part for part in (self.name, self.message) if part)
        return what if self.kind == "cell" else ": ".join(filter(None, (self.kind, what)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One finished run. Its run.json has a key for each field.

    Attributes:
        id: the name of its folder.
        number: its place in the sweep.
        parameters: what the notebook was run with.
        results: what it gave to ``slotscope.result``, as the notebook has it; None for nothing.
        error: why it failed; None if it did not.
        started: when, in UTC.
        seconds: how long it took.
        attempts: how often it was started.
        dependencies: what made it.
    """

    id: str
    number: int
    parameters: Mapping[str, Any]
    results: Mapping[str, Any] | None
    error: RunError | None
    started: datetime
    seconds: float
    attempts: int
    dependencies: Dependencies

    @property
    def status(self) -> str:
        """``done`` or ``failed``."""
        return FAILED if self.error else DONE

    def as_json(self) -> str:
        """The text of its run.json."""
        content = {
            "format": FORMAT,
            "status": self.status,
            **{field.name: getattr(self, field.name) for field in fields(RunRecord)},
            "error": None if self.error is None else asdict(self.error),
            "started": self.started.isoformat(timespec="seconds"),
            **_worded(self.dependencies),
        }
        del content["dependencies"]  # which are worded
        return json.dumps(content, indent=1)


class ForeignRecordError(ValueError):
    """A ``run.json`` that no sweep wrote: its folder's name is no run's, nor is that within it."""


def read_run(path: Path) -> RunRecord:
    """The run of a ``run.json``.

    Raises:
        FileNotFoundError, NotADirectoryError, IsADirectoryError: there is none.
        ForeignRecordError: it is another program's.
        ValueError: it is not as a sweep wrote it.
    """
    try:
        content = json.loads(path.read_bytes())
        return _run(content, path.parent.name)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        if ID.fullmatch(path.parent.name) or isinstance(error, CopiedRunError):
            raise ValueError(problem(error)) from error
        raise ForeignRecordError(problem(error)) from error


class CopiedRunError(ValueError):
    """A ``run.json`` that is whole, in a folder that is not its own."""


def _run(content: Any, folder: str) -> RunRecord:
    _check_format(content)
    found = RunRecord(**_given(content), dependencies=_dependencies(content))
    if found.id != identity(found.parameters):
        raise ValueError("its parameters belong to another folder")
    if content["status"] != found.status:
        raise ValueError(f"its status is {content['status']!r}, expected {found.status!r}")
    results = found.results
    if results is not None and zlib.crc32(results["values"].encode()) != results["crc32"]:
        raise ValueError("the checksum of its results differs")
    if folder != found.id:
        raise CopiedRunError(f"it belongs into a folder {found.id}: is this a copy?")
    return found


def _given(content: Any) -> dict[str, Any]:
    """The fields of a run, but its dependencies; what isn't there has its default."""
    read: Mapping[str, Callable[[Any], Any]] = {
        "number": int,
        "parameters": dict,
        "error": lambda error: None if error is None else RunError(**error),
        "started": _utc,
        "seconds": float,
        "attempts": int,
    }
    return {
        field.name: read.get(field.name, lambda value: value)(content[field.name])
        for field in fields(RunRecord)
        if field.name != "dependencies" and (field.default is MISSING or field.name in content)
    }


@dataclass(frozen=True, slots=True)
class SweepRecord:
    """What was asked for last, in the folder of a sweep.

    Attributes:
        notebook: the name of the notebook's file.
        path: the way to it from the folder of the sweep; empty for any of this name.
        runs: the folders of the runs that were asked for, in order.
        dependencies: all that a run of it may have depended on.
    """

    notebook: str
    path: str
    runs: Sequence[str]
    dependencies: Dependencies

    def as_json(self) -> str:
        """The text of its sweep.json."""
        content = {
            "format": FORMAT,
            "notebook": self.notebook,
            "path": self.path,
            "runs": list(self.runs),
            **_worded(self.dependencies),
        }
        return json.dumps(content, indent=1) + "\n"


def read_sweep(path: Path) -> SweepRecord | None:
    """What a ``sweep.json`` says; None if there is none.

    Raises:
        ValueError: it is not as a sweep wrote it.
    """
    try:
        content = json.loads(path.read_bytes())
        _check_format(content)
        notebook, path_ = str(content["notebook"]), str(content.get("path", ""))
        runs = [str(id) for id in content["runs"]]
        return SweepRecord(notebook, path_, runs, _dependencies(content))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(problem(error)) from error


def _check_format(content: Any) -> None:
    if content["format"] != FORMAT:
        raise ValueError(f"it has format {content['format']}, this version reads {FORMAT}")


def _worded(found: Dependencies) -> dict[str, Any]:
    return {
        "versions": found.versions,
        "fingerprint": {"code": found.code, "modules": found.modules},
    }


def _dependencies(content: Any) -> Dependencies:
    fingerprint = content["fingerprint"]
    code, versions = fingerprint["code"], content.get("versions", {})
    if "modules" not in fingerprint:
        earlier = f"{fingerprint['package']} {fingerprint['versions']}"
        return Dependencies(code, dict(versions), None, earlier)
    modules = fingerprint["modules"]
    return Dependencies(code, dict(versions), None if modules is None else dict(modules))


def _utc(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
