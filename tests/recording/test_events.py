"""What is noticed when construction happens more than once, or for more than one model."""

from itertools import pairwise

from engine_cases import (
    GRAPH,
    data,
    dense_model,
    find,
    functional,
    kinds,
    on,
    on_every_engine,
)

import slotscope
from slotscope.engines import ENGINES

X, Y = data()
REPLACING = ("keras-2.1",)
KEEPING = tuple(name for name in ENGINES if name not in REPLACING)


def fit(model):
    model.fit(X, Y, batch_size=32, verbose=0)


def shared_model(engine, optimizer):
    """Another model of the same shapes, compiled with a given optimizer."""
    with engine.scope():
        layers = engine.keras.layers
        x = layers.Input(shape=(4,))
        model = functional(engine, x, layers.Dense(1, name="b")(layers.Dense(3, name="a")(x)))
        model.compile(optimizer=optimizer, loss="mse")
    return model


@on_every_engine
def test_events_come_in_the_order_in_which_things_happen(engine):
    model = dense_model(engine)
    with engine.scope(), slotscope.watch(model) as recording:
        fit(model)
        fit(model)
    order = [kind for kind in kinds(recording) if kind != "compiled"]
    assert order[-1] == "stepped"
    assert set(order) <= {"constructed", "traced", "stepped"}
    assert [event.iterations for event in find(recording, "stepped")] == [1, 2, 3, 4, 5, 6]


@on(*REPLACING)
def test_recompiling_with_the_same_optimizer_makes_new_zero_slots(engine):
    model = dense_model(engine, "SGD", momentum=0.9)
    with engine.scope(), slotscope.watch(model) as recording:
        fit(model)
        model.compile(optimizer=model.optimizer, loss="mse")
        fit(model)
    (replaced,) = find(recording, "replaced")
    assert (replaced.iterations, replaced.count) == (3, 4)
    second = recording.variables.set_index("variable").loc["momentum/hidden/kernel (2)"]
    assert (second["created"], second["initial"]) == (3, 0.0)
    assert recording.counts["get_updates"] == 2
    # What training updated, step by step: the first variable, then the second.
    values = recording.values("momentum", "hidden/kernel")
    first, second = (recording.values("momentum", "hidden/kernel", number=n) for n in (1, 2))
    assert (values[:3] == first[:3]).all()
    assert (values[3:] == second).all()
    assert not find(recording, "frozen mirror")


@on(*KEEPING)
def test_recompiling_with_the_same_optimizer_keeps_the_slots(engine):
    model = dense_model(engine, "SGD", momentum=0.9)
    with engine.scope(), slotscope.watch(model) as recording:
        fit(model)
        model.compile(optimizer=model.optimizer, loss="mse")
        fit(model)
    assert not find(recording, "replaced")
    assert recording.counts["slots created"] == 4
    assert recording.values("momentum", "hidden/kernel").shape == (6, 4, 3)


@on_every_engine
def test_recompiling_with_a_new_optimizer_replaces_every_slot(engine):
    model = dense_model(engine, "SGD", momentum=0.9)
    with engine.scope(), slotscope.watch(model) as recording:
        fit(model)
        other = engine.optimizer("SGD", learning_rate=0.01, momentum=0.9)
        model.compile(optimizer=other, loss="mse")
        fit(model)
    assert sum(event.count for event in find(recording, "replaced")) == 4
    assert recording.counts["steps"] == 6
    assert recording.iterations.tolist() == [1, 2, 3, 1, 2, 3]
    assert not find(recording, "frozen mirror")
    assert not find(recording, "gap")


@on("keras-2.1")
def test_a_second_get_updates_freezes_the_mirror(engine):
    model = dense_model(engine, "SGD", momentum=0.9)
    with engine.scope(), slotscope.watch(model) as recording:
        fit(model)
        model.optimizer.get_updates(loss=model.total_loss, params=model.trainable_weights)
        fit(model)
        assert all(not w.any() for w in model.optimizer.get_weights()[1:])
    assert find(recording, "replaced")[0].count == 4
    (frozen,) = find(recording, "frozen mirror")
    assert (frozen.iterations, frozen.count) == (4, 4)
    values = recording.values("momentum", "hidden/kernel")
    assert all((a != b).any() for a, b in pairwise(values))
    assert not recording.values("momentum", "hidden/kernel", number=2).any()


@on("keras-2.1")
def test_a_mirror_that_froze_before_the_watch_is_noticed(engine):
    model = dense_model(engine, "SGD", momentum=0.9)
    with engine.scope():
        fit(model)
        model.optimizer.get_updates(loss=model.total_loss, params=model.trainable_weights)
        with slotscope.watch(model) as recording:
            fit(model)
    assert find(recording, "frozen mirror")[0].count == 4
    assert recording.values("momentum", "hidden/kernel").any()


@on("keras-tensorflow", "keras-jax", "keras-torch")
def test_a_build_without_its_guard_doubles_the_variables(engine):
    keras = engine.keras

    class Unguarded(keras.optimizers.Optimizer):
        def build(self, variables):
            super().build(variables)
            self.momentums = [
                self.add_variable_from_reference(reference_variable=v, name="momentum")
                for v in variables
            ]

        def update_step(self, gradient, variable, learning_rate):
            momentum = self.momentums[self._get_variable_index(variable)]
            self.assign(momentum, 0.5 * momentum - gradient * learning_rate)
            self.assign_add(variable, momentum)

    model = dense_model(engine)
    model.compile(optimizer=Unguarded(0.01), loss="mse")
    with slotscope.watch(model) as recording:
        fit(model)
        model.optimizer.build(model.trainable_variables)
        fit(model)
    assert sum(event.count for event in find(recording, "replaced")) == 4
    frozen = find(recording, "frozen mirror")
    # TensorFlow's compiled step keeps the first slots; JAX and torch go on in the second ones.
    assert bool(frozen) is (engine.name == "keras-tensorflow")


@on_every_engine
def test_an_optimizer_of_two_models_is_noticed(engine):
    model = dense_model(engine, "SGD", momentum=0.9)
    with engine.scope(), slotscope.watch(model) as recording:
        fit(model)
        other = shared_model(engine, model.optimizer)
        try:
            fit(other)
        except Exception as error:
            # Older releases of tf_keras wrap the error of a traced function into another one.
            refusal = f"{type(error).__name__}: {error}"
        else:
            refusal = ""
    refusing = {
        "tf_keras": "KeyError",
        "keras-tensorflow": "ValueError",
        "keras-torch": "ValueError",
    }
    assert refusing.get(engine.name, "") in refusal
    assert bool(refusal) is (engine.name in refusing)
    assert len(find(recording, "shared")) == 1


@on(*GRAPH, "tf_keras-legacy")
def test_an_optimizer_that_served_another_model_before_is_noticed(engine):
    first = dense_model(engine, "SGD", momentum=0.9)
    with engine.scope():
        fit(first)
        second = shared_model(engine, first.optimizer)
        with slotscope.watch(first) as alone:
            fit(first)
        fit(second)
        with slotscope.watch(first) as recording:
            fit(first)
    assert not find(alone, "shared")
    assert len(find(recording, "shared")) == 1
