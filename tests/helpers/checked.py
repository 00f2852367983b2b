"""What the checks say of an optimizer: of one that is right, and of those that are wrong.

The test of a theme has a small class for each mistake that its checks are there for, and says of it
which check must find it, and in which words:

    @caught("check_a_step_leaves_its_gradients_as_they_were", "the gradient of p0")
    class WritesIntoItsGradients:
        def update_step(self, gradient, variable, learning_rate):
            gradient.add_(0.5 * variable.value)
            super().update_step(gradient, variable, learning_rate)

    test_every_mistake_is_caught = every_mistake(__name__)

The class is put before that of a correct optimizer, ``heavy_ball.py`` where no other is named; that
file says which methods there are to override.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import cloudpickle
import pytest
from heavy_ball import heavy_ball

from slotscope import on_engine
from slotscope.checking.check_optimizer import check_optimizer

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def outcomes(engine, make, *only, **options):
    """{id: (verdict, reason)} of the checks named ``only``; ``make`` makes the optimizer."""
    report = check_optimizer(make, engine=engine, only=only, verbose=False, **options)
    return {o.id: (str(o.verdict), o.reason) for o in report.outcomes}


def holds(engine, make, *only, **options):
    """Assert that each of these checks holds."""
    found = outcomes(engine, make, *only, **options)
    assert {verdict for verdict, _ in found.values()} == {"holds"}, found


def violated(engine, make, check, words, verdict="violated", **options):
    """Assert that ``check`` finds a violation, in ``words``, in at least one case."""
    found = outcomes(engine, make, check, **options)
    reasons = [reason for said, reason in found.values() if said == verdict]
    assert any(words in reason for reason in reasons), found


def clean(engine, make, least, **options):
    """Assert that nothing is violated, and that so many checks hold."""
    report = check_optimizer(make, engine=engine, verbose=False, **options)
    assert report.exit_code == 0, [(o.id, o.reason) for o in report.with_verdict("violated")]
    assert not report.with_verdict("not reproducible")
    assert all(outcome.reason for outcome in report.with_verdict("not applicable"))
    assert len(report.with_verdict("holds")) >= least


@dataclasses.dataclass(frozen=True)
class Mistake:
    """An optimizer with one mistake, and what is said of it.

    Attributes:
        wrong: the class that has the mistake, and no base.
        check: name or id of the check that finds it.
        words: that its message has.
        verdict: what it says.
        holds: ids of checks that don't see it.
        base: name of the class of Keras's that it derives from; empty: the heavy ball.
        rule: what it should do, if that is known.
        instance: whether it is an instance that is checked, not what makes one.
        arguments: what its constructor is given, by name.
    """

    wrong: type
    check: str
    words: str
    verdict: str = "violated"
    holds: Sequence[str] = ()
    base: str = ""
    rule: Any = None
    instance: bool = False
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def show(self, engine):
        """Assert that the check finds it, in every case in which it applies."""
        if self.base:
            base = getattr(engine.keras.optimizers, self.base)
            cls = type(self.wrong.__name__, (self.wrong, base), {})
        else:
            cls = heavy_ball(engine, self.wrong)
        reference = self.rule() if isinstance(self.rule, type) else self.rule
        make = functools.partial(cls, **self.arguments)
        given = make() if self.instance else make
        found = outcomes(engine, given, self.check, *self.holds, reference=reference)
        unseen = {id: found.pop(id) for id in self.holds}
        assert {verdict for verdict, _ in unseen.values()} <= {"holds"}, unseen
        reasons = [reason for verdict, reason in found.values() if verdict == self.verdict]
        assert any(self.words in reason for reason in reasons), found
        others = {verdict for verdict, _ in found.values()} - {self.verdict, "not applicable"}
        assert not others, found


#: (engine, mistake), in order of definition.
MISTAKES: list[tuple[str, Mistake]] = []


def caught(check, words, *, engines=("keras-torch",), **said):
    """Say that ``check`` finds what is wrong with the decorated class, and says so in ``words``.

    It is tried on each of ``engines``, by default on torch, where nothing is compiled. What else is
    said are fields of :class:`Mistake`.
    """

    def register(wrong):
        mistake = Mistake(wrong, check, words, **said)
        MISTAKES.extend((engine, mistake) for engine in engines)
        return wrong

    return register


def passes(check, **said):
    """Say that ``check`` holds for the decorated class, which only looks as if it had a mistake."""
    return caught(check, "", verdict="holds", **said)


def every_mistake(module):
    """The test that every mistake in ``module`` is caught, as is said of it."""
    cloudpickle.register_pickle_by_value(sys.modules[module])
    own = [(engine, m) for engine, m in MISTAKES if m.wrong.__module__ == module]
    assert own
    ids = [f"{m.wrong.__name__}-{m.check}-{engine}" for engine, m in own]

    @pytest.mark.parametrize(("engine", "mistake"), own, ids=ids)
    def test(engine, mistake):
        on_engine(engine, mistake.show)

    return test
