"""Measured rows where training does not go by its book: what fails, skips, repeats or stops."""

import importlib
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest
from engine_cases import GRAPH, KERAS_3, TF_FUNCTION, data, dense_model, find, fresh, on

import slotscope
from slotscope.errors import UnseenStepsWarning
from slotscope.recording import row_taker
from slotscope.recording.records import EventKind
from slotscope.recording.row_blocks import SpilledRows

MEASURED = (*TF_FUNCTION, "keras-jax", "keras-torch")


def one_step(engine, model):
    """A step by hand: gradients of zeros, applied eagerly."""
    parameters = model.trainable_variables
    zeros = [engine.tensor(np.zeros(p.shape, "float32"), "float32") for p in parameters]
    model.optimizer.apply_gradients(zip(zeros, parameters, strict=True))


@on(*MEASURED)
def test_steps_by_hand_after_fit_come_after_its_rows(engine):
    model = dense_model(engine)
    x, y = data()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with slotscope.watch(model, keep="norms") as recording:
            model.fit(x, y, verbose=0)
            one_step(engine, model)
            one_step(engine, model)
            model.fit(x, y, verbose=0)
    assert list(recording.iterations) == list(range(1, 9))
    assert recording.counts["steps"] == 8


@on("tf_keras", "keras-tensorflow")
def test_a_train_step_that_applies_twice(engine):
    tf = importlib.import_module("tensorflow")

    class Twice(engine.keras.Model):
        def train_step(self, data):
            x, y = data
            for _ in range(2):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
                gradients = tape.gradient(loss, self.trainable_variables)
                self.optimizer.apply_gradients(
                    zip(gradients, self.trainable_variables, strict=True)
                )
            return {"loss": loss}

    layers = engine.keras.layers
    x = layers.Input(shape=(4,))
    model = Twice(x, layers.Dense(1)(x))
    for eagerly in (False, True):
        model.compile(optimizer=engine.optimizer("Adam"), loss="mse", run_eagerly=eagerly)
        inputs, targets = data(rows=100 if eagerly else 1100)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UnseenStepsWarning)
            with slotscope.watch(model, keep="norms") as recording:
                model.fit(inputs, targets, batch_size=1, verbose=0)
        assert list(recording.iterations) == list(range(1, 2 * len(inputs) + 1))


@on("tf_keras", *KERAS_3)
def test_a_step_that_loss_scaling_skips_leaves_no_row(engine):
    layers = engine.keras.layers
    engine.seed(1)
    x = layers.Input(shape=(4,))
    model = engine.keras.Model(x, layers.Dense(1)(x))
    optimizer = engine.loss_scaled(engine.optimizer("Adam"))
    model.compile(optimizer=optimizer, loss="mse")
    inputs, targets = data(rows=160)
    targets[64:96] = np.inf
    # tf_keras counts the step that it skips, Keras 3 doesn't.
    steps = 5 if engine.name == "tf_keras" else 4
    for keep, before in (("norms", 0), ("values", steps)):
        with warnings.catch_warnings():
            warnings.simplefilter("error", UnseenStepsWarning)
            with slotscope.watch(model, keep=keep) as recording:
                model.fit(inputs, targets, batch_size=32, shuffle=False, verbose=0)
        assert list(recording.iterations) == list(range(before + 1, before + steps + 1))
        assert not find(recording, "gap")
        assert recording.counts["steps"] == steps


@on(*MEASURED)
def test_a_custom_loop_spills_too(engine):
    row_taker.ROWS_IN_MEMORY = 20
    try:
        model = dense_model(engine)
        with slotscope.watch(model, keep="norms") as recording:
            for _ in range(50):
                one_step(engine, model)
    finally:
        row_taker.ROWS_IN_MEMORY = 8192
    assert isinstance(recording.rows, SpilledRows)
    assert list(recording.iterations) == list(range(1, 51))
    assert len(recording.events) < 30
    assert sum(event.count for event in find(recording, "stepped")) == 50


