"""A step is counted once, whatever happens to the step counter, and wherever it is looked at."""

import importlib
import tempfile
import threading
import warnings
from pathlib import Path

import numpy as np
from engine_cases import GRAPH, KERAS_3, data, dense_model, find, on, on_every_engine, session

import slotscope
from slotscope.errors import UnseenStepsWarning

X, Y = data()
KEPT = ("values", "norms", "statistics")
MOVED = ("restored", "counter set back", "gap")


def fit(model, **options):
    model.fit(X, Y, batch_size=32, verbose=0, **options)


def put(engine, model, count):
    """Have the step counter say ``count``."""
    counter = engine.iterations(model.optimizer)
    if engine.name in GRAPH:
        engine.backend.set_value(counter, count)
    else:
        counter.assign(count)


def moves(recording):
    """The events that say how the step counter moved without a step."""
    return [(str(e.kind), e.detail) for e in recording.events if e.kind in MOVED]


def counted(recording, steps):
    """Whether each of so many steps was counted once, and has a row with its own number."""
    assert recording.counts["steps"] == steps
    assert sum(event.count for event in find(recording, "stepped")) == steps
    assert recording.steps.tolist() == list(range(1, steps + 1))


@on_every_engine
def test_a_counter_that_is_set_back_between_fits(engine):
    for keep in KEPT:
        model = dense_model(engine)
        with warnings.catch_warnings(), engine.scope():
            warnings.simplefilter("error", UnseenStepsWarning)
            with slotscope.watch(model, keep=keep) as recording:
                for back in (0, 2, None):
                    fit(model)
                    if back is not None:
                        put(engine, model, back)
        counted(recording, 9)
        assert recording.iterations.tolist() == [1, 2, 3, 1, 2, 3, 3, 4, 5]
        assert moves(recording) == [
            ("counter set back", "from 3 to 0"),
            ("counter set back", "from 3 to 2"),
        ]


@on_every_engine
def test_all_of_the_state_set_to_zero_between_fits(engine):
    for keep in KEPT:
        model = dense_model(engine, "SGD", momentum=0.9)
        with engine.scope(), slotscope.watch(model, keep=keep) as recording:
            for _ in range(3):
                fit(model)
                for ref in engine.shows(model.optimizer):
                    if "rate" not in engine.path(ref):
                        value = engine.read([ref], session(engine))[0]
                        engine.assign(ref, np.zeros_like(value))
        counted(recording, 9)
        assert recording.iterations.tolist() == [1, 2, 3] * 3
        set_back = [("counter set back", "from 3 to 0")] * 3
        assert moves(recording) == set_back


@on_every_engine
def test_a_counter_that_is_moved_on_was_restored(engine):
    for keep in KEPT:
        model = dense_model(engine)
        with engine.scope(), slotscope.watch(model, keep=keep) as recording:
            fit(model)
            put(engine, model, 10)
            fit(model)
        counted(recording, 6)
        assert recording.iterations.tolist() == [1, 2, 3, 11, 12, 13]
        assert moves(recording) == [("restored", "from 3 to 10")]


@on("tf_keras-legacy", "tf_keras", *KERAS_3)
def test_a_counter_that_a_callback_moves_within_a_fit(engine):
    for keep in KEPT:
        model = dense_model(engine)

        class Restart(engine.keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None, model=model):
                if epoch:
                    put(engine, model, 0 if epoch == 1 else 7)

        with slotscope.watch(model, keep=keep) as recording:
            fit(model, epochs=3, callbacks=[Restart()])
        counted(recording, 9)
        assert recording.iterations.tolist() == [1, 2, 3, 1, 2, 3, 8, 9, 10]
        assert moves(recording) == [
            ("counter set back", "from 3 to 0"),
            ("restored", "from 3 to 7"),
        ]


@on("tf_keras-legacy", "tf_keras", *KERAS_3)
def test_weights_loaded_between_fits_restore_the_counter(engine):
    for keep in KEPT:
        first, model = dense_model(engine), dense_model(engine)
        fit(first)
        fit(first)
        # The one format that brings the state of a legacy optimizer back in place.
        name = "w" if engine.name == "tf_keras-legacy" else "w.weights.h5"
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / name)
            first.save_weights(path)
            with slotscope.watch(model, keep=keep) as recording:
                fit(model)
                model.load_weights(path)
                fit(model)
        counted(recording, 6)
        assert recording.iterations.tolist() == [1, 2, 3, 7, 8, 9]
        assert moves(recording) == [("restored", "from 3 to 6")]


