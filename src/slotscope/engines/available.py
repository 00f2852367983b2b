"""What every engine answers, whoever asks: which one it is, and whether it can run here."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
from abc import ABC, abstractmethod
from types import ModuleType
from typing import Any, ClassVar, Self

from slotscope.engines.records import Status
from slotscope.errors import EngineUnavailableError, UnknownEngineError


def installed(*distributions: str) -> dict[str, str]:
    """The versions of those distributions that are installed, without importing them."""
    found = {}
    for name in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = _version(name)
    return found


#: Kept, since it takes 10 ms: what was found stays, what was not is looked for again.
_version = functools.cache(importlib.metadata.version)


class Available(ABC):
    """One way Keras runs an optimizer, as far as it can be asked before anything is imported."""

    name: ClassVar[str]
    #: The generation of Keras whose optimizers it runs, as the rules know it.
    generation: ClassVar[str]
    #: Distributions that must be installed.
    requires: ClassVar[tuple[str, ...]]
    #: The extra of slotscope that brings them.
    extra: ClassVar[str]

    @classmethod
    def status(cls) -> Status:
        """Versions, and where it cannot run here: why, and the command that mends it."""
        versions = installed(*cls.requires)
        missing = [name for name in cls.requires if name not in versions]
        problem = f"not installed: {', '.join(missing)}" if missing else ""
        remedy = f'python -m pip install "slotscope[{cls.extra}]"' if missing else ""
        return Status(cls.name, versions, problem, remedy)

    @classmethod
    def process_environment(cls) -> dict[str, str]:
        """What the environment of a process must hold to run it; empty if any process does."""
        return {}

    @property
    def versions(self) -> dict[str, str]:
        """Version of each distribution that this engine needs."""
        return self.status().versions

    @classmethod
    def require(cls) -> None:
        """Raise :class:`~slotscope.errors.EngineUnavailableError` unless it can run here."""
        status = cls.status()
        if status.problem:
            raise EngineUnavailableError(
                f"The engine {cls.name!r} cannot run here: {status.problem}.\n"
                f"To mend it: {status.remedy}"
            )

    def __init__(self, **options: Any) -> None:
        if options:
            raise UnknownEngineError(
                f"The engine {self.name!r} takes no option {next(iter(options))!r}."
            )

    @property
    def options(self) -> tuple[str, ...]:
        """What the engine was made with, as ``name=value``."""
        return ()

    @property
    @abstractmethod
    def keras(self) -> ModuleType:
        """The Keras package itself, with ``layers``, ``models`` and the rest."""

    @classmethod
    def lineage(cls) -> set[str]:
        """Its name, and those of the engines that it is a variant of."""
        return {vars(base)["name"] for base in cls.__mro__ if "name" in vars(base)}

    @classmethod
    def of(cls, model: Any) -> Self:
        """The engine that runs ``model``, or on which the optimizer ``model`` works."""
        return cls()
