"""Wrapping a callable where it is looked up, and putting it back exactly.

A *listener* is called as ``listener(proceed, *args, **kwargs)`` and must return what ``proceed``
returned. Several watches may listen to one callable, and may stop in any order: there is one
wrapper for each place, it goes when its last listener goes, and what was there before, an
attribute of the instance itself or of its class, is there again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

Listener = Callable[..., Any]


def _unchanged(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


class Patch:
    """The one wrapper at a place, and its listeners."""

    _places: ClassVar[dict[tuple[int, str], Patch]] = {}

    def __init__(self, owner: Any, name: str, convert: Callable[..., Any]) -> None:
        self.owner = owner
        self.name = name
        self.listeners: list[Listener] = []
        self.was_own = name in vars(owner)
        self.original = getattr(owner, name)
        self.wrapper = self._make_wrapper(convert)
        self._put(self.wrapper)
        self._places[id(owner), name] = self

    def _make_wrapper(self, convert: Callable[..., Any]) -> Callable[..., Any]:
        original, listeners = self.original, self.listeners

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            proceed = convert(original)
            for listener in tuple(listeners):
                proceed = functools.partial(listener, proceed)
            return proceed(*args, **kwargs)

        return wrapper

    def _put(self, value: Any) -> None:
        # Straight into the dictionary: frameworks track what is assigned to a model's attribute.
        if isinstance(self.owner, type):
            setattr(self.owner, self.name, value)
        else:
            vars(self.owner)[self.name] = value

    @property
    def in_place(self) -> bool:
        """Whether nobody has put something else there since."""
        return vars(self.owner).get(self.name) is self.wrapper

    def restore(self) -> None:
        """Put back what was there, unless somebody has put something else there since."""
        if self._places.get((id(self.owner), self.name)) is self:
            del self._places[id(self.owner), self.name]
        if not self.in_place:
            return
        if self.was_own:
            self._put(self.original)
        elif isinstance(self.owner, type):
            delattr(self.owner, self.name)
        else:
            del vars(self.owner)[self.name]


def listen(
    owner: Any,
    name: str,
    listener: Listener,
    *,
    convert: Callable[..., Any] = _unchanged,
    mark: Callable[..., Any] = _unchanged,
) -> Callable[[], None]:
    """Have ``listener`` called in place of ``owner.name``; returns what undoes it.

    ``convert`` is applied to the original at each call, ``mark`` once to the wrapper.
    """
    patch = Patch._places.get((id(owner), name))
    if patch is None or not patch.in_place:
        patch = Patch(owner, name, convert)
        mark(patch.wrapper)
    patch.listeners.append(listener)

    def stop() -> None:
        patch.listeners.remove(listener)
        if not patch.listeners:
            patch.restore()

    return stop


def original_of(owner: Any, name: str) -> Any:
    """What a place holds beneath any wrapper."""
    patch = Patch._places.get((id(owner), name))
    return patch.original if patch is not None and patch.in_place else getattr(owner, name, None)
