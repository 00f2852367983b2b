"""Models of every kind, and every way to run their steps."""

import numpy as np
import pytest
from engine_cases import (
    KERAS_3,
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
EAGER = (*TF_FUNCTION, "keras-jax", "keras-torch")


def watched_fit(engine, model, x=X, y=Y, **options):
    with engine.scope(), slotscope.watch(model, **options) as recording:
        model.fit(x, y, batch_size=32, epochs=2, verbose=0)
    return recording


def parameters(recording):
    return {v.parameter.rpartition("/")[2] for v in recording.seen if v.parameter}


@on_every_engine
def test_several_inputs_and_outputs(engine):
    layers = engine.keras.layers
    with engine.scope():
        a, b = layers.Input(shape=(4,)), layers.Input(shape=(4,))
        both = layers.concatenate([layers.Dense(2)(a), layers.Dense(2)(b)])
        model = functional(engine, [a, b], [layers.Dense(1)(both), layers.Dense(1)(both)])
        model.compile(optimizer=engine.optimizer("Adam"), loss=["mse", "mse"])
    recording = watched_fit(engine, model, [X, X], [Y, Y])
    assert recording.counts["steps"] == 6
    assert len({v.parameter for v in recording.seen if v.parameter}) == 8


@on_every_engine
def test_a_shared_layer_has_one_slot(engine):
    layers = engine.keras.layers
    with engine.scope():
        a, b = layers.Input(shape=(4,)), layers.Input(shape=(4,))
        shared = layers.Dense(2, name="shared")
        y = layers.Dense(1)(layers.concatenate([shared(a), shared(b)]))
        model = functional(engine, [a, b], y)
        model.compile(optimizer=engine.optimizer("RMSprop"), loss="mse")
    recording = watched_fit(engine, model, [X, X])
    assert recording.values("velocity", "shared/kernel").shape == (6, 4, 2)
    assert recording.counts["slots created"] == 4


@on_every_engine
def test_an_embedding_moves_only_the_rows_that_were_looked_up(engine):
    layers = engine.keras.layers
    with engine.scope():
        x = layers.Input(shape=(2,), dtype="int32")
        y = layers.Dense(1)(layers.Flatten()(layers.Embedding(8, 3, name="embedding")(x)))
        model = functional(engine, x, y)
        model.compile(optimizer=engine.optimizer("SGD", momentum=0.5), loss="mse")
    recording = watched_fit(engine, model, np.array([[0, 3], [3, 5]] * 48, dtype="int32"))
    velocity = recording.values("momentum", "embedding/embeddings")
    assert velocity.shape == (6, 8, 3)
    assert velocity[:, [0, 3, 5]].any(axis=(0, 2)).all()
    assert not velocity[:, [1, 2, 4, 6, 7]].any()


@on_every_engine
def test_frozen_layers_have_no_slots(engine):
    layers = engine.keras.layers
    with engine.scope():
        x = layers.Input(shape=(4,))
        frozen = layers.Dense(3, name="frozen")
        model = functional(engine, x, layers.Dense(1, name="free")(frozen(x)))
        frozen.trainable = False
        model.compile(optimizer=engine.optimizer("SGD", momentum=0.5), loss="mse")
    recording = watched_fit(engine, model)
    assert recording.counts["slots created"] == 2
    assert {v.parameter.split("/")[-2] for v in recording.seen if v.parameter} == {"free"}


@on(*TF_FUNCTION, "keras-torch")
def test_a_custom_train_step(engine):
    keras = engine.keras
    if engine.name == "keras-torch":

        class Custom(keras.Model):
            def train_step(self, data):
                x, y = data
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
                self.zero_grad()
                loss.backward()
                variables = self.trainable_weights
                self.optimizer.apply([v.value.grad for v in variables], variables)
                return {"loss": loss}

    else:
        import tensorflow as tf

        class Custom(keras.Model):
            def train_step(self, data):
                x, y = data
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
                variables = self.trainable_variables
                gradients = tape.gradient(loss, variables)
                self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
                return {"loss": loss}

    x = keras.layers.Input(shape=(4,))
    model = Custom(x, keras.layers.Dense(1)(x))
    model.compile(optimizer=engine.optimizer("SGD", momentum=0.5), loss="mse")
    recording = watched_fit(engine, model)
    assert recording.counts["steps"] == 6
    assert recording.values("momentum", "kernel").shape == (6, 4, 1)


@on_every_engine
def test_a_model_trained_before(engine):
    model = dense_model(engine)
    with engine.scope():
        model.fit(X, Y, batch_size=32, verbose=0)
    recording = watched_fit(engine, model)
    assert recording.counts["slots created"] == 0
    assert recording.iterations.tolist() == [4, 5, 6, 7, 8, 9]
    assert recording.variables["created"].isna().all()
    assert not find(recording, "gap")


@on(*TF_FUNCTION, "keras-jax")
def test_several_steps_an_execution(engine):
    model = dense_model(engine, compiled={"steps_per_execution": 4})
    # Keras 3.0 on TensorFlow counts steps that never were when data end within an execution.
    miscounts = engine.versions.get("keras", "").startswith("3.0.") and engine.name in TF_FUNCTION
    steps = 8 if miscounts else 10
    x, y = data(rows=32 * steps)
    with slotscope.watch(model) as recording:
        model.fit(x, y, batch_size=32, verbose=0)
        assert recording.iterations.tolist() == list(range(1, steps + 1))
    assert recording.counts["steps"] == steps
    assert not find(recording, "gap")
    assert len(recording.values("momentum", "hidden/kernel")) == steps


@on(*TF_FUNCTION, "keras-jax")
def test_several_steps_an_execution_of_a_function_that_was_there(engine):
    """It stays, and the last step of each call stands for all of it."""
    model = dense_model(engine, compiled={"steps_per_execution": 4})
    x, y = data(rows=32 * 8)
    model.fit(x, y, batch_size=32, verbose=0)
    with slotscope.watch(model) as recording:
        model.fit(x, y, batch_size=32, verbose=0)
    assert recording.iterations.tolist() == [12, 16]
    assert (recording.counts["steps"], recording.counts["traces"]) == (8, 0)
    assert not find(recording, "gap")


@on(*EAGER)
def test_run_eagerly_still_makes_slots_once(engine):
    model = dense_model(engine, compiled={"run_eagerly": True})
    recording = watched_fit(engine, model)
    assert recording.counts["steps"] == 6
    assert recording.counts["slots created"] == 8
    assert recording.counts["traces"] == 0


@on(*TF_FUNCTION, "keras-jax")
def test_jit_compile(engine):
    model = dense_model(engine, compiled={"jit_compile": True})
    recording = watched_fit(engine, model)
    assert recording.counts["steps"] == 6
    assert recording.values("momentum", "hidden/kernel").shape == (6, 4, 3)


@on_every_engine
def test_train_on_batch(engine):
    model = dense_model(engine)
    with engine.scope(), slotscope.watch(model) as recording:
        for _ in range(3):
            model.train_on_batch(X, Y)
    assert recording.iterations.tolist() == [1, 2, 3]


@on_every_engine
def test_every_samples_the_rows_and_nothing_else(engine):
    model = dense_model(engine)
    recording = watched_fit(engine, model, every=4)
    assert recording.iterations.tolist() == [4]
    assert recording.counts["steps"] == 6
    assert len(find(recording, "stepped")) == 6


def custom_loop(engine, model):
    """One eager step over the optimizer's own method, as each engine has it."""
    if engine.name == "keras-jax":
        import jax

        def loss(trainable, fixed, x, y):
            predicted, _ = model.stateless_call(trainable, fixed, x)
            return ((predicted - y) ** 2).mean()

        trainable = [v.value for v in model.trainable_variables]
        fixed = [v.value for v in model.non_trainable_variables]
        gradients = jax.grad(loss)(trainable, fixed, X, Y)
        return lambda: model.optimizer.apply(gradients, model.trainable_variables)
    if engine.name == "keras-torch":

        def step():
            predicted = model(X)
            loss = engine.keras.losses.mean_squared_error(Y, predicted).mean()
            model.zero_grad()
            loss.backward()
            variables = model.trainable_weights
            model.optimizer.apply([v.value.grad for v in variables], variables)

        return step
    import tensorflow as tf

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(X) - Y) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    return step


