"""The checks of bad arguments: a guard that is gone is found, or a message that says nothing."""

import pytest
from engine_cases import on

from slotscope.checking.check_optimizer import check_optimizer
from slotscope.checks.data.constructor_refusals import REFUSALS
from slotscope.checks.data.method_refusals import misuses
from slotscope.checks.themes.arguments import refused
from slotscope.checks.verdict import Violation
from slotscope.engines import engine_classes


def report_of(engine, cls, **options):
    return check_optimizer(
        lambda: cls(learning_rate=0.125), engine=engine, verbose=False, **options
    )


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


@on("keras-torch")
def test_a_custom_optimizer_is_held_to_what_it_inherits(engine):
    """And only where its constructor takes the argument."""
    base = engine.keras.optimizers.Optimizer

    class Takes(base):
        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, learning_rate * gradient)

    class Careless(Takes):
        def __init__(self, learning_rate=0.01, ema_momentum=0.99, **kwargs):
            super().__init__(learning_rate, **kwargs)
            self.ema_momentum = ema_momentum

    class Narrow(Takes):
        def __init__(self, learning_rate=0.01, name="narrow"):
            super().__init__(learning_rate, name=name)

        def get_config(self):
            config = super().get_config()
            return {"learning_rate": config["learning_rate"], "name": config["name"]}

    id = "check_a_bad_argument_is_refused[ema_momentum=1.5]"
    verdicts = {
        cls.__name__: str(report_of(engine, cls, only=[id]).outcomes[0].verdict)
        for cls in (Takes, Careless, Narrow)
    }
    assert verdicts == {"Takes": "holds", "Careless": "violated", "Narrow": "not applicable"}


@on("keras-torch")
def test_a_misuse_that_is_accepted_is_found(engine):
    """A step without gradients that does nothing, and one that advances the counter first."""
    base = engine.keras.optimizers.SGD

    class Silent(base):
        def apply(self, grads, trainable_variables=None):
            if any(g is not None for g in grads):
                super().apply(grads, trainable_variables)

    class Hasty(base):
        def apply(self, grads, trainable_variables=None):
            self.build(trainable_variables)
            self.iterations.assign_add(1)
            super().apply(grads, trainable_variables)

    id = "check_a_misuse_is_refused[no gradient at all]"
    silent = report_of(engine, Silent, only=[id]).outcomes[0]
    hasty = report_of(engine, Hasty, only=[id]).outcomes[0]
    assert silent.reason == "it was accepted, expected a ValueError"
    assert hasty.reason == "it was refused, and still iterations is 1, expected 0"


@on("keras-torch", "tf_keras", "tf_keras-legacy", "tf_keras-graph", "keras-2.1")
def test_sgd_refuses_what_its_release_guards(engine):
    """On one engine of every generation."""
    report = check_optimizer(
        lambda: engine.optimizer("SGD", learning_rate=0.125),
        engine=engine,
        themes=["arguments"],
        verbose=False,
    )
    assert report.exit_code == 0, report.of("violated")
    assert report.of("holds")
