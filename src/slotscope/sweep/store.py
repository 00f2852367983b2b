"""The folder of a sweep: one folder for every combination of parameters.

A run has finished if, and only if, its run.json is there: it is written last, whole, and after the
notebook that it belongs to. What a killed driver leaves half-written has a name that starts with a
dot, is never read, and goes when the next sweep begins.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slotscope.errors import SweepFolderError, SweepInUseError
from slotscope.files import left_behind, whole
from slotscope.sweep.unreadable_json import problem

FORMAT = 1
RUN, NOTEBOOK, SWEEP, LOCK = "run.json", "notebook.ipynb", "sweep.json", ".lock"
#: Names of the folders of combinations.
ID = re.compile("[0-9a-f]{16}")
_OTHER_FORMAT = f"it has format {{}}, this version reads {FORMAT}"


def identity(parameters: Mapping[str, Any]) -> str:
    """The name of a combination's folder."""
    text = json.dumps(parameters, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Store:
    """A sweep's folder.

    Attributes:
        folder: its path.
    """

    folder: Path

    def run_folder(self, id: str) -> Path:
        """Where a run is kept."""
        return self.folder / id

    def read(self, id: str) -> dict[str, Any] | None:
        """What run.json says; None where the run has not finished.

        Raises:
            ValueError: it is damaged; the message says how.
            SweepFolderError: something else is where the run has its place.
        """
        path = self.run_folder(id) / RUN
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except (IsADirectoryError, NotADirectoryError) as error:
            raise SweepFolderError(
                f"{path} can't be written: {error.strerror}. Something else has its place. Move "
                "that away, or choose another folder by --out."
            ) from error
        except OSError as error:
            raise ValueError(problem(error)) from error
        try:
            run = json.loads(content)
            _judge(run, id)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ValueError(problem(error)) from error
        if not (path.parent / NOTEBOOK).is_file():
            raise ValueError(f"{NOTEBOOK} is not beside it")
        return dict(run)

    def write(self, run: Mapping[str, Any], notebook: str) -> None:
        """Keep a finished run. Both files are on the disk before either takes its place.

        Raises:
            SweepFolderError: they can't be written; what was there before still is.
        """
        folder = self.run_folder(run["id"])
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # The inner file takes its place first.
            with whole(folder / RUN) as new_run, whole(folder / NOTEBOOK) as new_notebook:
                _written(new_notebook, notebook)
                _written(new_run, json.dumps(run, indent=1))
            _synced(folder)
        except OSError as error:
            raise SweepFolderError(
                f"{folder} can't be written: {error.strerror or error}. What had finished is kept. "
                "Mend that (a full disk needs room), and give the same command again."
            ) from error

    def renumber(self, id: str, number: int) -> None:
        """Give a finished run another place in the sweep.

        Raises:
            SweepFolderError: it can't be written; what was there before still is.
        """
        run = self.read(id)
        try:
            with whole(self.run_folder(id) / RUN) as new:
                _written(new, json.dumps({**(run or {}), "number": number}, indent=1))
        except OSError as error:
            raise self._unwritable(error) from error

    def begin(self, notebook: Path, runs: Sequence[str], dependencies: Mapping[str, Any]) -> None:
        """See that the folder is of the same sweep, write what is asked for, and tidy.

        Args:
            notebook: the notebook's file.
            runs: the ids of what was asked for, in order.
            dependencies: all that a run that is made now may depend on.

        Raises:
            SweepFolderError: the folder can't be written, or is not of this notebook's sweep.
        """
        self.check(notebook)
        asked = {
            "format": FORMAT,
            "notebook": notebook.name,
            "path": self._way(notebook),
            "runs": list(runs),
            **dependencies,
        }
        try:
            self._clean()
            with whole(self.folder / SWEEP) as new:
                _written(new, json.dumps(asked, indent=1) + "\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def check(self, notebook: Path) -> None:
        """
        Raises:
            SweepFolderError: it is a file or can't be written, holds a sweep of another notebook,
                or nobody can say of which.
        """
        self._check_writable()
        path = self.folder / SWEEP
        try:
            asked = json.loads(path.read_bytes())
            if asked["format"] != FORMAT:
                raise ValueError(_OTHER_FORMAT.format(asked["format"]))
            other, way = asked["notebook"], self.folder / asked.get("path", "")
        except FileNotFoundError:
            return
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise SweepFolderError(
                f"{path} can't be read ({problem(error)}), so nobody can say of which notebook "
                "this folder is, if of any. Choose another folder by --out; if it is of "
                f"{notebook.name}, remove that file."
            ) from error
        if other != notebook.name:
            raise SweepFolderError(
                f"{self.folder} holds a sweep of {other}, and this one is of {notebook.name}. "
                "Choose another folder by --out; if the notebook was renamed, write its name in "
                f"{path}."
            )
        # One that is no longer there was moved.
        if way.is_file() and not way.samefile(notebook):
            raise SweepFolderError(
                f"{self.folder} holds a sweep of {os.path.realpath(way)}, and this one is of "
                f"{notebook}. Choose another folder by --out; if they are the same experiment, "
                f"remove `path` from {path}."
            )

    def _check_writable(self) -> None:
        """As far as can be said without writing."""
        try:
            there = next(
                path for path in (self.folder, *self.folder.absolute().parents) if path.exists()
            )
        except OSError as error:  # a folder above it may not be entered
            raise self._unwritable(error) from error
        if there == self.folder and not there.is_dir():
            raise SweepFolderError(f"{self.folder} is a file. Give a folder by --out.")
        if not there.is_dir():
            raise self._unwritable(NotADirectoryError(errno.ENOTDIR, f"{there} is a file"))
        if not os.access(there, os.W_OK | os.X_OK):
            raise self._unwritable(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))

    def _way(self, notebook: Path) -> str:
        """The path of a notebook from here, so that both may move together."""
        there, here = os.path.realpath(notebook), os.path.realpath(self.folder)
        try:
            return Path(os.path.relpath(there, here)).as_posix()
        except ValueError:  # another drive of Windows
            return there

    def _clean(self) -> None:
        """Remove what a killed driver left half-written."""
        left = [*left_behind(self.folder, SWEEP)]
        for folder in self.folder.iterdir():
            if ID.fullmatch(folder.name) and folder.is_dir():
                left += left_behind(folder, RUN, NOTEBOOK)
        for path in left:
            with contextlib.suppress(OSError):
                path.unlink()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """While this is entered, no other sweep writes here. The folder is made where it isn't.

        Raises:
            SweepInUseError: another one does.
            SweepFolderError: the folder can't be written.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / LOCK)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            raise SweepInUseError(
                f"Another sweep is writing into {self.folder}. Wait for its end, or choose another "
                "folder by --out."
            ) from None
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            yield
        finally:
            lock.release()

    def _unwritable(self, error: OSError) -> SweepFolderError:
        return SweepFolderError(
            f"{self.folder} can't be written: {error.strerror or error}. "
            "Choose another folder by --out, or make this one writable."
        )


def _judge(run: Mapping[str, Any], id: str) -> None:
    """
    Raises:
        ValueError: a run.json is not as it was written.
    """
    if run["format"] != FORMAT:
        raise ValueError(_OTHER_FORMAT.format(run["format"]))
    if run["id"] != id or identity(run["parameters"]) != id:
        raise ValueError("its parameters belong to another folder")
    if run["status"] not in ("done", "failed"):
        raise ValueError(f"its status is {run['status']!r}")
    results = run["results"]
    if results is not None and zlib.crc32(results["values"].encode()) != results["crc32"]:
        raise ValueError("the checksum of its results differs")
    int(run["number"])
    made = run["fingerprint"]
    made["code"], dict(made.get("modules") or {}), dict(run["versions"])


def _written(path: Path, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _synced(folder: Path) -> None:
    """Put the names in a folder on the disk, where a system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
