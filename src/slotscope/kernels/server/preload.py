"""What a server imports, and how it knows that what it imported is still what is installed.

Only installed packages are imported: what lies in a folder of the user's, be it on ``PYTHONPATH``
or by an editable installation, is code under test, and a kernel must see it as it is.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib
import importlib.util
import os
import site
import sys
import sysconfig
import time
import types
from collections.abc import Iterator, Sequence
from types import ModuleType

from . import stash
from .frameworks import FRAMEWORKS

#: Imported as they are, in this order.
PLAIN = (
    "numpy",
    "pandas",
    "scipy",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "sklearn.datasets",
    "jinja2",
    "yaml",
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "loky",
    "loky.backend.fork_exec",
    *(framework.name for framework in FRAMEWORKS if framework.kept),
)
#: Imported by others of them, and forgotten: their import looks at IPython and at the backend.
FORGOTTEN = ("matplotlib.pyplot", "pylab", "matplotlib_inline.backend_inline")
#: The backends of Keras 3; it is imported once for each that is installed.
BACKENDS = tuple(framework.name for framework in FRAMEWORKS if framework.backend)
#: What describes an installed distribution, or adds to ``sys.path``.
DESCRIPTIONS = (".dist-info", ".egg-info", ".egg-link", ".pth")

Stamp = tuple[int, int] | None


class Preloaded:
    """The modules that were imported, put away where a notebook may choose; and their files."""

    def __init__(self, packages: Sequence[str] = ()) -> None:
        """Import what is installed.

        Args:
            packages: those of :data:`PLAIN` and the frameworks that are wanted; empty for all.

        Raises:
            ForeignModuleError: something was imported from a folder of the user's.
        """
        self._packages = set(packages) | {"ipykernel"} if packages else set()
        self._since = time.time_ns()
        self._folders = installed_folders()
        self.failed: dict[str, str] = {}
        #: Of Keras 3, where the environment names none.
        self.backend = ""
        self.families = self._import_all()
        foreign = sorted(self._foreign())
        if foreign:
            raise ForeignModuleError(f"{', '.join(foreign)} would be imported before the notebook")
        self._listing = listing(self._folders)
        self._stamps = {path: stamp(path) for path in self._files()}
        gc.collect()
        # Out of reach of the collector: it would write to, and so copy, every page of a kernel's.
        gc.freeze()

    @property
    def names(self) -> list[str]:
        """The top-level packages among :data:`PLAIN`, and the frameworks."""
        plain = {name.partition(".")[0] for name in PLAIN}
        return sorted((plain & sys.modules.keys()) | {family.name for family in self.families})

    def changed(self) -> str:
        """What is no longer as it was imported; empty if nothing changed."""
        for path, before in self._stamps.items():
            now = stamp(path)
            if now != before or (now and now[0] >= self._since):
                return path
        return "" if listing(self._folders) == self._listing else "the installed packages"

    def _import_all(self) -> list[stash.Family]:
        for name in PLAIN:
            self._import(name)
        # TensorFlow imports Keras, on the backend that the environment names.
        put_away = [one for one in FRAMEWORKS if not one.kept and one.name != "keras"]
        for framework in put_away:
            self._import(framework.name)
        families = self._keras()
        families += [
            stash.Family(framework.name, "", framework.brings, stash.away(framework.name))
            for framework in reversed(put_away)
        ]
        for name in FORGOTTEN:
            _forget(name)
        return [family for family in families if family.modules]

    def _keras(self) -> list[stash.Family]:
        """Keras 3 on each backend that is here."""
        keras = self._import("keras")
        if keras is None:
            return []
        chosen = os.environ.get("KERAS_BACKEND")
        self.backend = keras.backend.backend()
        found = [stash.Family("keras", self.backend, (self.backend,), stash.away("keras"))]
        try:
            for name in BACKENDS:
                if name != self.backend and self._import(name) is not None:
                    os.environ["KERAS_BACKEND"] = name
                    if self._import("keras") is not None:
                        found.append(stash.Family("keras", name, (name,), stash.away("keras")))
        finally:
            os.environ.pop("KERAS_BACKEND", None)
            if chosen is not None:
                os.environ["KERAS_BACKEND"] = chosen
        return found

    def _import(self, name: str) -> ModuleType | None:
        """The module; None if it is not wanted, not installed, under development, or fails."""
        top = name.partition(".")[0]
        if self._packages and top not in self._packages and top not in sys.modules:
            return None
        try:
            loaded = sys.modules.get(top)
            spec = loaded.__spec__ if loaded else importlib.util.find_spec(top)
            if spec is None or not spec.origin or not self._installed(spec.origin):
                return None
            with _in_a_kernel() if name == "pandas" else contextlib.nullcontext():
                return importlib.import_module(name)
        except Exception as error:
            self.failed[name] = f"{type(error).__name__}: {error}"
            stash.away(top)
            return None

    def _installed(self, file: str) -> bool:
        path = os.path.realpath(file)
        return any(path.startswith(folder + os.sep) for folder in self._folders)

    def _modules(self) -> Iterator[tuple[str, ModuleType]]:
        own = __name__.partition(".")[0]
        yield from (item for item in sys.modules.items() if item[0].partition(".")[0] != own)
        for family in self.families:
            yield from family.modules.items()

    def _files(self) -> set[str]:
        """Every file that was imported, the interpreter, and what configures Keras."""
        home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
        files = {sys.executable, os.path.join(home, "keras.json")}
        for _, module in self._modules():
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and os.path.isabs(file):
                files.add(file)
        return files

    def _foreign(self) -> Iterator[str]:
        for name, module in self._modules():
            file = getattr(module, "__file__", None)
            if module is sys.modules["__main__"] or not isinstance(file, str):
                continue
            if os.path.isfile(file) and not self._installed(file):
                yield name


class ForeignModuleError(Exception):
    """Code of the user's would be in every kernel, as it was when the server started."""


def installed_folders() -> list[str]:
    """Where the standard library and installed packages are."""
    paths = sysconfig.get_paths()
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders.update(site.getsitepackages())
    if site.ENABLE_USER_SITE:
        folders.add(site.getusersitepackages())
    return sorted({os.path.realpath(folder) for folder in folders})


def listing(folders: list[str]) -> dict[str, Stamp]:
    """The descriptions of what is installed, each with its stamp: any installation changes them."""
    found = {}
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(DESCRIPTIONS):
                    found[entry.path] = stamp(entry.path)
    return found


def stamp(path: str) -> Stamp:
    """Time of the last change and size of a file; None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


@contextlib.contextmanager
def _in_a_kernel() -> Iterator[None]:
    """What pandas looks at, when it is imported, to settle how wide a table is printed."""
    vars(builtins)["get_ipython"] = lambda: types.SimpleNamespace(kernel=None)
    try:
        yield
    finally:
        del vars(builtins)["get_ipython"]


def _forget(name: str) -> None:
    """Take one module out of ``sys.modules`` and out of its package."""
    package, _, last = name.rpartition(".")
    if sys.modules.pop(name, None) is not None and package:
        with contextlib.suppress(AttributeError):
            delattr(sys.modules[package], last)
