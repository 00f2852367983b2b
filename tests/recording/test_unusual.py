"""Uses that are rarer, each of which a watch once disturbed or misread."""

import tempfile
import threading

import numpy as np
import pytest
from engine_cases import (
    TF_FUNCTION,
    data,
    dense_model,
    find,
    functional,
    on,
    on_every_engine,
)

import slotscope

X, Y = data()
FUNCTIONS = (*TF_FUNCTION, "keras-jax", "keras-torch")


def fit(model):
    model.fit(X, Y, batch_size=32, verbose=0)


@on(*TF_FUNCTION)
def test_exporting_inside_the_block(engine):
    import tensorflow as tf

    model = dense_model(engine)
    with tempfile.TemporaryDirectory() as folder, slotscope.watch(model) as recording:
        fit(model)
        tf.saved_model.save(model, folder)
        with tf.Graph().as_default():
            tf.function(lambda x: x + 1)(tf.constant(1.0))
        fit(model)
    assert recording.iterations.tolist() == [1, 2, 3, 4, 5, 6]


@on("tf_keras-legacy", "tf_keras")
def test_a_train_function_that_is_returned_and_not_kept(engine):
    class Own(engine.keras.Model):
        def make_train_function(self, force=False):
            made = super().make_train_function(force)
            self.train_function = None
            return lambda iterator: made(iterator)

    x = engine.keras.layers.Input(shape=(4,))
    model = Own(x, engine.keras.layers.Dense(1)(x))
    model.compile(optimizer=engine.optimizer("SGD", momentum=0.5), loss="mse")
    with slotscope.watch(model) as recording:
        fit(model)
    assert recording.counts["steps"] == 3
    assert "slotscope" not in model.train_function.__module__


@on_every_engine
def test_an_optimizer_that_does_not_train_the_model_has_no_steps(engine):
    model = dense_model(engine)
    other = engine.optimizer("SGD", momentum=0.5)
    with (
        engine.scope(),
        slotscope.watch(model, optimizer=other) as idle,
        slotscope.watch(model) as busy,
    ):
        fit(model)
    assert (idle.counts["steps"], busy.counts["steps"]) == (0, 3)
    assert idle.rows == []


@on("keras-2.1")
def test_an_optimizer_without_a_counter_steps_with_its_train_function(engine):
    class Plain(engine.optimizers.Optimizer):
        def get_updates(self, loss, params):
            gradients = self.get_gradients(loss, params)
            backend = engine.backend
            self.weights = [backend.zeros(backend.int_shape(p)) for p in params]
            self.updates = []
            for p, g, m in zip(params, gradients, self.weights, strict=True):
                v = 0.5 * m - 0.01 * g
                self.updates += [backend.update(m, v), backend.update(p, p + v)]
            return self.updates

    model = dense_model(engine)
    with engine.scope():
        model.compile(optimizer=Plain(), loss="mse")
        with slotscope.watch(model) as recording:
            fit(model)
    assert recording.iterations.tolist() == [1, 2, 3]
    assert recording.values("slot_0", "hidden/kernel").any()


@on("keras-2.1", "tf_keras-graph")
def test_an_optimizer_of_tensorflow_1_is_refused(engine):
    import tensorflow as tf

    model = dense_model(engine)
    with engine.scope():
        model.compile(optimizer=tf.compat.v1.train.AdamOptimizer(0.01), loss="mse")
        with pytest.raises(slotscope.errors.UnknownOptimizerError, match="can show"):
            slotscope.watch(model)


@on("keras-2.1")
def test_slots_come_back_to_life_with_their_train_function(engine):
    """Two models share their layers and their optimizer, and take turns."""
    layers = engine.keras.layers
    with engine.scope():
        hidden, out = layers.Dense(3, name="hidden"), layers.Dense(1)
        x, z = layers.Input(shape=(4,)), layers.Input(shape=(4,))
        first, second = functional(engine, x, out(hidden(x))), functional(engine, z, out(hidden(z)))
        optimizer = engine.optimizer("SGD", learning_rate=0.01, momentum=0.9)
        for model in (first, second):
            model.compile(optimizer=optimizer, loss="mse")
        with slotscope.watch(first) as recording:
            for model in (first, second, first):
                fit(model)
    velocity = recording.values("momentum", "hidden/kernel")
    own = recording.values("momentum", "hidden/kernel", number=1)
    assert (velocity[6:] == own[6:]).all()
    assert len(np.unique(velocity[6:, 0, 0])) == 3
    assert find(recording, "frozen mirror")


@on(*TF_FUNCTION)
def test_another_thread_trains_another_model(engine):
    model, other = dense_model(engine), dense_model(engine)
    x, y = data(rows=640)
    with slotscope.watch(model) as recording:
        thread = threading.Thread(target=lambda: other.fit(x, y, batch_size=8, epochs=3, verbose=0))
        thread.start()
        model.fit(x, y, batch_size=16, epochs=3, verbose=0)
        thread.join()
    assert recording.iterations.tolist() == list(range(1, 121))
    assert recording.counts["steps"] == 120
    assert not find(recording, "gap")


@on(*TF_FUNCTION, "keras-torch")
def test_a_trainer_of_the_users_own_is_no_other_model(engine):
    class Trainer:
        def __init__(self, model):
            self.model, self.optimizer = model, model.optimizer

        def fit(self):
            gradients = [v * 0 + 1 for v in weights]
            self.optimizer.apply_gradients(zip(gradients, weights, strict=True))

    model = dense_model(engine)
    weights = model.trainable_weights
    with slotscope.watch(model) as recording:
        Trainer(model).fit()
    assert recording.counts["steps"] == 1
    assert not find(recording, "shared")


@on(*FUNCTIONS)
def test_a_layer_and_an_optimizer_are_no_models(engine):
    for thing in (engine.keras.layers.Dense(1), engine.optimizer("SGD")):
        with pytest.raises(slotscope.errors.UnknownModelError):
            slotscope.watch(thing)
    with pytest.raises(slotscope.errors.UnknownOptimizerError):
        slotscope.watch(dense_model(engine), optimizer="sgd")
