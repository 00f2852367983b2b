"""A rule beside the optimizer of an engine: the same six steps, with numbers exact in binary."""

import numpy as np

from slotscope.rules import RULES, rule
from slotscope.rules.training import Each, Training

SHAPES = ((), (3,), (2, 3), (2, 3, 4))
#: Of the gradients, step by step, so that it shows where an epsilon of 1/4 goes.
SCALES = (1.0, 2.0**-3, 4.0, 2.0**-6, 2.0**3, 0.5)
#: Optimizer variables that are of no parameter, and of no rule.
NO_SLOTS = ("iterations", "learning_rate")
#: Slots that all parameters share.
WIDE = ("u_product", "momentum_cache")
#: Where nothing orders the reading of ``iterations`` (and Nadam's ``m_schedule``) before their
#: update: some runs read too late, up to four of ten, and are run again.
UNORDERED = [("Nadam", "keras-2.1"), ("Adamax", "keras-2.1"), ("Adam", "keras-2.1")]

# Exact in binary, with an epsilon that is larger than some gradients below and smaller than others.
ADAM = {"learning_rate": 0.5, "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25}


def eighths(shape, start, scale=1.0):
    """Odd eighths from -11/8 to 9/8, times ``scale``: exact in binary, and none of them 0."""
    size = int(np.prod(shape))
    return (((np.arange(start, start + size) * 7 % 11) * 2 - 11) * (scale / 8)).reshape(shape)


def parameters(shapes):
    """One float64 array for each of ``shapes``."""
    return [eighths(shape, number, 2.0) for number, shape in enumerate(shapes)]


def gradients(shapes):
    """A list over six steps of one gradient for each of ``shapes``."""
    return [
        [eighths(shape, 5 * t + number, scale) for number, shape in enumerate(shapes)]
        for t, scale in enumerate(SCALES)
    ]


def by_rule(law, shapes, weight_decay=0.0):
    """The states after each step, by label: ``p0``, ``momentum/p0``, ``u_product``."""
    training = Training(Each(law), weight_decay=weight_decay)
    states = training.states(parameters(shapes), gradients(shapes))[1:]
    return [{_label(k): v for k, v in state.items() if k not in NO_SLOTS} for state in states]


def _label(label):
    slot = label.partition("/")[0]
    return slot if slot in WIDE else label


def by_keras(engine, name, shapes, way, config):
    """The same from the engine's own optimizer, in float32."""
    engine = engine.fresh()
    optimizer = engine.optimizer(name, **config)
    variables = engine.parameters([p.astype("float32") for p in parameters(shapes)], "float32")
    steps = [[g.astype("float32") for g in step] for step in gradients(shapes)]
    step = engine.stepper(optimizer, variables, steps[0], way or engine.ways[0])
    numbers = {engine.path(variable): f"p{n}" for n, variable in enumerate(variables)}
    states = []
    for given in steps:
        step(given)
        shown = [v for v in engine.variables(optimizer) if v.slot not in NO_SLOTS]
        labels = [f"{v.slot}/{numbers[v.parameter]}" if v.parameter else v.slot for v in shown]
        values = engine.read([*variables, *(v.ref for v in shown)], engine.at_rest())
        states.append(dict(zip([*numbers.values(), *labels], values, strict=True)))
    return states


def error(engine, name, config, shapes=SHAPES, way=None, **of_the_rule):
    """Largest error of an element over all steps, relative to the largest of its array.

    Labels and shapes are asserted to be the same.
    """
    law = rule(name, engine.generation, **config, **of_the_rule)
    default = law.generations[engine.generation].defaults.get("weight_decay", 0.0)
    stated = by_rule(law, shapes, config.get("weight_decay", default))
    done = by_keras(engine, name, shapes, way, config)
    worst = 0.0
    for theirs, ours in zip(done, stated, strict=True):
        assert sorted(theirs) == sorted(ours)
        for label, value in ours.items():
            assert theirs[label].shape == value.shape, label
            size = np.abs(value).max() or 1.0
            worst = max(worst, float(np.abs(theirs[label] - value).max() / size))
    return worst


def assert_follows(engine, name, configs, within=1e-6, shapes=SHAPES):
    """The optimizer steps as its rule says, with every config that the generation takes.

    In float32, every parameter and every slot, after each of six steps.
    """
    known = {"decay", "weight_decay", *RULES[name].generations[engine.generation].defaults}
    tries = 12 if (name, engine.name) in UNORDERED else 1
    for config in configs:
        if known >= set(config):
            found = (error(engine, name, config, shapes) for _ in range(tries))
            assert any(one < within for one in found), (name, config)


def stepped(name, generation, values, config, start=3.0):
    """The parameter after each step with the gradients ``values``, and the last slots."""
    law = rule(name, generation, **config)
    parameter = np.array(start)
    slots, after = law.initial(parameter), []
    for t, value in enumerate(values):
        parameter, slots = law.step(parameter, np.full_like(parameter, value), slots, t)
        after.append(parameter.tolist())
    return after, slots