@on("tf_keras", "tf_keras-legacy")
def test_tf_keras_has_both_of_its_train_functions_back(engine):
    model = dense_model(engine)
    x, y = data()
    model.fit(x, y, verbose=0)
    before = model.train_function, model.train_tf_function
    with slotscope.watch(model, keep="norms"):
        model.fit(x, y, verbose=0)
    assert model.train_function is before[0]
    assert model.train_tf_function is before[1]


@on(*GRAPH)
def test_the_second_watch_adds_nothing_to_the_graph(engine):
    tf = importlib.import_module("tensorflow")
    with engine.scope():
        model = dense_model(engine)
        x, y = data()
        model.fit(x, y, verbose=0)
        sizes = []
        rows = []
        graph = tf.compat.v1.get_default_graph()
        for _ in range(3):
            with slotscope.watch(model, keep="norms") as recording:
                model.fit(x, y, verbose=0)
            sizes.append(len(graph.get_operations()))
            rows.append(list(recording.iterations))
        assert rows == [[4, 5, 6], [7, 8, 9], [10, 11, 12]]
        assert sizes[0] == sizes[1] == sizes[2]
        kept = [v.name for v in tf.compat.v1.global_variables()]
        assert not [name for name in kept if "slotscope" in name]
        assert not [name for name in graph.get_all_collection_keys() if "slotscope" in name]


@on(*GRAPH)
def test_a_session_that_is_closed_hands_over_its_rows(engine):
    engine = fresh(engine)
    with engine.scope():
        model = dense_model(engine)
        x, y = data()
        with slotscope.watch(model, keep="norms") as recording:
            model.fit(x, y, verbose=0)
            engine.backend.get_session().close()
        assert list(recording.iterations) == [1, 2, 3]


@on(*GRAPH)
def test_a_finalized_graph_is_read(engine):
    tf = importlib.import_module("tensorflow")
    engine = fresh(engine)
    with engine.scope():
        model = dense_model(engine)
        x, y = data()
        model.fit(x, y, verbose=0)
        tf.compat.v1.get_default_graph().finalize()
        with slotscope.watch(model, keep="norms") as recording:
            model.fit(x, y, verbose=0)
        assert list(recording.iterations) == [4, 5, 6]


@on("keras-jax")
def test_rows_that_a_failed_step_took_along_are_a_gap(engine):
    jax = importlib.import_module("jax")
    calls = []

    def fail(loss):
        calls.append(loss)
        if len(calls) == 3:
            raise RuntimeError("in the middle of a step")
        return loss

    def loss(y, prediction):
        value = engine.keras.ops.mean((y - prediction) ** 2)
        shape = jax.ShapeDtypeStruct(value.shape, value.dtype)
        return value + 0 * jax.pure_callback(fail, shape, jax.lax.stop_gradient(value))

    layers = engine.keras.layers
    x = layers.Input(shape=(4,))
    model = engine.keras.Model(x, layers.Dense(1)(x))
    model.compile(optimizer="adam", loss=loss, jit_compile=True)
    inputs, targets = data()
    with (
        pytest.warns(UnseenStepsWarning, match="took the rows"),
        slotscope.watch(model, keep="norms") as recording,
        pytest.raises(Exception, match="in the middle of a step"),
    ):
        model.fit(inputs, targets, batch_size=16, verbose=0)
    assert find(recording, "gap")


@on("keras-jax")
def test_a_train_function_of_ones_own_gets_keras_state_and_is_read(engine):
    jax = importlib.import_module("jax")
    layers = engine.keras.layers

    class Own(engine.keras.Model):
        def make_train_function(self, force=False):
            def step(state, batch):
                weights, others, slots, metrics = state

                def loss_of(weights):
                    prediction, _ = self.stateless_call(weights, others, batch[0])
                    return ((prediction - batch[1]) ** 2).mean()

                loss, gradients = jax.value_and_grad(loss_of)(weights)
                weights, slots = self.optimizer.stateless_apply(slots, gradients, weights)
                return {"loss": loss}, (weights, others, slots, metrics)

            compiled = jax.jit(step)
            # Keras 3.0 hands over an iterable.
            self.train_function = lambda state, batches: compiled(state, next(iter(batches)))

    x, y = data()
    inputs = layers.Input(shape=x.shape[1:])
    model = Own(inputs, layers.Dense(y.shape[1])(inputs))
    model.compile(optimizer="adam")
    with slotscope.watch(model, keep="norms") as recording:
        model.fit(x, y, batch_size=32, verbose=0)
    assert recording.iterations.tolist() == [1, 2, 3]
    assert not find(recording, "gap")


