"""The learning rate of each recorded step is the one that the step used."""

import numpy as np
from engine_cases import GRAPH, data, dense_model, on, on_every_engine

import slotscope
from slotscope.engines import ENGINES

X, Y = data()
WITH_SCHEDULES = tuple(name for name in ENGINES if name not in GRAPH)
KEPT = ("values", "norms", "statistics")


def fit(model, **options):
    model.fit(X, Y, batch_size=32, verbose=0, **options)


def followed(engine, model, keep, rates, **options):
    """Whether six steps of SGD, without momentum and gradients of its own, used these rates."""
    with engine.scope(), slotscope.watch(model, keep=keep, **options) as recording:
        fit(model, epochs=2)
    np.testing.assert_allclose(recording.learning_rates, rates, rtol=1e-6)
    told = recording.statistics.drop_duplicates("step")["learning_rate"]
    np.testing.assert_allclose(told, rates[: len(told)], rtol=1e-6)
    return recording


@on_every_engine
def test_of_a_number(engine):
    for keep in KEPT:
        model = dense_model(engine, "Adam", learning_rate=0.25)
        followed(engine, model, keep, [0.25] * 6)


@on(*WITH_SCHEDULES)
def test_of_a_schedule(engine):
    schedules = engine.keras.optimizers.schedules
    halving = schedules.ExponentialDecay(0.25, decay_steps=1, decay_rate=0.5)
    steps = schedules.PiecewiseConstantDecay([1, 3], [0.25, 0.125, 0.0625])
    for keep in KEPT:
        model = dense_model(engine, "Adam", learning_rate=halving)
        followed(engine, model, keep, [0.25 / 2**n for n in range(6)])
        model = dense_model(engine, "Adam", learning_rate=steps)
        followed(engine, model, keep, [0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625])


@on(*WITH_SCHEDULES)
def test_of_a_schedule_of_ones_own_that_takes_a_number_alone(engine):
    ops = getattr(engine.keras, "ops", engine.keras.backend)

    class Growing(engine.keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.125 * ops.cast(step, "float32") + 0.125

        def get_config(self):
            return {}

    for keep in KEPT:
        model = dense_model(engine, "Adam", learning_rate=Growing())
        followed(engine, model, keep, [0.125 * n for n in range(1, 7)])


@on_every_engine
def test_that_a_callback_or_its_owner_sets(engine):
    for keep in KEPT:
        model = dense_model(engine, "Adam", learning_rate=0.25)
        with engine.scope(), slotscope.watch(model, keep=keep) as recording:
            fit(model)
            engine.set_learning_rate(model.optimizer, 0.0625)
            fit(model)
        assert recording.learning_rates.tolist() == [0.25] * 3 + [0.0625] * 3


# Keras 2.1 multiplies a variable in place for it, which today's TensorFlow refuses.
@on("tf_keras-graph", "tf_keras-legacy")
def test_with_the_decay_of_its_time(engine):
    for keep in KEPT:
        model = dense_model(engine, "SGD", learning_rate=0.25, decay=0.5)
        followed(engine, model, keep, [0.25 / (1 + 0.5 * n) for n in range(6)])


@on_every_engine
def test_every_second_step(engine):
    for keep in KEPT:
        model = dense_model(engine, "Adam", learning_rate=0.25)
        followed(engine, model, keep, [0.25] * 3, every=2)


@on("keras-tensorflow", "keras-jax", "keras-torch")
def test_of_what_loss_scaling_wraps_and_of_several(engine):
    optimizers = engine.keras.optimizers
    model = dense_model(engine)
    model.compile(optimizer=engine.loss_scaled(optimizers.Adam(0.25)), loss="mse")
    followed(engine, model, "values", [0.25] * 6)
    if not hasattr(optimizers, "MultiOptimizer"):
        return
    each = optimizers.OptimizerMap(optimizers.SGD(0.25))
    each["out/kernel"] = optimizers.Adam(0.125)
    for scaled in (False, True):
        several = optimizers.MultiOptimizer(each)
        model.compile(engine.loss_scaled(several) if scaled else several, loss="mse")
        recording = followed(engine, model, "values", [np.nan] * 6)
        adam, sgd = each["out/kernel"].name, each["x"].name
        for name, rate in ((adam, 0.125), (sgd, 0.25)):
            assert recording.values("learning_rate", optimizer=name).tolist() == [rate] * 6
            assert recording.values(f"{name}:learning_rate").tolist() == [rate] * 6
        assert recording.counts["apply"] >= 1
        assert len(recording.variables.query("slot == 'velocity'")) == 1
        each = optimizers.OptimizerMap(optimizers.SGD(0.25))
        each["out/kernel"] = optimizers.Adam(0.125)


@on("tf_keras-legacy", "tf_keras", "keras-tensorflow", "keras-jax", "keras-torch")
def test_of_a_schedule_that_is_replaced(engine):
    """On torch the next step uses it; elsewhere the compiled step goes on with the former one."""
    schedule = engine.keras.optimizers.schedules.ExponentialDecay
    for keep in KEPT:
        layers = engine.keras.layers
        x = layers.Input(shape=(1,))
        one = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        model = engine.keras.Model(x, one(x))
        first = engine.optimizer("SGD", learning_rate=schedule(0.25, 1, 0.5))
        model.compile(optimizer=first, loss=lambda y, predicted: predicted)
        ones = np.ones((1, 1), "float32")
        weights = [0.0]
        with slotscope.watch(model, keep=keep) as recording:
            for batch in range(6):
                if batch == 3:
                    first.learning_rate = schedule(0.125, 1, 0.25)
                model.fit(ones, ones, verbose=0)
                weights.append(float(model.get_weights()[0].item()))
        # The gradient is 1: a step moves the weight by its learning rate.
        np.testing.assert_allclose(recording.learning_rates, -np.diff(weights), rtol=1e-5)
