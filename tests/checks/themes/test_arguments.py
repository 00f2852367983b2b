"""The checks of bad arguments: a guard that is gone is found, or a message that says nothing."""

import pytest
from checked import caught, clean, every_mistake, passes
from engine_cases import on

from slotscope.checks.data.constructor_refusals import REFUSALS
from slotscope.checks.data.method_refusals import misuses
from slotscope.checks.themes.arguments import refused
from slotscope.checks.verdict import Violation
from slotscope.engines import engine_classes


def test_every_engine_has_its_tables():
    """And in each of them every case has a name of its own."""
    of_engines = [misuses(cls) for cls in engine_classes()]
    for table in [*REFUSALS.values(), *of_engines]:
        names = [
            (entry.name, optimizer)
            for entry in table
            for optimizer in getattr(entry, "optimizers", ("*",))
        ]
        assert names
        assert len(names) == len(set(names))


def test_a_refusal_is_held_to_its_type_and_its_words():
    """Accepted, of another type, or silent about the argument: each is said as what it is."""

    def bad(error):
        raise error

    refused(lambda: bad(ValueError("`momentum` must be in [0, 1]")), ValueError, ("momentum",))
    with pytest.raises(Violation, match="it was accepted, expected a ValueError"):
        refused(lambda: None, ValueError, ())
    with pytest.raises(Violation, match=r"it raised KeyError \('x'\), expected a ValueError"):
        refused(lambda: bad(KeyError("x")), ValueError, ())
    with pytest.raises(Violation, match="does not say 'momentum'"):
        refused(lambda: bad(ValueError("bad value")), ValueError, ("momentum",))


BAD = "check_a_bad_argument_is_refused[ema_momentum=1.5]"


@passes(BAD)
class Right:
    """A custom optimizer is held to what it inherits."""


@caught(BAD, "it was accepted, expected a ValueError")
class TakesWhatItsBaseRefuses:
    def __init__(self, learning_rate=0.01, ema_momentum=0.99, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.ema_momentum = ema_momentum


@caught(BAD, "does not take use_ema and ema_momentum", verdict="not applicable")
class Narrow:
    """It is held only to what its constructor takes."""

    def __init__(self, learning_rate=0.01, name="narrow"):
        super().__init__(learning_rate, name=name)

    def get_config(self):
        config = super().get_config()
        return {"learning_rate": config["learning_rate"], "name": config["name"]}


NOTHING = "check_a_misuse_is_refused[no gradient at all]"


@caught(
    NOTHING,
    "it was accepted, expected a ValueError",
    base="SGD",
    arguments={"learning_rate": 0.125},
)
class DoesNothingWithoutGradients:
    def apply(self, grads, trainable_variables=None):
        if any(g is not None for g in grads):
            super().apply(grads, trainable_variables)


@caught(
    NOTHING,
    "it was refused, and still iterations is 1, expected 0",
    base="SGD",
    arguments={"learning_rate": 0.125},
)
class CountsBeforeItLooks:
    def apply(self, grads, trainable_variables=None):
        self.build(trainable_variables)
        self.iterations.assign_add(1)
        super().apply(grads, trainable_variables)


test_every_mistake_is_caught = every_mistake(__name__)


@on("keras-torch", "tf_keras", "tf_keras-legacy", "tf_keras-graph", "keras-2.1")
def test_sgd_refuses_what_its_release_guards(engine):
    """On one engine of every generation."""
    clean(engine, lambda: engine.optimizer("SGD", learning_rate=0.125), 1, themes=["arguments"])
