"""Every private name of the frameworks that slotscope leans on: what it is for, and who asks.

A private name may be gone in the next release. So each stands in ``engines/private_names.toml``
with what it is for, tests ask the installed releases for each, and where one is missed at run time
the error says that sentence: :func:`held` takes an attribute, :func:`ask` asks for all that a watch
needs.
"""

from __future__ import annotations

import functools
import importlib.metadata
import pkgutil
import sys
import tomllib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slotscope.errors import UnsupportedReleaseError

_FILE = Path(__file__).with_suffix(".toml")
_NOTHING = object()


@dataclass(frozen=True)
class PrivateName:
    """A name that a release may drop without a word.

    Attributes:
        of: the distribution that has it; ``python`` for the standard library.
        name: an attribute, or attributes in a row; a module for ``asked = "import"``.
        asked: what is asked for it: ``import``, a module, or in words an object that a test makes.
        use: what it is for, to be read behind "which".
        without: what happens where it is missing.
        engines: those that lean on it, with their variants; empty for what is of no engine.
        needed: whether a watch is refused without it.
        since: the first release that has it; empty for every one that is supported.
        until: the first release that no longer has it; empty while none is known.
    """

    of: str
    name: str
    asked: str
    use: str
    without: str
    engines: tuple[str, ...] = ()
    needed: bool = False
    since: str = ""
    until: str = ""

    def of_object(self, holder: Any) -> bool:
        """Whether ``holder`` has it."""
        for part in self.name.split("."):
            holder = getattr(holder, part, _NOTHING)
        return holder is not _NOTHING

    def missing(self) -> UnsupportedReleaseError:
        """The error that says so."""
        return UnsupportedReleaseError(
            f"{_release(self.of)} has no {self.name!r} ({self.asked}), which {self.use}."
            f" Expected {_tried()[self.of]}, or another release that has it:"
            " install one, or a newer slotscope, or train without a watch."
        )


@functools.cache
def private_names() -> tuple[PrivateName, ...]:
    """All of them."""
    entries = tomllib.loads(_FILE.read_text("utf-8"))["name"]
    return tuple(
        PrivateName(**{**entry, "engines": tuple(entry.get("engines", ()))}) for entry in entries
    )


def held(holder: Any, name: str, of: str) -> Any:
    """``holder.name``, a private name of the distribution ``of``.

    Raises:
        UnsupportedReleaseError: it has none.
    """
    value = getattr(holder, name, _NOTHING)
    if value is _NOTHING:
        raise lacking(name, of)
    return value


def lacking(name: str, of: str) -> UnsupportedReleaseError:
    """The error for a name that is missing, or no longer what it was."""
    return next(n for n in private_names() if (n.name, n.of) == (name, of)).missing()


def ask(engines: Set[str], holders: Mapping[str, Any]) -> None:
    """Ask for every name without which a watch on an engine would record something wrong.

    Args:
        engines: its name, and those of the engines that it is a variant of.
        holders: what can be asked, by the word in :attr:`PrivateName.asked`.

    Raises:
        UnsupportedReleaseError: one is missing.
    """
    for name in private_names():
        if name.needed and not engines.isdisjoint(name.engines) and not there(name, holders):
            raise name.missing()


def there(name: PrivateName, holders: Mapping[str, Any]) -> bool:
    """Whether the installed release has ``name``; also where nobody is there to be asked."""
    if name.asked in holders:
        return name.of_object(holders[name.asked])
    if " " in name.asked:
        return True
    try:
        if name.asked == "import":
            pkgutil.resolve_name(name.name)
            return True
        return name.of_object(pkgutil.resolve_name(name.asked))
    except (ImportError, AttributeError):
        return False


def _release(of: str) -> str:
    """Name and version; of a nightly too, which is installed over what it is a nightly of."""
    if of == "python":
        return "This Python"
    loaded = getattr(sys.modules.get(of), "__version__", None)
    return f"{of} {loaded or importlib.metadata.version(of)}"


@functools.cache
def _tried() -> dict[str, str]:
    tried: dict[str, str] = tomllib.loads(_FILE.read_text("utf-8"))["tried"]
    return tried
