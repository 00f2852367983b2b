"""How often what is called: three epochs of ten batches, four parameters, Adam."""

from engine_cases import data, dense_model, kinds, on
from packaging.version import Version

import slotscope

FIRST_EPOCH = {
    "keras-2.1": {"get_updates": 1, "slots created": 12, "traces": 0},
    "tf_keras-graph": {"get_updates": 1, "add_slot": 8, "slots created": 8, "traces": 0},
    "tf_keras-legacy": {"add_slot": 16, "slots created": 8, "traces": 2},
    "tf_keras": {"build": 2, "update_step": 8, "slots created": 8, "traces": 2},
    "keras-tensorflow": {"build": 1, "add_variable": 8, "slots created": 8, "traces": 2},
    "keras-jax": {"build": 1, "add_variable": 8, "update_step": 4, "traces": 1},
    "keras-torch": {"build": 1, "update_step": 0, "_parallel_update_step": 10, "traces": 0},
}
#: What still is called at every batch, once everything is built.
EVERY_BATCH = {"keras-torch": ("apply", "_parallel_update_step")}


def fit(engine, model, epochs):
    x, y = data(rows=320)
    with engine.scope(), slotscope.watch(model) as recording:
        model.fit(x, y, epochs=epochs, batch_size=32, verbose=0)
    return recording.counts


@on(*FIRST_EPOCH)
def test_the_first_epoch_builds_everything(engine):
    counts = fit(engine, dense_model(engine), epochs=1)
    expected = FIRST_EPOCH[engine.name] | {"steps": 10}
    assert {name: counts[name] for name in expected} == expected


@on(*FIRST_EPOCH)
def test_later_epochs_and_fits_build_nothing(engine):
    model = dense_model(engine)
    fit(engine, model, epochs=1)
    counts = fit(engine, model, epochs=2)
    called = {name: count for name, count in counts.items() if count}
    expected = dict.fromkeys(EVERY_BATCH.get(engine.name, ()), 20)
    assert called == expected | {"steps": 20}


@on(*FIRST_EPOCH)
def test_a_smaller_last_batch_is_a_trace_more_where_shapes_are_compiled_for(engine):
    """On JAX, and since Keras 3.16 on TensorFlow."""
    x, y = data(rows=90)
    model = dense_model(engine)
    with engine.scope(), slotscope.watch(model) as recording:
        model.fit(x, y, epochs=2, batch_size=32, verbose=0)
    whole = FIRST_EPOCH[engine.name]["traces"]
    since = {"keras-jax": "3.0", "keras-tensorflow": "3.16.dev0"}.get(engine.name)
    another = since is not None and Version(engine.keras.__version__) >= Version(since)
    assert recording.counts["traces"] == whole + another
    assert recording.counts["steps"] == 6


@on(*FIRST_EPOCH)
def test_compile_alone_calls_nothing_of_the_optimizer(engine):
    model = dense_model(engine)
    with engine.scope(), slotscope.watch(model) as recording:
        model.compile(optimizer=model.optimizer, loss="mse")
    assert not any(recording.counts.values())


@on(*FIRST_EPOCH)
def test_evaluate_and_predict_call_nothing_of_a_trained_optimizer(engine):
    x, y = data()
    model = dense_model(engine)
    fit(engine, model, epochs=1)
    with engine.scope(), slotscope.watch(model) as recording:
        model.evaluate(x, y, verbose=0)
        model.predict(x, verbose=0)
    assert not any(recording.counts.values())
    assert kinds(recording) == ["started late"]


@on(*FIRST_EPOCH)
def test_evaluate_before_any_training_builds_the_optimizer_on_jax_and_torch(engine):
    x, y = data()
    model = dense_model(engine)
    with engine.scope(), slotscope.watch(model) as recording:
        model.evaluate(x, y, verbose=0)
    builds = engine.name in ("keras-jax", "keras-torch")
    assert recording.counts["slots created"] == (8 if builds else 0)
    assert recording.counts["steps"] == 0