@on(*EAGER)
def test_a_custom_loop(engine):
    model = dense_model(engine)
    step = custom_loop(engine, model)
    with slotscope.watch(model) as recording:
        for _ in range(5):
            step()
    assert recording.iterations.tolist() == [1, 2, 3, 4, 5]
    assert recording.counts["slots created"] == 8
    assert recording.counts["traces"] == 0


@on(*TF_FUNCTION)
def test_a_compiled_custom_loop(engine):
    import tensorflow as tf

    for options in ({}, {"jit_compile": True}):
        model = dense_model(engine)
        step = tf.function(custom_loop(engine, model), **options)
        with slotscope.watch(model) as recording:
            for _ in range(3):
                step()
        with slotscope.watch(model) as traced_before:
            step()
        assert recording.iterations.tolist() == [1, 2, 3]
        assert recording.counts["traces"] > 0
        assert traced_before.iterations.tolist() == [4]
        assert traced_before.counts["traces"] == 0


@on(*TF_FUNCTION)
def test_autograph_converts_a_users_optimizer_as_if_unwatched(engine):
    import tensorflow as tf

    class Careful(type(engine.optimizer("SGD"))):
        def apply_gradients(self, grads_and_vars, *args, **kwargs):
            pairs = list(grads_and_vars)
            if tf.reduce_sum(pairs[0][0]) > 1e9:  # only autograph can make an op of this
                tf.print("huge")
            return super().apply_gradients(pairs, *args, **kwargs)

    model = dense_model(engine)
    model.compile(optimizer=Careful(learning_rate=0.01), loss="mse")
    step = tf.function(custom_loop(engine, model))
    with slotscope.watch(model) as recording:
        step()
    assert recording.iterations.tolist() == [1]