@on("tf_keras-legacy")
def test_state_that_is_restored_within_the_first_step(engine):
    for keep in KEPT:
        first, model = dense_model(engine), dense_model(engine)
        fit(first)
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "w")
            first.save_weights(path)
            model.load_weights(path)
            with slotscope.watch(model, keep=keep) as recording:
                fit(model)
        counted(recording, 3)
        assert recording.iterations.tolist() == [4, 5, 6]
        assert moves(recording) == [("restored", "from 0 to 3")]
        initial = recording.variables.set_index("variable")["initial"]
        assert initial["iterations"] == 3.0


@on_every_engine
def test_a_watch_that_begins_late(engine):
    for keep in KEPT:
        model = dense_model(engine)
        with engine.scope():
            fit(model)
            with slotscope.watch(model, keep=keep) as recording:
                fit(model)
        counted(recording, 3)
        (late,) = find(recording, "started late")
        assert (late.iterations, late.count, late.detail) == (3, 3, "3 steps had been made before")


@on("tf_keras-legacy", "tf_keras", *KERAS_3)
def test_initial_is_read_before_a_custom_loop_moves_anything(engine):
    layers = engine.keras.layers
    x = layers.Input(shape=(4,))
    model = engine.keras.Model(x, layers.Dense(1, name="out")(x))
    optimizer = engine.optimizer("SGD", learning_rate=0.125, momentum=0.5)
    ones = [np.ones(v.shape, "float32") for v in model.trainable_variables]
    with slotscope.watch(model, optimizer=optimizer) as recording:
        for _ in range(3):
            tensors = [engine.tensor(one, "float32") for one in ones]
            optimizer.apply_gradients(zip(tensors, model.trainable_variables, strict=True))
    counted(recording, 3)
    initial = recording.variables.set_index("variable")["initial"]
    assert initial["momentum/out/kernel"] == initial["momentum/out/bias"] == 0
    assert initial["iterations"] == 0
    assert recording.values("momentum", "bias").ravel().tolist() == [-0.125, -0.1875, -0.21875]


