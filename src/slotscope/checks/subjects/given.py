"""The subject for what a caller has: an instance, a class, a factory, or the name of a built-in."""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import operator
import sys
from collections.abc import Callable
from typing import Any

from slotscope.checks.subjects.constructor_call import call, needed_arguments
from slotscope.checks.subjects.making import maker
from slotscope.checks.subjects.references import contradictions, in_keras_3_words, rule_maker
from slotscope.checks.subjects.subject import Source, Subject, config_of, is_keras_own
from slotscope.checks.verdict import NotApplicable
from slotscope.engines import Engine, engine_of_optimizer
from slotscope.errors import UnknownOptimizerError, UnknownRuleError
from slotscope.rules import Rule, rule


def builtin(engine: Engine, name: str, **settings: Any) -> Subject:
    """The built-in optimizer ``name`` of ``engine``, with its rule where there is one.

    Raises:
        UnknownOptimizerError: this engine has no optimizer of this name.
    """
    with engine.scope():
        engine.optimizer(name, **settings)  # raises here, not in the first check

    def expected(**changes: Any) -> Rule:
        try:
            return rule(name, engine.generation, **{**settings, **changes})
        except UnknownRuleError as error:
            raise NotApplicable(str(error)) from None

    return Subject(
        name=name,
        engine=engine,
        create=lambda engine: engine.optimizer(name, **settings),
        builtin=True,
        rule=expected,
        expression=call(name, settings),
        settings=settings,
    )


def subject_of(
    optimizer: Any, reference: Rule | Callable[..., Any] | None = None, engine: Engine | None = None
) -> Subject:
    """The subject for an instance, a class, or a factory without arguments.

    Args:
        optimizer: an instance that was never used, or a callable that makes one.
        reference: its rule; or the rule's class, which gets the optimizer's hyperparameters; or
            ``function(parameter, gradient, slots, iteration)``, see
            :class:`~slotscope.rules.FunctionRule`; by default a built-in optimizer's own.
        engine: by default found from the optimizer's class.

    Raises:
        UnknownOptimizerError: this is no optimizer of any engine, it was used already, or what
            should make one does not, or makes the same one again.
        BadCheckArgumentError: the reference is neither a rule nor a function, or a class of which
            no rule can be made.
    """
    create = maker(optimizer, engine)
    with contextlib.nullcontext() if engine is None else engine.scope():
        example = create(engine)
    home = _home(example, engine)
    cls = type(example)
    config, constructor = config_of(example, home), _constructor(optimizer)
    mine = is_keras_own(home, cls)
    given = getattr(constructor, "keywords", {})
    said = given if constructor else needed_arguments(cls, config, home.shared_arguments)
    hyperparameters = in_keras_3_words(config)
    return Subject(
        name=cls.__name__,
        engine=home,
        create=create,
        builtin=mine,
        rule=rule_maker(reference, cls.__name__, hyperparameters, home, mine),
        expression=_expression(cls, said, config, home),
        settings=in_keras_3_words(said) if mine else {},
        cls=cls,
        constructor=constructor,
        source=_source(optimizer, constructor),
        reference=reference,
        scales=_scales(example, home),
        wrapped=_wrapped(example, home),
        contradictions=contradictions(reference, hyperparameters),
    )


def _scales(example: Any, engine: Engine) -> bool:
    """Whether it scales losses by more than the number that it was given for that."""
    scale = getattr(example, "scale_loss", None)
    if scale is None or getattr(example, "loss_scale_factor", None):
        return False
    with engine.scope():
        return float(engine.convert_to_numpy(scale(1.0))) != 1.0


def _wrapped(example: Any, engine: Engine) -> list[str]:
    with engine.scope():
        classes = [type(part) for part in engine.parts(example) if part is not example]
    return [cls.__name__ for cls in classes if is_keras_own(engine, cls)]


def _expression(cls: type, said: dict[str, Any], config: dict[str, Any], engine: Engine) -> str:
    """The shortest code that makes an optimizer like the one of which this is said."""
    with engine.scope(), contextlib.suppress(Exception):
        cls(**ast.literal_eval(repr(said)))
        return call(cls.__name__, said)
    with engine.scope(), contextlib.suppress(Exception):
        cls.from_config(ast.literal_eval(repr(config)))  # type: ignore[attr-defined]
        return f"{cls.__name__}.from_config({config!r})"
    return ""


def _source(optimizer: Any, constructor: Any) -> Source | None:
    """Where a class or function, or a partial of one, is in a module; None if it is in none."""
    given = optimizer if constructor is None else constructor
    thing, arguments = given, {}
    if isinstance(given, functools.partial):
        if given.args:
            return None
        thing, arguments = given.func, given.keywords
    module, name = getattr(thing, "__module__", ""), getattr(thing, "__qualname__", "")
    try:
        found = operator.attrgetter(name)(sys.modules[module])
    except (AttributeError, KeyError, TypeError):
        return None
    return Source(module, name, arguments) if found is thing and module != "__main__" else None


def _constructor(optimizer: Any) -> Callable[..., Any] | None:
    """The class that was given, with those of its arguments, by name, that were given with it."""
    if isinstance(optimizer, type):
        named = inspect.signature(optimizer).parameters.values()
        return None if any(p.kind is p.POSITIONAL_ONLY for p in named) else optimizer
    inner = _constructor(optimizer.func) if isinstance(optimizer, functools.partial) else None
    if inner is None:
        return None
    try:  # by name, so that each of them can be given another value
        given = inspect.signature(inner).bind_partial(*optimizer.args).arguments
        return functools.partial(inner, **{**given, **optimizer.keywords})
    except TypeError:
        return None


def _home(example: Any, engine: Engine | None) -> Engine:
    """The engine of ``example``: the one that was asked for, if it can run it."""
    own = engine_of_optimizer(example)
    if engine is None:
        return own
    if engine.optimizers.__name__ != own.optimizers.__name__:
        raise UnknownOptimizerError(
            f"{type(example).__module__}.{type(example).__qualname__} is an optimizer of the"
            f" engine {own.name!r}, not of {engine.name!r}. Leave the engine out, or pass an"
            f" optimizer of {engine.optimizers.__name__}."
        )
    return engine