@on("keras-2.1", "tf_keras-graph")
def test_a_custom_loop_in_a_graph(engine):
    for through_session in (False, True):
        model = dense_model(engine)
        backend = engine.backend
        with engine.scope() as session, slotscope.watch(model) as recording:
            x, target = model.inputs[0], backend.placeholder(shape=(None, 1))
            loss = backend.mean(backend.square(model.outputs[0] - target))
            updates = model.optimizer.get_updates(loss=loss, params=model.trainable_weights)
            step = backend.function([x, target], [loss], updates=updates)
            backend.get_session()
            for _ in range(3):
                if through_session:
                    session.run([loss, *updates], {x: X, target: Y})
                else:
                    step([X, Y])
        assert recording.iterations.tolist() == [1, 2, 3]
        assert recording.counts["get_updates"] == 1


@on(*EAGER)
def test_a_custom_loop_with_a_model_that_was_never_compiled(engine):
    layers = engine.keras.layers
    x = layers.Input(shape=(4,))
    model = functional(engine, x, layers.Dense(1)(x))
    optimizer = engine.optimizer("SGD", momentum=0.5)
    gradients = [v * 0 + 1 for v in model.weights]
    with slotscope.watch(model, optimizer=optimizer) as recording:
        for _ in range(2):
            optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
    assert recording.iterations.tolist() == [1, 2]


@on(*KERAS_3)
def test_loss_scaling_is_followed_to_the_inner_optimizer(engine):
    inner = engine.optimizer("SGD", learning_rate=0.01, momentum=0.5)
    model = dense_model(engine)
    model.compile(optimizer=engine.optimizers.LossScaleOptimizer(inner), loss="mse")
    recording = watched_fit(engine, model)
    assert recording.counts["slots created"] == 4
    assert recording.values("momentum", "hidden/kernel").shape[1:] == (4, 3)
    assert "dynamic_scale" in set(recording.variables["slot"])


@on_every_engine
def test_an_uncompiled_model_is_refused(engine):
    layers = engine.keras.layers
    with engine.scope():
        x = layers.Input(shape=(4,))
        model = functional(engine, x, layers.Dense(1)(x))
        with pytest.raises(slotscope.errors.NotCompiledError, match="Compile it first"):
            slotscope.watch(model)


@pytest.mark.parametrize("thing", [None, 3, "model", object(), Exception])
def test_an_unknown_object_is_refused(thing):
    with pytest.raises(slotscope.errors.UnknownModelError, match="Expected a model of one of"):
        slotscope.watch(thing)


@on("tf_keras")
def test_reading_the_watch_instead_of_the_recording_says_what_to_write(engine):
    watch = slotscope.watch(dense_model(engine))
    with pytest.raises(slotscope.SlotscopeError, match="write `with slotscope"):
        watch.counts  # noqa: B018
