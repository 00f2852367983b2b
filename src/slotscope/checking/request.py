"""What the command was asked to check, in words, and the subject that they stand for.

Words travel to the process that runs the checks; an optimizer would not.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slotscope.checks.subjects.given import builtin, subject_of
from slotscope.checks.subjects.making import is_optimizer
from slotscope.checks.subjects.subject import Source, Subject
from slotscope.engines import engine
from slotscope.errors import BadCheckArgumentError
from slotscope.processes.limits import TIME_LIMIT


@dataclass(frozen=True)
class Request:
    """One optimizer to be checked, and how.

    Attributes:
        target: ``module:name`` of an instance, a class or a factory, or the name of a built-in.
        engine: name of the engine; empty if it is found from the class.
        settings: arguments for the constructor.
        reference: ``module:name`` of its rule; empty for none.
        only: names or ids of checks.
        themes: names of themes.
        keyword: text that a check's id must contain.
        quick: whether only the quick set.
        time_limit: seconds of processor time after which a check is stopped.
    """

    target: str
    engine: str = ""
    settings: tuple[tuple[str, Any], ...] = ()
    reference: str = ""
    only: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    keyword: str = ""
    quick: bool = False
    time_limit: float = TIME_LIMIT

    @property
    def builtin(self) -> bool:
        """Whether the target is a name of a built-in optimizer."""
        return ":" not in self.target

    @property
    def selection(self) -> dict[str, Any]:
        """The arguments of :func:`slotscope.checks.selection.select`."""
        names = ("only", "themes", "keyword", "quick")
        return {name: getattr(self, name) for name in names}

    def named(self, name: str) -> Request:
        """The same for the built-in optimizer ``name``."""
        return replace(self, target=name)

    def subject(self) -> Subject:
        """What the words stand for; imports what they need, the engine's framework first.

        Raises:
            SlotscopeError: they stand for nothing that can be checked.
        """
        if self.builtin and (self.target.endswith(".py") or "." in self.target):
            raise BadCheckArgumentError(
                f"{self.target!r} is a module. Say what of it: {self.target}:MyOptimizer."
            )
        if self.builtin and not self.engine:
            raise BadCheckArgumentError(
                f"{self.target!r} is taken for a built-in optimizer, and each engine has its own."
                " Say which: --engine keras-jax. An optimizer of yours is module:name."
            )
        home = engine(self.engine) if self.engine else None
        if home is not None:
            home.keras  # noqa: B018 - settles the backend before another import can
        reference = load(self.reference) if self.reference else None
        settings = dict(self.settings)
        if self.builtin:
            assert home is not None
            if reference is None:
                return _builtin(home, self.target, settings)
            return subject_of(lambda: home.optimizer(self.target, **settings), reference, home)
        found = load(self.target)
        subject = subject_of(self._made(found, settings), reference, home)
        module, _, name = self.target.partition(":")
        source = Source(_module(module), name, settings, is_optimizer(found))
        return replace(subject, source=source)

    def _made(self, found: Any, settings: dict[str, Any]) -> Any:
        if not settings:
            return found
        if is_optimizer(found) or not callable(found):
            raise BadCheckArgumentError(
                f"{self.target} is an instance: --set can give arguments to a class or a function"
                " alone. Name the class."
            )
        return functools.update_wrapper(functools.partial(found, **settings), found)


def _builtin(home: Any, name: str, settings: dict[str, Any]) -> Subject:
    try:
        return builtin(home, name, **settings)
    except (TypeError, ValueError) as error:
        if isinstance(error, BadCheckArgumentError) or not settings:
            raise
        given = ", ".join(f"{key}={value!r}" for key, value in settings.items())
        raise BadCheckArgumentError(f"{name}({given}) is refused: {error}") from error


def _module(place: str) -> str:
    """The name by which a module, or the file of one, is imported."""
    return Path(place).stem if place.endswith(".py") else place


def load(place: str) -> Any:
    """What ``module:name`` or ``path/to/file.py:name`` names.

    Raises:
        BadCheckArgumentError: there is no such module, or nothing of this name in it.
    """
    module, _, name = place.partition(":")
    if module.endswith(".py"):
        if not Path(module).is_file():
            raise BadCheckArgumentError(f"There is no file {module!r}.")
        sys.path.insert(0, str(Path(module).resolve().parent))
    module = _module(module)
    try:
        found = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise BadCheckArgumentError(
            f"The module {module!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, dir(found), n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise BadCheckArgumentError(f"There is no {part!r} in {module}.{hint}")
        found = getattr(found, part)
    return found
