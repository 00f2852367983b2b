"""The checks of configs: each catches what breaks its sentence, and no more."""

import functools

from checked import caught, clean, every_mistake, holds, violated
from engine_cases import on
from heavy_ball import heavy_ball


@on("keras-torch")
def test_nothing_is_violated_by_a_correct_custom_optimizer(engine):
    """What Keras's own base class gets wrong is a known difference of every optimizer."""
    for theme in ("configs", "arguments"):
        clean(engine, heavy_ball(engine), 1, themes=[theme])


KEPT = "check_a_config_keeps_every_argument"
LOST = "friction is 0.25 before and 0.5 after"


@caught(f"{KEPT}[as it is]", LOST, arguments={"friction": 0.25})
@caught(f"{KEPT}[friction]", LOST)
class ForgetsAnArgument:
    def get_config(self):
        return {k: v for k, v in super().get_config().items() if k != "friction"}


@caught(f"{KEPT}[friction]", "friction=0.25 is 0.5 in the config")
class ReportsADefault:
    def get_config(self):
        return {**super().get_config(), "friction": 0.5}


JSON = "check_a_config_is_json[as it is]"


@caught(JSON, "set is not a value of JSON")
class ConfigOfASet:
    def get_config(self):
        return {**super().get_config(), "friction": {0.5}}


@caught(JSON, "Variable is not a value")
class ConfigOfTheVariableItself:
    def get_config(self):
        return {**super().get_config(), "learning_rate": self._learning_rate}


@caught("check_a_config_is_the_callers_own", "'name' is gone")
class GivesAwayItsOwnConfig:
    def get_config(self):
        if not hasattr(self, "config"):
            self.config = dict(super().get_config())
        return self.config


@caught(
    "check_a_config_tells_the_present_learning_rate[in use]",
    "was set to 0.0625; its config says 0.125",
)
class TellsItsFirstRate:
    def __init__(self, learning_rate=0.125, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.first = learning_rate

    def get_config(self):
        return {**super().get_config(), "learning_rate": self.first}


@caught(
    "check_a_config_can_be_used_again[from_config]",
    "from_config changed the dict it was given: 'friction' is gone",
)
class TakesFromItsConfig:
    """The second optimizer from one config would miss what the first one took."""

    @classmethod
    def from_config(cls, config):
        return cls(friction=config.pop("friction"), **config)


test_every_mistake_is_caught = every_mistake(__name__)


class _NoConfig:
    """Written as a base would be: a rate, an argument of its own, and no ``get_config``."""

    def __init__(self, learning_rate=0.125, friction=0.5, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.friction = friction

    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, self.friction * learning_rate * gradient)


@on("keras-torch", "keras-jax", "keras-tensorflow")
def test_an_argument_that_no_config_has_is_lost(engine):
    """At its default it is found again, with another value it is not."""
    cls = type("NoConfig", (_NoConfig, engine.keras.optimizers.Optimizer), {})
    holds(engine, cls, f"{KEPT}[as it is]", "check_training_resumes_from_a_file[.keras]")
    violated(engine, cls, f"{KEPT}[friction]", LOST)
    violated(engine, functools.partial(cls, friction=0.25), f"{KEPT}[as it is]", LOST)
    holds(engine, heavy_ball(engine), KEPT)


@on("keras-torch")
def test_a_factory_may_make_its_class_anew(engine):
    again = "check_what_was_serialized_can_be_used_again"
    holds(engine, lambda: heavy_ball(engine)(0.125), again)


class _Lr:
    """Its constructor calls the rate ``lr``, its config ``learning_rate``."""

    def __init__(self, lr=0.125, **kwargs):
        super().__init__(learning_rate=lr, **kwargs)


@on("keras-torch")
def test_a_config_that_makes_no_optimizer_is_a_warning_where_it_is_needed(engine):
    """It is not where the class is given, which makes the others."""
    cls = type("Lr", (_Lr, heavy_ball(engine)), {})
    sets = "check_building_again_keeps_the_slots"
    clips = "check_features_together_do_what_each_promises[clipnorm]"
    said = "its config makes no optimizer (TypeError"
    violated(engine, lambda: cls(0.125), clips, said, verdict="warning")
    holds(engine, lambda: cls(0.125), sets)
    holds(engine, cls, clips, sets)
    for make in (cls, lambda: cls(0.125)):
        violated(engine, make, "check_every_spelling_of_the_optimizer_ends_the_same", "TypeError")
