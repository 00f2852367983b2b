"""A recording says who trains: this optimizer, another one, or one that cannot be watched."""

import importlib
import warnings

import numpy as np
import pytest
from engine_cases import (
    GRAPH,
    KERAS_3,
    data,
    dense_model,
    find,
    fresh,
    on,
    on_every_engine,
    same,
    state,
)

import slotscope
from slotscope.errors import NoStepWarning, NotCompiledError

X, Y = data()
KEPT = ("values", "norms")
FUNCTIONS = ("tf_keras-legacy", "tf_keras", "keras-tensorflow")


def fit(model, **options):
    model.fit(X, Y, batch_size=32, verbose=0, **options)


def watched(engine, model, train=fit, **options):
    """A recording of ``train(model)``, and the texts of its warnings about who trains."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        with engine.scope(), slotscope.watch(model, **options) as recording:
            train(model)
    return recording, [str(w.message) for w in given if w.category is NoStepWarning]


def two_of_its_own(engine):
    """A model that trains each of its layers by an optimizer of its own."""
    layers = engine.keras.layers
    if engine.name == "keras-torch":
        ops = engine.keras.ops

        class Two(engine.keras.Model):
            def train_step(self, data):
                x, y = data
                for name, own in self.each.items():
                    self.zero_grad()
                    loss = ops.mean((self(x) - y) ** 2)
                    loss.backward()
                    weights = self.get_layer(name).trainable_weights
                    own.apply([v.value.grad for v in weights], weights)
                return {"loss": loss}

    else:
        tf = importlib.import_module("tensorflow")

        class Two(engine.keras.Model):
            def train_step(self, data):
                x, y = data
                for name, own in self.each.items():
                    weights = self.get_layer(name).trainable_weights
                    with tf.GradientTape() as tape:
                        loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
                    gradients = tape.gradient(loss, weights)
                    own.apply_gradients(zip(gradients, weights, strict=True))
                return {"loss": loss}

    x = layers.Input(shape=(4,))
    model = Two(x, layers.Dense(1, name="b")(layers.Dense(3, name="a")(x)))
    model.each = {"a": engine.optimizer("Adam"), "b": engine.optimizer("SGD")}
    for name, own in model.each.items():
        engine.build(own, model.get_layer(name).trainable_weights)
    model.compile()
    return model


@on(*FUNCTIONS, "keras-torch")
def test_optimizers_that_a_model_keeps_itself_are_watched_with_it(engine):
    for keep in KEPT:
        ends = []
        for watch in (False, True):
            engine.seed(1)
            model = two_of_its_own(engine)
            recording, said = watched(engine, model, keep=keep) if watch else (fit(model), [])
            ends.append(model.get_weights())
        assert same(*ends)
        assert not said
        assert recording.counts["steps"] == 6
        assert recording.others == {"each['a']": "Adam", "each['b']": "SGD"}
        assert recording.steps_of == {"each['a']": 3, "each['b']": 3}
        assert recording.train_calls == 3
        assert recording.steps.tolist() == [1, 2, 3, 4, 5, 6]
        told = (
            "RMSprop on {} made no step, model.each['a'] (Adam) made 3 steps, model.each['b'] (SGD)"
        )
        assert recording.summary().startswith(told.format(recording.engine))
        assert not find(recording, "other optimizer")
        table = recording.variables.set_index("variable")
        assert table.loc["each['a']:momentum/a/kernel", "optimizer"] == "each['a']"
        rows = recording.statistics.query("variable == \"each['a']:momentum/a/kernel\"")
        assert rows["iterations"].tolist() == [1, 2, 3]
        if keep == "values":
            by_name = recording.values("momentum", "a/kernel", optimizer="each['a']")
            assert (by_name == recording.values("momentum", "a/kernel")).all()
            assert len(by_name) == 3
        with slotscope.watch(model, keep=keep, optimizer=model.each["a"]) as alone:
            fit(model)
        assert (alone.counts["steps"], alone.optimizer, alone.others) == (3, "Adam", {})
        (other,) = find(alone, "other optimizer")
        assert "model.each['b'] (SGD) stepped 3 times" in other.detail


@on(*FUNCTIONS, "keras-torch")
def test_of_two_watches_neither_advises_to_open_the_other(engine):
    model = two_of_its_own(engine)
    with warnings.catch_warnings():
        warnings.simplefilter("error", NoStepWarning)
        with (
            slotscope.watch(model, optimizer=model.each["a"]) as one,
            slotscope.watch(model, optimizer=model.each["b"]) as other,
        ):
            fit(model)
    for recording in (one, other):
        assert recording.counts["steps"] == 3
        assert not find(recording, "other optimizer")
    with slotscope.watch(model, optimizer=model.each["a"]) as later:
        fit(model)
    assert len(find(later, "other optimizer")) == 1


@on(*FUNCTIONS, "keras-torch")
def test_an_optimizer_that_is_kept_where_nothing_finds_it(engine):
    kept = []

    class Hidden(engine.keras.Model):
        def train_step(self, data):
            x, y = data
            if engine.name == "keras-torch":
                self.zero_grad()
                loss = ((self(x) - y) ** 2).mean()
                loss.backward()
                gradients = [v.value.grad for v in self.trainable_weights]
            else:
                tf = importlib.import_module("tensorflow")
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
                gradients = tape.gradient(loss, self.trainable_weights)
            kept[0].apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            return {"loss": loss}

    x = engine.keras.layers.Input(shape=(4,))
    model = Hidden(x, engine.keras.layers.Dense(1)(x))
    model.compile()
    kept.append(engine.optimizer("Adam"))
    engine.build(kept[0], model.trainable_weights)
    for keep in KEPT:
        recording, (warning,) = watched(engine, model, keep=keep)
        assert (recording.counts["steps"], recording.train_calls) == (0, 3)
        assert "the train function ran 3 times, and RMSprop made no step: no other" in warning
        assert "No step" in recording.summary()
        assert "No step" in repr(recording)


@on_every_engine
def test_an_optimizer_assigned_within_the_watch(engine):
    for keep in KEPT:
        model = dense_model(engine, "SGD", momentum=0.5)

        def train(model):
            fit(model)
            with engine.scope():
                model.optimizer = engine.optimizer("Adam", learning_rate=0.125)
            fit(model)

        recording, said = watched(engine, model, train, keep=keep)
        assert recording.counts["steps"] == 6
        assert recording.steps.tolist() == [1, 2, 3, 4, 5, 6]
        if engine.name in (*GRAPH, *FUNCTIONS):  # the train function goes on with the first
            assert recording.optimizer == "SGD"
            assert recording.iterations.tolist() == [1, 2, 3, 4, 5, 6]
            assert "model.optimizer is Adam, which was assigned after compile" in said[0]
        else:
            assert recording.optimizer == "SGD, then Adam"
            assert recording.iterations.tolist() == [1, 2, 3, 1, 2, 3]
            assert not said


@on("tf_keras-legacy", "tf_keras", *KERAS_3)
def test_an_optimizer_assigned_before_the_watch_trains_or_not_as_without_one(engine):
    for keep in KEPT:
        ends = []
        for watch in (False, True):
            model = dense_model(engine, "SGD", momentum=0.5)
            fit(model)
            model.optimizer = engine.optimizer("Adam", learning_rate=0.125)
            recording, said = watched(engine, model, keep=keep) if watch else (fit(model), [])
            ends.append(model.get_weights())
        assert same(*ends)
        trains = engine.name not in FUNCTIONS
        assert recording.counts["steps"] == (3 if trains else 0)
        assert bool(said) is not trains


@on(*FUNCTIONS)
def test_what_is_frozen_after_compile_trains_or_not_as_without_a_watch(engine):
    for keep in KEPT:
        ends = []
        for watch in (False, True):
            model = dense_model(engine, "SGD", momentum=0.5)
            fit(model)
            model.layers[1].trainable = False
            recording, _ = watched(engine, model, keep=keep) if watch else (fit(model), [])
            ends.append(state(engine, model))
        assert same(*ends)
        (moved,) = find(recording, "frozen moved")
        assert moved.detail.startswith("hidden/kernel, hidden/bias: frozen after")
        assert "Frozen moved" in recording.summary()


@on(*FUNCTIONS)
def test_what_is_trainable_only_after_compile_is_not_moved(engine):
    for keep in KEPT:
        model = dense_model(engine)
        with engine.scope():
            model.layers[1].trainable = False
            model.compile(optimizer=engine.optimizer("SGD", momentum=0.5), loss="mse")
            fit(model)
            model.layers[1].trainable = True
        recording, _ = watched(engine, model, keep=keep)
        (still,) = find(recording, "not moved")
        assert still.detail.startswith(
            "hidden/kernel, hidden/bias: trainable, and the same at the end"
        )
        assert recording.counts["steps"] == 3


@on("tf_keras-legacy", "tf_keras", *KERAS_3)
def test_what_is_frozen_and_compiled_anew_has_moved_before_and_stands_still_now(engine):
    for keep in KEPT:
        model = dense_model(engine)

        def train(model):
            fit(model)
            model.layers[1].trainable = False
            model.compile(optimizer=engine.optimizer("SGD", momentum=0.5), loss="mse")
            fit(model)
            model.layers[1].trainable = True
            model.compile(optimizer=engine.optimizer("SGD", momentum=0.5), loss="mse")
            fit(model)
            model.layers[1].trainable = False

        recording, _ = watched(engine, model, train, keep=keep)
        assert not find(recording, "frozen moved")
        assert not find(recording, "not moved")
        assert recording.counts["steps"] == 9


@on_every_engine
def test_of_an_ordinary_run_nothing_is_said(engine):
    for keep in KEPT:
        model = dense_model(engine)
        recording, said = watched(engine, model, lambda m: fit(m, epochs=2), keep=keep)
        assert not said
        ordinary = {"constructed", "traced", "stepped"}
        assert {event.kind for event in recording.events} <= ordinary
        assert recording.train_calls == recording.counts["steps"] == 6


@on("keras-torch")
def test_an_optimizer_of_torch_beside_a_compiled_model(engine):
    torch = importlib.import_module("torch")
    model, other = dense_model(engine), dense_model(engine)

    def train(model):
        for trained in (model, other):
            own = torch.optim.AdamW([v.value for v in trained.trainable_variables])
            for _ in range(2):
                own.zero_grad()
                ((trained(X) - torch.tensor(Y)) ** 2).mean().backward()
                own.step()

    recording, said = watched(engine, model, train)
    (event,) = find(recording, "other optimizer")
    assert len(said) == 1
    assert "Adam made no step: these did: torch.optim.AdamW" in said[0]
    assert (
        event.detail
        == "torch.optim.AdamW stepped 2 times; it is not Keras's, and cannot be watched"
    )
    assert (event.count, recording.counts["steps"]) == (2, 0)


@on_every_engine
def test_a_slot_of_a_former_optimizer_ends_with_it(engine):
    for keep in KEPT:
        home = fresh(engine)
        model = dense_model(home, "SGD", momentum=0.5)

        def train(model, home=home):
            fit(model)
            for name in ("Adam", "RMSprop"):
                model.compile(optimizer=home.optimizer(name), loss="mse")
                fit(model)

        recording, _ = watched(home, model, train, keep=keep)
        assert recording.optimizer == "SGD, then Adam, then RMSprop"
        table = recording.statistics
        rows = table[table["variable"].str.startswith("momentum/hidden/kernel")]
        assert rows["step"].tolist() == [1, 2, 3, 4, 5, 6]
        rows = table[table["variable"].str.startswith("velocity/hidden/kernel")]
        assert rows["step"].tolist() == [4, 5, 6, 7, 8, 9]
        if keep == "values":
            assert len(recording.values("momentum", "hidden/kernel")) == 6
            assert len(recording.values("velocity", "hidden/kernel")) == 6


@on("keras-jax")
def test_an_identity_that_cannot_be_told_is_missing(engine):
    told = {}
    for keep in KEPT:
        recording, _ = watched(engine, dense_model(engine), keep=keep)
        slots = recording.variables.query("parameter != ''")
        told[keep] = slots["handle"].tolist()
        assert slots["object"].all()
    assert not any(told["values"])
    assert all(handle is np.nan or str(handle) == "<NA>" for handle in told["norms"])


@on_every_engine
def test_weights_that_are_put_back_have_moved_for_all_that(engine):
    for optimizer in ("Adam", "SGD"):
        for keep in KEPT:
            home = fresh(engine)
            model = dense_model(home, optimizer, learning_rate=0.125)

            def train(model):
                begin = model.get_weights()
                fit(model)
                model.set_weights(begin)
                model.compile(optimizer=model.optimizer, loss="mse")
                fit(model)
                model.set_weights(begin)

            recording, _ = watched(home, model, train, keep=keep)
            assert not find(recording, "not moved")
            assert not find(recording, "frozen moved")


@on("tf_keras-legacy", "tf_keras", "keras-tensorflow", "keras-torch")
def test_weights_that_are_assigned_to_a_frozen_layer_are_not_trained(engine):
    for keep in KEPT:
        model = dense_model(engine)
        fit(model)
        best = model.get_weights()
        fit(model)
        model.layers[1].trainable = False
        with engine.scope():
            model.compile(optimizer=model.optimizer, loss="mse")

        def train(model, best=best):
            fit(model)
            model.set_weights(best)

        recording, _ = watched(engine, model, train, keep=keep)
        assert not find(recording, "frozen moved")


@on("tf_keras-legacy", "tf_keras", "keras-tensorflow", "keras-torch")
def test_a_layer_that_is_frozen_while_it_is_watched_is_told(engine):
    class Freeze(engine.keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.layers[1].trainable = epoch == 0

    def between(model):
        fit(model)
        model.layers[1].trainable = False
        fit(model)

    def within(model):
        fit(model, epochs=2, callbacks=[Freeze()])

    keras_2 = engine.generation != "keras-3"
    for train in (between, within):
        recording, _ = watched(engine, dense_model(engine), train)
        (event,) = find(recording, "trainable changed")
        assert event.detail.startswith("hidden/kernel, hidden/bias are frozen now; ")
        at_once = engine.name == "keras-torch"
        when = "at once" if at_once else "when it is traced or compiled again"
        assert event.detail.endswith("cannot be told" if keras_2 else when)
        assert event.step == (6 if keras_2 else 3)  # in Keras 2, fit shows what was compiled
        assert "Trainable changed" in recording.summary()


@on("keras-tensorflow", "keras-torch")
def test_a_layer_that_is_frozen_and_released_within_fit(engine):
    class Freeze(engine.keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.layers[1].trainable = epoch != 1

    for eagerly in (False, True):
        model = dense_model(engine, compiled={"run_eagerly": eagerly})
        recording, _ = watched(engine, model, lambda m: fit(m, epochs=3, callbacks=[Freeze()]))
        frozen, released = find(recording, "trainable changed")
        assert (frozen.step, released.step) == (3, 6)
        assert "are frozen now" in frozen.detail
        assert "are trainable now" in released.detail
        at_once = eagerly or engine.name == "keras-torch"
        assert ("takes that up at once" in frozen.detail) is at_once


@on("tf_keras")
def test_a_discriminator_that_is_frozen_for_a_gan_is_not_to_be_compiled_again(engine):
    model = dense_model(engine)
    model.trainable = False
    recording, _ = watched(engine, model)
    (event,) = find(recording, "frozen moved")
    assert "the model trains as it was compiled" in event.detail
    assert "as in a GAN, all is well" in event.detail


@on_every_engine
def test_a_model_that_was_not_trained_in_the_block(engine):
    recording, said = watched(engine, dense_model(engine), lambda model: None)
    assert not said
    assert "train function did not run. If a model was trained" in recording.summary()
    recording, _ = watched(engine, dense_model(engine))
    assert "did not run" not in recording.summary()


@on("tf_keras-legacy", "tf_keras", *KERAS_3)
def test_slots_that_are_assigned_between_fits_are_told(engine):
    def train(model):
        fit(model)
        slots = [v for v in engine.variables(model.optimizer) if v.parameter == "hidden/kernel"]
        for slot in slots:
            engine.assign(slot.ref, np.zeros(slot.shape, slot.dtype))
        fit(model)

    recording, _ = watched(engine, dense_model(engine), train)
    (event,) = find(recording, "restored")
    assert event.count == 2
    assert "momentum/hidden/kernel, velocity/hidden/kernel: not what the last step" in event.detail
    assert event.step == 3


@on(*KERAS_3)
def test_optimizers_that_are_kept_by_a_model_without_a_compile_are_named(engine):
    model = engine.keras.Sequential([engine.keras.Input((4,)), engine.keras.layers.Dense(1)])
    model.second = engine.optimizer("Adam")
    with pytest.raises(NotCompiledError, match=r"It keeps model\.second\..*optimizer=model.second"):
        slotscope.watch(model)


@on("keras-torch", "keras-jax")
def test_of_several_optimizers_in_one_no_rate_is_the_rate(engine):
    optimizers = engine.keras.optimizers

    class Both(optimizers.Optimizer):
        def __init__(self, first, second):
            super().__init__(learning_rate=0.0)
            self.first, self.second = first, second

        def build(self, variables):
            super().build(variables)
            self.first.build(variables[:1])
            self.second.build(variables[1:])

        def apply(self, grads, trainable_variables=None):
            given = trainable_variables
            if not self.built:
                self.build(given)
            for own, part in ((self.first, slice(1)), (self.second, slice(1, None))):
                own.apply(grads[part], None if given is None else given[part])
            self._iterations.assign_add(1)

        @property
        def variables(self):
            return [*self._variables, *self.first.variables, *self.second.variables]

    model = dense_model(engine)
    both = Both(engine.optimizer("Adam", learning_rate=0.25), engine.optimizer("SGD"))
    model.compile(optimizer=both, loss="mse")
    recording, _ = watched(engine, model)
    assert np.isnan(recording.learning_rates).all()
    assert "The learning rate" not in recording.summary()
