"""The optimizer that is held to the checks: how to make a fresh one, and what is known of it.

Every check starts from an optimizer that has done nothing yet, often with one argument changed, so
a subject is a way of making optimizers: from an instance, a class, a factory, or the name of a
built-in one.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import operator
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from slotscope.checks.subjects.constructor_call import (
    call,
    nearest,
    needed_arguments,
)
from slotscope.checks.subjects.making import maker
from slotscope.checks.subjects.references import contradictions, in_keras_3_words, rule_maker
from slotscope.checks.verdict import LeftOut, NotApplicable
from slotscope.engines import Engine, engine_of_optimizer
from slotscope.errors import UnknownOptimizerError, UnknownRuleError
from slotscope.rules import Rule, rule

Found = TypeVar("Found")

#: Good values of arguments that a constructor may pass on, to see whether it does.
_PASSED_ON: dict[str, Any] = {
    "learning_rate": 0.125,
    "weight_decay": 0.125,
    "clipnorm": 0.5,
    "clipvalue": 0.5,
    "global_clipnorm": 0.5,
    "use_ema": True,
    "ema_momentum": 0.5,
    "ema_overwrite_frequency": 2,
    "loss_scale_factor": 2.0,
    "gradient_accumulation_steps": 2,
}

#: What Keras 1 and 2 called an argument, as some optimizers still do.
_OLDER = {"learning_rate": "lr"}


def is_keras_own(engine: Engine, cls: type) -> bool:
    """Whether ``cls`` is of the package whose optimizers ``engine`` runs."""
    package = engine.optimizers.__name__.partition(".")[0]
    return cls.__module__.partition(".")[0] == package


@dataclass(frozen=True)
class Source:
    """Where what was given can be imported from.

    Attributes:
        module: the name of the module.
        name: its name there, with dots where it is within another.
        arguments: what it was given by name, if it is called.
        instance: whether it is an optimizer, not what makes one.
    """

    module: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    instance: bool = False


@dataclass(frozen=True, eq=False)
class Subject:
    """One optimizer on one engine.

    Attributes:
        name: what reports call it, its class's name.
        engine: where it runs.
        create: makes a fresh one, in the scope of the engine that it is given.
        builtin: whether it is one of Keras's own.
        rule: what it should do, as a function of the constructor arguments that a check changes;
            None if nothing is known.
        expression: Python code that makes it, without imports; empty if there is none.
        settings: arguments of one of Keras's own that are not its defaults, in Keras 3's words.
        cls: its class; None for one that was named.
        constructor: what makes it with other arguments, given by name; None where only its config
            can tell which it has.
        source: where what was given can be imported from, if that is known.
        reference: what was given as its rule.
        scales: whether it expects its losses, and so its gradients, to be scaled.
        wrapped: names of the classes of the optimizers that it wraps, as far as Keras's own.
        contradictions: for each hyperparameter that its config has and its reference has otherwise,
            both values in words.
    """

    name: str
    engine: Engine
    create: Callable[[Engine], Any]
    builtin: bool = False
    rule: Callable[..., Rule] | None = None
    expression: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    cls: type | None = None
    constructor: Callable[..., Any] | None = None
    source: Source | None = None
    reference: Any = None
    scales: bool = False
    wrapped: Sequence[str] = ()
    contradictions: dict[str, str] = field(default_factory=dict)
    _found: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def names(self) -> list[str]:
        """The names of its class, those it is derived from and those that it wraps: Keras's own."""
        if self.builtin:
            return [self.name, *self.wrapped]
        classes = self.cls.__mro__ if self.cls else ()
        own = [cls.__name__ for cls in classes if is_keras_own(self.engine, cls)]
        return [*own, *self.wrapped]

    @property
    def ordinary(self) -> bool:
        """Whether it is one of Keras's own with its defaults, but for the learning rate."""
        return self.builtin and not self.settings.keys() - {"learning_rate"}

    def once(self, what: str, find: Callable[[], Found]) -> Found:
        """What ``find`` returns: what several checks want to know, and only one finds out.

        Args:
            what: the name under which it is kept, with this subject and no other.
            find: finds it.
        """
        if what not in self._found:
            self._found[what] = find()
        found: Found = self._found[what]
        return found

    def make(self, engine: Engine | None = None, **changes: Any) -> Any:
        """A fresh optimizer, with ``changes`` to its constructor's arguments.

        Args:
            engine: the one in whose scope it will work, by default the subject's.
            **changes: in Keras 3's argument names.

        Raises:
            NotApplicable: its constructor does not take one of the changes.
            LeftOut: its config has to tell the other arguments, and makes no optimizer.
        """
        home = engine or self.engine
        with home.scope():
            optimizer = self.create(home)
            if not changes:
                return optimizer
            spelled = self.spelled(type(optimizer), changes)
            if self.constructor is not None:
                return self.constructor(**spelled)
            self._needs_config(optimizer)
            return type(optimizer).from_config({**optimizer.get_config(), **spelled})

    def spelled(self, cls: type, changes: Mapping[str, Any]) -> dict[str, Any]:
        """``changes`` by the names that the constructor of ``cls`` has for them.

        Raises:
            NotApplicable: it does not take one of them.
        """
        found = {}
        for name, value in changes.items():
            spelling = self._spelling(cls, name)
            if not spelling:
                raise NotApplicable(f"its constructor takes no {name!r}")
            found[spelling] = value
        return found

    def _spelling(self, cls: type, name: str) -> str:
        """What the constructor calls ``name``; empty if it takes nothing of that kind."""
        names = dict.fromkeys((self.engine.renamed.get(name, name), _OLDER.get(name, name)))
        return nearest(cls, names, self.engine.shared_arguments)

    def _needs_config(self, optimizer: Any) -> None:
        """Raise unless the optimizer's config makes an optimizer, with nothing changed.

        Raises:
            LeftOut: it does not.
        """

        def fails() -> str:
            try:
                type(optimizer).from_config(optimizer.get_config())
            except Exception as error:  # told where configs are checked
                return f"{type(error).__name__}: {error}"
            return ""

        said = self.once("its config fails", fails)
        if said:
            raise LeftOut(
                f"its config makes no optimizer ({said}), so it cannot be tried with other"
                " arguments: mend its get_config and from_config, or pass its class"
            )

    def accepts(self, *names: str) -> bool:
        """Whether its constructor takes these arguments, in Keras 3's names."""
        cls = self._class()
        return all(self._spelling(cls, name) and not self._refuses(cls, name) for name in names)

    def _class(self) -> type:
        """The class of what is made; found out once, as a graph keeps what each one makes."""

        def find() -> type:
            with self.engine.scope():
                return type(self.create(self.engine))

        return self.once("its class", find)

    def _refuses(self, cls: type, name: str) -> bool:
        """Whether the constructor takes ``name`` among what it passes on, to refuse it by name.

        So do wrappers, whose arguments are those of what they wrap.
        """
        if name not in _PASSED_ON or name in inspect.signature(cls).parameters:
            return False

        def find() -> bool:
            try:
                self.make(**{name: _PASSED_ON[name]})
            except ValueError as error:
                return name in str(error)
            except Exception:  # told by the checks that give it
                return False
            return False

        return self.once(f"refuses {name}", find)

    def expected(self, **changes: Any) -> Rule:
        """The rule with the same changes.

        Raises:
            NotApplicable: no rule is known.
        """
        if self.rule is None:
            raise NotApplicable("no reference rule was given, as reference=")
        return self.rule(**changes)


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


def config_of(example: Any, engine: Engine) -> dict[str, Any]:
    """What an optimizer says of its arguments; nothing where that fails."""
    try:
        with engine.scope():  # in a graph, hyperparameters are read in its session
            return dict(example.get_config())
    except Exception:  # told where configs are checked
        return {}


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
