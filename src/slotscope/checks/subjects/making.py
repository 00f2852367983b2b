"""Making fresh optimizers from what a caller has: an instance, a class, or a factory."""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from slotscope.engines import Engine, engine_classes
from slotscope.errors import UnknownOptimizerError


def maker(optimizer: Any, engine: Engine | None = None) -> Callable[[Engine | None], Any]:
    """What makes a fresh optimizer at each call, in the scope that is entered then.

    Args:
        optimizer: an instance that was never used, a class, or a factory without arguments.
        engine: in whose scope it can be made; None if any will do.

    Raises:
        UnknownOptimizerError: it was used already, or is nothing that makes optimizers.
    """
    if is_optimizer(optimizer):
        return _copier(optimizer, engine)
    if not callable(optimizer):
        raise UnknownOptimizerError(
            f"{optimizer!r} is not an optimizer that slotscope knows, nor what makes one.\n"
            "Expected an instance of a Keras optimizer, its class, or a function without arguments"
            " that returns one: lambda: MyOptimizer(learning_rate=0.01)."
        )
    _callable_without_arguments(optimizer)
    first, second = _made(optimizer, engine), _made(optimizer, engine)
    if not is_optimizer(first):
        raise UnknownOptimizerError(
            f"{_name(optimizer)} makes a {type(first).__module__}.{type(first).__qualname__},"
            " which is not a Keras optimizer that slotscope knows."
        )
    if first is second:
        raise UnknownOptimizerError(
            f"{_name(optimizer)} returned the same {type(first).__name__} twice. Each check needs"
            " one that has done nothing yet: make it inside of the function."
        )
    _unused(first, f"{_name(optimizer)} returned")
    return lambda engine: optimizer()


def is_optimizer(thing: Any) -> bool:
    """Whether it is an instance of any engine's optimizers."""
    return not isinstance(thing, type) and any(
        cls.owns_optimizer(thing) for cls in engine_classes()
    )


def _made(factory: Callable[[], Any], engine: Engine | None) -> Any:
    try:
        with _scope(engine):
            return factory()
    except Exception as error:
        raise UnknownOptimizerError(
            f"{_name(factory)} raised {type(error).__name__} instead of making an optimizer:"
            f" {error}"
        ) from error


def _callable_without_arguments(factory: Callable[..., Any]) -> None:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):  # written in C
        return
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in optional]
    if needed:
        kind = "The constructor of" if isinstance(factory, type) else "The function"
        arguments = ", ".join(f"{name}=..." for name in needed)
        raise UnknownOptimizerError(
            f"{kind} {_name(factory)} needs {', '.join(needed)}. Say what to give it:"
            f" lambda: {_name(factory)}({arguments}); or --set {needed[0]}=VALUE for the command."
        )


def _copier(optimizer: Any, engine: Engine | None) -> Callable[[Engine | None], Any]:
    """What makes copies of an unused instance: deep ones if it can be, else by its config."""
    _unused(optimizer, "This is")
    with contextlib.suppress(Exception):  # a variable of a graph, a lambda, a lock
        copy.deepcopy(optimizer)
        return lambda engine: copy.deepcopy(optimizer)
    try:
        with _scope(engine):
            config = optimizer.get_config()
            type(optimizer).from_config(copy.deepcopy(config))
    except Exception as error:
        raise UnknownOptimizerError(
            f"This {type(optimizer).__name__} can be copied neither as it is nor by its config"
            f" ({type(error).__name__}: {error}). Pass a function that makes one."
        ) from error
    return lambda engine: type(optimizer).from_config(copy.deepcopy(config))


def _unused(optimizer: Any, what: str) -> None:
    """Raise if it was built: what it holds would be in every copy."""
    built = getattr(optimizer, "built", False) or getattr(optimizer, "_built", False)
    held = [getattr(optimizer, name, None) for name in ("_slots", "updates")]
    if built or any(isinstance(value, (dict, list)) and value for value in held):
        raise UnknownOptimizerError(
            f"{what} a {type(optimizer).__name__} that was already built: a check needs one that"
            " has done nothing yet. Pass a new instance, or a function that makes one."
        )


def _scope(engine: Engine | None) -> AbstractContextManager[Any]:
    return contextlib.nullcontext() if engine is None else engine.scope()


def _name(factory: Callable[..., Any]) -> str:
    return getattr(factory, "__qualname__", None) or repr(factory)
