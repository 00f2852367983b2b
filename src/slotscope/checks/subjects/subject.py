"""The optimizer that is held to the checks: how to make a fresh one, and what is known of it.

Every check starts from an optimizer that has done nothing yet, often with one argument changed, so
a subject is a way of making optimizers. How one comes of what a caller has is in
:mod:`slotscope.checks.subjects.given`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from slotscope.checks.subjects.constructor_call import NONE_BY_DEFAULT, nearest
from slotscope.checks.verdict import LeftOut, NotApplicable
from slotscope.engines import Engine
from slotscope.rules import Rule

Found = TypeVar("Found")

#: Good values of arguments that a constructor may pass on, to see whether it does.
_PASSED_ON: dict[str, Any] = {
    **NONE_BY_DEFAULT,
    "learning_rate": 0.125,
    "use_ema": True,
    "ema_momentum": 0.5,
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
        cls = self.made_class()
        return all(self._spelling(cls, name) and not self._refuses(cls, name) for name in names)

    def made_class(self) -> type:
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


def config_of(example: Any, engine: Engine) -> dict[str, Any]:
    """What an optimizer says of its arguments; nothing where that fails."""
    try:
        with engine.scope():  # in a graph, hyperparameters are read in its session
            return dict(example.get_config())
    except Exception:  # told where configs are checked
        return {}
