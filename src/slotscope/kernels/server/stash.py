"""Modules that were imported and put away, until a notebook imports them.

Keras 3 settles its backend when it is imported, and TensorFlow imports Keras. In an ordinary kernel
a notebook may set ``KERAS_BACKEND`` before either. So a server imports Keras on each backend, puts
each copy away, and a kernel takes out the one that it would have imported; where there is none, it
imports as ever. Until then ``sys.modules`` has none of them, as in an ordinary kernel.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Family:
    """The modules of one top-level package.

    Attributes:
        name: the name of the package.
        backend: the backend of Keras 3, on which it was imported; empty if there is no choice.
        brings: what its import imports too, beside what every kernel has.
        modules: by name.
    """

    name: str
    backend: str
    brings: tuple[str, ...]
    modules: dict[str, ModuleType]


def away(name: str) -> dict[str, ModuleType]:
    """Take the modules of a top-level package out of ``sys.modules``."""
    names = [key for key in sys.modules if key == name or key.startswith(f"{name}.")]
    return {key: sys.modules.pop(key) for key in names}


class Finder(importlib.abc.MetaPathFinder):
    """Finds each module that was put away, once. It stands on a kernel's ``sys.meta_path``."""

    def __init__(self, families: Sequence[Family], backend: str) -> None:
        """
        Args:
            families: what was put away.
            backend: the backend of Keras 3, where ``KERAS_BACKEND`` names none.
        """
        self._families = list(families)
        self._backend = backend
        self._settings = _keras_settings()

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """A spec whose loader restores the modules; None for what was not put away."""
        family = next((family for family in self._families if self._fits(family, name)), None)
        if family is None:
            return None
        module = family.modules[name]
        assert module.__spec__ is not None
        spec = importlib.machinery.ModuleSpec(name, Loader(self, family), is_package=True)
        spec.origin = module.__spec__.origin
        spec.submodule_search_locations = module.__spec__.submodule_search_locations
        spec.has_location = True
        return spec

    def take(self, family: Family) -> None:
        """Find it no more: a second import is one from the files, as ever."""
        self._families.remove(family)

    def _fits(self, family: Family, name: str) -> bool:
        if family.name != name:
            return False
        if not family.backend:
            return True
        chosen = os.environ.get("KERAS_BACKEND") or self._backend
        return family.backend == chosen and _keras_settings() == self._settings


class Loader(importlib.abc.Loader):
    """Restores the modules of one family."""

    def __init__(self, finder: Finder, family: Family) -> None:
        self._finder = finder
        self._family = family
        self._spec = family.modules[family.name].__spec__

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The package as it was imported."""
        return self._family.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Put its modules back, and import what its import would have imported."""
        self._finder.take(self._family)
        module.__spec__ = self._spec
        sys.modules.update(self._family.modules)
        for name in self._family.brings:
            importlib.import_module(name)


def _keras_settings() -> dict[str, str]:
    """What else Keras 3 reads when it is imported."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("KERAS_") and name != "KERAS_BACKEND"
    }
