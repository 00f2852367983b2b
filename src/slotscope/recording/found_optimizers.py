"""Which optimizers there are on a model, and how often each has stepped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slotscope.engines.watched import Watched

#: What every optimizer of any generation has one of, and nothing else of Keras.
_APPLYING = ("apply_gradients", "get_updates")


@dataclass
class FoundOptimizer:
    """An optimizer, and how it can be had.

    Attributes:
        expression: what a program writes for it, such as ``model.critic_optimizer``.
        optimizer: the optimizer.
        began: its step counter when it was found, None where that could not be read.
    """

    expression: str
    optimizer: Any
    began: int | None


class FoundOptimizers:
    """The optimizers of one model, found again and again while it is watched.

    Args:
        engine: the model's.
        model: where optimizers are looked for: its attributes, its layers', and lists and dicts of
            them.
    """

    def __init__(self, engine: Watched, model: Any) -> None:
        self._engine = engine
        self._model = model
        self._found: dict[int, FoundOptimizer] = {}
        self.look()

    def look(self) -> None:
        """Find those that came since."""
        for expression, optimizer in optimizers_on(self._engine, self._model):
            if id(optimizer) not in self._found:
                began = self._count(optimizer)
                self._found[id(optimizer)] = FoundOptimizer(expression, optimizer, began)

    def steps(self) -> Iterator[tuple[FoundOptimizer, int]]:
        """Each, and how far its step counter has moved since it was found."""
        self.look()
        for found in self._found.values():
            now = self._count(found.optimizer)
            if now is not None and found.began is not None:
                yield found, max(now - found.began, 0)

    def _count(self, optimizer: Any) -> int | None:
        counter = self._engine.iterations(optimizer)
        if counter is None:
            return 0
        value = self._engine.read([counter], self._engine.at_end())[0]
        return None if value is None else int(value)


def optimizers_on(engine: Watched, model: Any) -> list[tuple[str, Any]]:
    """The optimizers that a model and its layers hold, those of wrappers left out.

    Returns:
        What a program writes for each, ``model.optimizer`` first, and the optimizer.
    """
    found: dict[int, tuple[str, Any]] = {}
    owners = [("model", model)]
    seen = set()
    while owners:
        place, owner = owners.pop(0)
        if id(owner) in seen:
            continue
        seen.add(id(owner))
        for expression, value in _attributes(place, owner):
            if _is_optimizer(value):
                found.setdefault(id(value), (expression, value))
            elif callable(getattr(type(value), "add_weight", None)):  # a layer
                owners.append((expression, value))
    inner = {
        id(part)
        for _, optimizer in found.values()
        for part in engine.parts(optimizer)
        if part is not optimizer
    }
    own = getattr(model, "optimizer", None)
    outer = [pair for key, pair in found.items() if key not in inner]
    return sorted(outer, key=lambda pair: pair[1] is not own)


def kept_optimizers(engine: Watched, model: Any) -> list[tuple[str, Any]]:
    """The optimizers that a model keeps beside the one that it is compiled with.

    Those of other compiled models in it are not the model's own.

    Returns:
        What a program writes behind ``model.`` for each, and the optimizer.
    """
    own = getattr(model, "optimizer", None)
    return [
        (expression.removeprefix("model."), optimizer)
        for expression, optimizer in optimizers_on(engine, model)
        if optimizer is not own and not expression.endswith(".optimizer")
    ]


def _is_optimizer(value: Any) -> bool:
    return any(callable(getattr(type(value), name, None)) for name in _APPLYING)


def _attributes(place: str, owner: Any) -> Iterator[tuple[str, Any]]:
    """What ``owner`` holds, in lists and dicts too, with what a program writes for each."""
    for layer in getattr(owner, "layers", []):
        yield f"{place}.get_layer({layer.name!r})", layer
    held = vars(owner) if hasattr(owner, "__dict__") else {}
    # What frameworks keep beside the attributes holds the same objects: those come last.
    for name in sorted(held, key=lambda name: name.startswith("_")):
        value = held[name]
        yield f"{place}.{name}", value
        if isinstance(value, (list, tuple)):
            yield from ((f"{place}.{name}[{n}]", part) for n, part in enumerate(value))
        elif isinstance(value, Mapping):
            yield from ((f"{place}.{name}[{key!r}]", part) for key, part in value.items())
