"""The folder of a sweep: one folder for every combination of parameters.

A run has finished if, and only if, its run.json is there: it is written last, whole, and after the
notebook that it belongs to. What a killed driver leaves half-written has a name that starts with a
dot, is never read, and goes when the next sweep begins.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from slotscope.errors import SweepFolderError, SweepInUseError
from slotscope.files import left_behind, whole
from slotscope.sweep.dependencies import Dependencies
from slotscope.sweep.run_records import (
    ID,
    NOTEBOOK,
    RUN,
    SWEEP,
    RunRecord,
    SweepRecord,
    read_run,
    read_sweep,
)

LOCK = ".lock"


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

    def read(self, id: str) -> RunRecord | None:
        """A run; None if it has not finished.

        Raises:
            ValueError: it is damaged; the message says how.
            SweepFolderError: something else is where the run has its place.
        """
        path = self.run_folder(id) / RUN
        try:
            run = read_run(path)
        except FileNotFoundError:
            return None
        except (IsADirectoryError, NotADirectoryError) as error:
            raise SweepFolderError(
                f"{path} can't be written: {error.strerror}. Something else has its place. Move "
                "that away, or choose another folder by --out."
            ) from error
        if not (path.parent / NOTEBOOK).is_file():
            raise ValueError(f"{NOTEBOOK} is not beside it")
        return run

    def write(self, run: RunRecord, notebook: str) -> None:
        """Keep a finished run. Both files are on the disk before either takes its place.

        Raises:
            SweepFolderError: they can't be written; what was there before still is.
        """
        folder = self.run_folder(run.id)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # The inner file takes its place first.
            with whole(folder / RUN) as new_run, whole(folder / NOTEBOOK) as new_notebook:
                _written(new_notebook, notebook)
                _written(new_run, run.as_json())
            _synced(folder)
        except OSError as error:
            raise SweepFolderError(
                f"{folder} can't be written: {error.strerror or error}. What had finished is kept. "
                "Mend that (a full disk needs room), and give the same command again."
            ) from error

    def renumber(self, run: RunRecord, number: int) -> None:
        """Give a finished run another place in the sweep.

        Raises:
            SweepFolderError: it can't be written; what was there before still is.
        """
        try:
            with whole(self.run_folder(run.id) / RUN) as new:
                _written(new, replace(run, number=number).as_json())
        except OSError as error:
            raise self._unwritable(error) from error

    def begin(self, notebook: Path, runs: Sequence[str], dependencies: Dependencies) -> None:
        """See that the folder is of the same sweep, write what is asked for, and tidy.

        Args:
            notebook: the notebook's file.
            runs: the ids of what was asked for, in order.
            dependencies: all that a run that is made now may depend on.

        Raises:
            SweepFolderError: the folder can't be written, or is not of this notebook's sweep.
        """
        self.check(notebook)
        asked = SweepRecord(notebook.name, self._way(notebook), runs, dependencies)
        try:
            self._clean()
            with whole(self.folder / SWEEP) as new:
                _written(new, asked.as_json())
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
            asked = read_sweep(path)
        except ValueError as error:
            raise SweepFolderError(
                f"{path} can't be read ({error}), so nobody can say of which notebook "
                "this folder is, if of any. Choose another folder by --out; if it is of "
                f"{notebook.name}, remove that file."
            ) from error
        if asked is None:
            return
        if asked.notebook != notebook.name:
            raise SweepFolderError(
                f"{self.folder} holds a sweep of {asked.notebook}, and this one is of "
                f"{notebook.name}. Choose another folder by --out; if the notebook was renamed, "
                f"write its name in {path}."
            )
        way = self.folder / asked.path
        # One that is no longer there was moved.
        if way.is_file() and not way.samefile(notebook):
            raise SweepFolderError(
                f"{self.folder} holds a sweep of {os.path.realpath(way)}, and this one is of "
                f"{notebook}. Choose another folder by --out; if they are the same experiment, "
                f"remove `path` from {path}."
            )

    def _check_writable(self) -> None:
        """Raise where it is plain, without writing, that the folder cannot be written into."""
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
    def locked(self) -> Iterator[None]:
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
