"""The data of the rules: every optimizer has one, with the defaults of its real constructor."""

import inspect

import pytest
from engine_cases import on_every_engine

from slotscope.rules import RULES, rule

#: Arguments that every optimizer of some generation shares: what they do is around a rule, not in
#: it (:mod:`slotscope.rules.training`). A rule names one of them only where it has a default of
#: its own, as ``weight_decay`` of AdamW.
SHARED = {
    "name",
    "kwargs",
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "jit_compile",
}
#: What a constructor takes from its ``**kwargs``, out of sight of its signature.
HIDDEN = {("tf_keras-legacy", "Nadam"): {"schedule_decay": 0.004}}


def constructor(engine, name):
    """The arguments of the real optimizer's constructor and their defaults, in Keras 3's names."""
    found = inspect.signature(getattr(engine.optimizers, name).__init__).parameters
    defaults = {{"lr": "learning_rate"}.get(key, key): p.default for key, p in found.items()}
    del defaults["self"]
    if defaults.get("epsilon", 0) is None:
        defaults["epsilon"] = engine.keras.backend.epsilon()
    return defaults | HIDDEN.get((engine.generation, name), {})


@on_every_engine
def test_every_optimizer_has_a_rule(engine):
    ruled = [name for name, cls in RULES.items() if engine.generation in cls.generations]
    assert sorted(ruled) == engine.optimizer_names


@on_every_engine
def test_defaults_are_those_of_the_constructor(engine):
    for name in engine.optimizer_names:
        stated = dict(RULES[name].generations[engine.generation].defaults)
        real = constructor(engine, name)
        own = {key: real[key] for key in real if key not in SHARED or key in stated}
        assert stated == own, name


@pytest.mark.parametrize("name", RULES)
def test_keras_3_is_the_default_dialect(name):
    assert rule(name, "keras-3") == RULES[name]()


@pytest.mark.parametrize("name", RULES)
def test_a_dialect_is_a_field_of_the_rule_that_no_constructor_takes(name):
    fields = set(RULES[name].__dataclass_fields__)
    for generation in RULES[name].generations.values():
        assert fields >= set(generation.dialect)
        assert not set(generation.defaults) & set(generation.dialect)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_names_its_sources(name):
    assert RULES[name].paper
    assert all(generation.source for generation in RULES[name].generations.values())