@on("keras-jax", "keras-tensorflow")
def test_a_call_of_several_steps_that_is_traced_once_more_for_a_last_batch_has_all_its_rows(engine):
    model = dense_model(engine, compiled={"steps_per_execution": 2})
    x, y = data()
    with warnings.catch_warnings(), slotscope.watch(model, keep="norms") as recording:
        warnings.simplefilter("error", UnseenStepsWarning)
        for _ in range(2):  # batches of 30, 30, 30 and 6: the second call meets another shape
            model.fit(x, y, batch_size=30, verbose=0)
    assert len(x) == 96
    assert recording.iterations.tolist() == list(range(1, 9))
    assert recording.counts["steps"] == 8
    assert not find(recording, "gap")


@on("tf_keras", *KERAS_3)
def test_a_large_model_that_is_not_built_is_read_once_at_most(engine):
    layers = engine.keras.layers

    class Large(engine.keras.Model):
        def __init__(self):
            super().__init__()
            self.inner, self.outer = layers.Dense(20_000), layers.Dense(1)

        def call(self, inputs):
            return self.outer(self.inner(inputs))

    model = Large()
    model.compile(optimizer=engine.optimizer("Adam"), loss="mse")
    inputs, targets = data(rows=96)
    read = []
    original = row_taker.RowTaker.look

    def record(*args):
        read.append(args)
        return original(*args)

    row_taker.RowTaker.look = record
    try:
        with slotscope.watch(model) as recording:
            model.fit(inputs, targets, epochs=2, verbose=0)
    finally:
        row_taker.RowTaker.look = original
    assert len(read) <= 1
    assert list(recording.iterations) == [1, 2, 3, 4, 5, 6]
    assert not find(recording, "gap")


@on("tf_keras", "keras-jax", "keras-torch")
def test_where_warnings_are_errors_the_rows_are_kept(engine):
    model = dense_model(engine)
    x, y = data()
    watch = slotscope.watch(model, keep="norms")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnseenStepsWarning)
        recording = watch.__enter__()
        model.fit(x, y, verbose=0)
        watch.hooks.recorder.log.note(EventKind.GAP, "of this test's making")
        model.fit(x, y, verbose=0)
        with pytest.raises(UnseenStepsWarning, match="of this test's making"):
            watch.__exit__(None, None, None)
    assert list(recording.iterations) == [1, 2, 3, 4, 5, 6]


@on(*MEASURED)
def test_a_run_that_is_interrupted_keeps_its_rows(engine):
    class Interrupt(engine.keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise KeyboardInterrupt

    model = dense_model(engine)
    x, y = data()
    with slotscope.watch(model, keep="norms") as recording, pytest.raises(KeyboardInterrupt):
        model.fit(x, y, verbose=0, callbacks=[Interrupt()])
    assert list(recording.iterations) == [1, 2]


@on("keras-tensorflow")
def test_the_counter_of_a_later_optimizer_is_not_among_the_statistics(engine):
    model = dense_model(engine)
    x, y = data()
    with slotscope.watch(model, keep="values") as recording:
        model.fit(x, y, verbose=0)
        model.compile(optimizer=engine.optimizer("SGD", momentum=0.5), loss="mse")
        model.fit(x, y, verbose=0)
    assert not [name for name in recording.statistics["variable"] if "iterations" in name]


def test_a_watch_that_the_end_of_the_program_closes_is_quiet():
    program = """
        import numpy, slotscope
        engine = slotscope.engine("keras-torch")
        keras = engine.keras
        model = keras.Sequential([keras.layers.Dense(1)])
        model.compile("adam", "mse")

        def watching():
            with slotscope.watch(model, keep="statistics"):
                model.fit(numpy.ones((8, 2)), numpy.ones((8, 1)), verbose=0)
                yield

        running = watching()
        next(running)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (0, "")