@on(*KERAS_3)
def test_initial_of_a_slot_that_is_made_in_the_step(engine):
    keras = engine.keras

    class Late(keras.optimizers.Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            slots, index = vars(self).setdefault("slots", {}), self._get_variable_index(variable)
            if index not in slots:
                parameter = self._trainable_variables[index]
                slots[index] = self.add_variable_from_reference(
                    parameter, name="momentum", initializer="ones"
                )
            slot = slots[index]
            self.assign(slot, 0.5 * slot + gradient)
            self.assign_sub(variable, learning_rate * slot)

    layers = keras.layers
    x = layers.Input(shape=(4,))
    model = keras.Model(x, layers.Dense(1, name="out")(x))
    optimizer = Late(0.125)
    with slotscope.watch(model, optimizer=optimizer) as recording:
        for _ in range(2):
            ones = [keras.ops.ones(v.shape) for v in model.trainable_variables]
            optimizer.apply(ones, model.trainable_variables)
    slots = recording.variables.query("parameter != ''")
    assert len(slots) == 2
    assert slots["initial"].tolist() == [1.0, 1.0]


def critic(engine, times):
    """A model whose train step applies gradients several times."""
    keras, ops = engine.keras, getattr(engine.keras, "ops", None)

    if engine.name == "keras-torch":

        class Critic(keras.Model):
            def train_step(self, data):
                x, y = data
                for _ in range(times):
                    self.zero_grad()
                    loss = ops.mean((self(x) - y) ** 2)
                    loss.backward()
                    gradients = [v.value.grad for v in self.trainable_weights]
                    self.optimizer.apply(gradients, self.trainable_weights)
                return {"loss": loss}

    elif engine.name == "keras-jax":
        jax = importlib.import_module("jax")

        class Critic(keras.Model):
            def train_step(self, state, data):
                (weights, others, slots, metrics), (x, y) = state, data

                def loss_of(weights):
                    prediction, _ = self.stateless_call(weights, others, x)
                    return ((prediction - y) ** 2).mean()

                for _ in range(times):
                    loss, gradients = jax.value_and_grad(loss_of)(weights)
                    weights, slots = self.optimizer.stateless_apply(slots, gradients, weights)
                return {"loss": loss}, (weights, others, slots, metrics)

    else:
        tf = importlib.import_module("tensorflow")

        class Critic(keras.Model):
            def train_step(self, data):
                x, y = data
                for _ in range(times):
                    with tf.GradientTape() as tape:
                        loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
                    gradients = tape.gradient(loss, self.trainable_variables)
                    pairs = zip(gradients, self.trainable_variables, strict=True)
                    self.optimizer.apply_gradients(pairs)
                return {"loss": loss}

    x = keras.layers.Input(shape=(4,))
    return Critic(x, keras.layers.Dense(1, name="out")(x))


@on("tf_keras-legacy", "tf_keras", *KERAS_3)
def test_a_train_step_that_applies_three_times(engine):
    for keep in KEPT:
        model = critic(engine, times=3)
        model.compile(optimizer=engine.optimizer("Adam", learning_rate=0.01), loss="mse")
        with warnings.catch_warnings(record=True) as given, slotscope.watch(model, keep=keep) as r:
            warnings.simplefilter("always")
            fit(model, epochs=2)
        ours = [w for w in given if w.category is UnseenStepsWarning]
        assert r.counts["steps"] == 18
        # Eager applies are calls of their own; TensorFlow's meter is part of each.
        if engine.name == "keras-torch" or (keep != "values" and engine.name != "keras-jax"):
            counted(r, 18)
            assert not ours
        else:
            assert r.steps.tolist() == [3, 6, 9, 12, 15, 18]
            (gap,) = find(r, "gap")
            assert (gap.count, len(ours)) == (12, 1)
            assert "12 steps" in str(ours[0].message)


@on("tf_keras-legacy", "tf_keras", "keras-tensorflow")
def test_a_train_step_that_applies_three_times_eagerly(engine):
    for keep in KEPT:
        model = critic(engine, times=3)
        optimizer = engine.optimizer("Adam", learning_rate=0.01)
        model.compile(optimizer=optimizer, loss="mse", run_eagerly=True)
        with slotscope.watch(model, keep=keep) as recording:
            fit(model, epochs=2)
        counted(recording, 18)


@on("keras-jax")
def test_a_loop_over_stateless_apply_that_assigns_its_state_at_its_end(engine):
    jax, ops = importlib.import_module("jax"), engine.keras.ops
    for built in (True, False):
        model = dense_model(engine)
        optimizer = engine.keras.optimizers.SGD(0.01, momentum=0.9)
        if built:
            optimizer.build(model.trainable_variables)
        with (
            warnings.catch_warnings(record=True) as given,
            slotscope.watch(model, optimizer=optimizer) as recording,
        ):
            warnings.simplefilter("always")
            if not built:
                optimizer.build(model.trainable_variables)
            step = jax.jit(optimizer.stateless_apply)
            weights = [v.value for v in model.trainable_variables]
            slots = [v.value for v in optimizer.variables]
            ones = [ops.ones(v.shape) for v in model.trainable_variables]
            for _ in range(5):
                weights, slots = step(slots, ones, weights)
            for variable, value in zip(optimizer.variables, slots, strict=True):
                variable.assign(value)
        assert recording.counts["steps"] == 5
        (gap,) = find(recording, "gap")
        assert gap.count == 5
        assert [w.category for w in given if w.category is UnseenStepsWarning]


@on("tf_keras", *KERAS_3)
def test_a_wrapper_and_the_optimizer_in_it_are_counted_as_one(engine):
    engine.seed(1)
    for keep in KEPT:
        layers = engine.keras.layers
        x = layers.Input(shape=(4,))
        model = engine.keras.Model(x, layers.Dense(1)(x))
        model.compile(optimizer=engine.loss_scaled(engine.optimizer("Adam")), loss="mse")
        x, y = data(rows=160)
        y[64:96] = np.inf
        with slotscope.watch(model, keep=keep) as recording:
            model.fit(x, y, batch_size=32, shuffle=False, verbose=0)
        # Where nothing is traced, a call is a batch.
        name = "apply_gradients" if engine.name == "tf_keras" else "apply"
        if engine.name == "keras-torch":
            assert recording.counts[name] == 5
        # tf_keras counts the step that it skips, Keras 3 doesn't.
        skipped = 0 if engine.name == "tf_keras" else 1
        counted(recording, 5 - skipped)
        assert sum(event.count for event in find(recording, "skipped")) == skipped


@on("tf_keras-legacy", "tf_keras", *KERAS_3)
def test_state_that_is_loaded_before_the_first_step(engine):
    for keep in KEPT:
        first, model = dense_model(engine), dense_model(engine)
        fit(first)
        engine.build_for(model)
        with slotscope.watch(model, keep=keep) as recording:
            held = zip(engine.shows(model.optimizer), engine.shows(first.optimizer), strict=True)
            for ref, loaded in held:
                engine.assign(ref, engine.read([loaded])[0])
            fit(model)
        counted(recording, 3)
        assert moves(recording) == [("restored", "from 0 to 3")]


@on("tf_keras-legacy", "tf_keras", "keras-tensorflow")
def test_two_watched_models_that_train_in_two_threads(engine):
    for keep in KEPT:
        models = [dense_model(engine), dense_model(engine)]
        for model in models:
            fit(model)
        with slotscope.watch(models[0], keep=keep) as a, slotscope.watch(models[1], keep=keep) as b:
            threads = [
                threading.Thread(target=lambda model=model: fit(model, epochs=20))
                for model in models
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        for recording in (a, b):
            counted(recording, 60)
            assert not moves(recording)
