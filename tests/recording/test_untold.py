"""What a watch cannot see is said: a step as a gap, a slot or a method as untold."""

import warnings

import numpy as np
import pytest
from engine_cases import data, dense_model, find, on, on_every_engine

import slotscope
from slotscope.engines.keras_3_jax import KerasJax
from slotscope.errors import UnseenStepsWarning, UnsupportedReleaseError, UntoldWarning

X, Y = data()
EAGER = ("keras-tensorflow", "keras-torch")


def fit(model):
    model.fit(X, Y, batch_size=32, verbose=0)


def error_of(model):
    """The type of what training raises; None if it trains."""
    try:
        fit(model)
    except Exception as error:
        return type(error)
    return None


def seen_by(state_of):
    """An engine whose train function's state is another one, found as ``state_of`` the real one."""
    original = KerasJax._in_flight
    patch = pytest.MonkeyPatch()
    patch.setattr(
        KerasJax,
        "_in_flight",
        lambda self, optimizer, state: original(self, optimizer, state_of(state)),
    )
    return patch


@on("keras-jax")
def test_a_train_state_in_another_order_is_found_by_what_it_holds(engine):
    rows = []
    for order in ((0, 1, 2, 3), (2, 0, 3, 1), (1, 2, 0, 3)):
        patch = seen_by(lambda state, order=order: tuple(state[place] for place in order))
        model = dense_model(engine)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with slotscope.watch(model, keep="values") as recording:
                fit(model)
        patch.undo()
        rows.append(recording.values("momentum", "hidden/kernel"))
    assert len(rows[0]) == 3
    assert all(np.array_equal(rows[0], other) for other in rows)


@on("keras-jax")
def test_steps_of_a_train_state_that_tells_nothing_are_a_gap_and_one_warning(engine):
    patch = seen_by(lambda state: ([array for part in state for array in part],))
    model = dense_model(engine)
    with pytest.warns(UnseenStepsWarning) as given, slotscope.watch(model) as recording:
        fit(model)
    patch.undo()
    (gap,) = find(recording, "gap")
    assert (gap.count, recording.counts["steps"], len(recording.rows)) == (3, 3, 0)
    assert "the train function returned, but the step counter cannot be read" in gap.detail
    assert len([w for w in given if w.category is UnseenStepsWarning]) == 1


@on("keras-jax")
def test_a_layer_that_keeps_what_is_like_the_optimizers_variables_is_not_taken_for_it(engine):
    layers = engine.keras.layers

    class Counting(layers.Layer):
        def build(self, shape):
            kind = {"shape": (), "trainable": False}
            self.calls = self.add_weight(dtype="int32", initializer="zeros", **kind)
            self.scale = self.add_weight(dtype="float32", initializer="ones", **kind)

        def call(self, x):
            self.calls.assign_add(1)
            return x * self.scale

    for keep in ("values", "norms"):
        model = engine.keras.Sequential([layers.Input((4,)), Counting(), layers.Dense(1)])
        model.compile(optimizer=engine.keras.optimizers.SGD(0.125), loss="mse")
        with warnings.catch_warnings(), slotscope.watch(model, keep=keep) as recording:
            warnings.simplefilter("error")
            fit(model)
        assert recording.iterations.tolist() == [1, 2, 3]
        rate = recording.statistics.query("variable == 'learning_rate'")["l2"]
        assert rate.tolist() == [0.125] * 3


@on("keras-jax")
def test_steps_that_nothing_noticed_are_a_gap_when_the_watch_ends(engine):
    model = dense_model(engine)
    fit(model)
    with pytest.warns(UnseenStepsWarning), slotscope.watch(model) as recording:
        model.optimizer.iterations.assign(5)
    (gap,) = find(recording, "gap")
    assert (gap.count, recording.counts["steps"]) == (2, 2)


@on("keras-torch")
def test_norms_that_nothing_measured_are_a_gap(engine):
    patch = pytest.MonkeyPatch()
    patch.setattr(type(engine), "stepping", ())
    model = dense_model(engine)
    with pytest.warns(UnseenStepsWarning), slotscope.watch(model, keep="norms") as recording:
        fit(model)
    patch.undo()
    (gap,) = find(recording, "gap")
    assert (gap.count, recording.counts["steps"]) == (3, 3)
    assert "where they should have been measured" in gap.detail


@on(*EAGER)
def test_norms_are_read_where_no_method_can_be_hooked_to_measure_them(engine):
    patch = pytest.MonkeyPatch()
    patch.setattr(type(engine), "stepping", ("no_such_method",))
    patch.setattr(type(engine), "counted", ("build", "no_such_method"))
    model = dense_model(engine)
    with pytest.warns(UntoldWarning), slotscope.watch(model, keep="norms") as recording:
        fit(model)
    patch.undo()
    (untold,) = find(recording, "untold")
    assert "how often no_such_method is called" in untold.detail
    assert recording.iterations.tolist() == [1, 2, 3]
    assert (recording.statistics["l2"] > 0).any()


@on("keras-torch", "keras-jax")
def test_slots_whose_parameters_cannot_be_told_are_counted_and_said(engine):
    from slotscope.engines import keras_3, keras_3_state

    patch = pytest.MonkeyPatch()
    for module in (keras_3, keras_3_state):
        patch.setattr(module, "parameters_of", lambda optimizer: [])
    model = dense_model(engine)
    with pytest.warns(UntoldWarning) as given, slotscope.watch(model) as recording:
        fit(model)
    patch.undo()
    assert recording.counts["slots created"] == 8
    (untold,) = find(recording, "untold")
    assert untold.count == 8
    assert "hidden_kernel_momentum" in untold.detail
    assert len([w for w in given if w.category is UntoldWarning]) == 1


@on("keras-torch", "keras-jax")
def test_parameters_are_found_under_another_name(engine):
    labels = []
    for renamed in (False, True):
        model = dense_model(engine)
        model.optimizer.build(model.trainable_variables)
        if renamed:
            held = vars(model.optimizer)
            held["parameters_by_another_name"] = held.pop("_trainable_variables")
        labels.append([v.label for v in engine.variables(model.optimizer)])
    assert labels[0] == labels[1]
    assert "momentum/hidden/kernel" in labels[0]


@on("keras-torch")
def test_a_look_that_fails_before_the_training_refuses_the_watch_and_nothing_else(engine):
    ends = []
    for form in (None, {"hidden/kernel": 1}, "hidden"):
        model = dense_model(engine)
        if form is not None:
            patch = pytest.MonkeyPatch()
            patch.setattr(type(engine), "variables", lambda *_, form=form: form.no_such)
            watching = slotscope.watch(model)
            with pytest.raises(UnsupportedReleaseError, match="cannot watch this model: Attr"):
                watching.__enter__()
            patch.undo()
        fit(model)
        ends.append(model.get_weights())
    assert all(np.array_equal(p, q) for end in ends for p, q in zip(end, ends[0], strict=True))


@on("keras-torch")
def test_what_fails_while_a_model_trains_is_said_and_the_training_goes_on(engine):
    model = dense_model(engine)
    fit(model)
    patch = pytest.MonkeyPatch()
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        with slotscope.watch(model) as recording:
            fit(model)
            patch.setattr(type(engine), "iterations", lambda *_: {}["no such key"])
            fit(model)
            patch.undo()
    assert {w.category for w in given} >= {UnseenStepsWarning, UntoldWarning}
    assert recording.counts["steps"] == 6
    assert "KeyError" in find(recording, "untold")[0].detail
    assert int(model.optimizer.iterations.value) == 9


@on_every_engine
def test_nothing_is_untold_of_a_built_in_optimizer_nor_of_a_subclass(engine):
    for name in engine.optimizer_names:
        options = {"lr" if engine.name == "keras-2.1" else "learning_rate": 0.01}
        base = type(engine.optimizer(name, **options))
        for cls in (base, type(f"My{name}", (base,), {})):
            home = engine.fresh()
            model = dense_model(home)
            with home.scope(), warnings.catch_warnings():
                warnings.simplefilter("error", UntoldWarning)
                warnings.simplefilter("error", UnseenStepsWarning)
                model.compile(optimizer=cls(**options), loss="mse")
                with slotscope.watch(model, keep="values") as recording:
                    error = error_of(model)
                if error is not None:  # as Adafactor of Keras 3.0 on JAX
                    model.compile(optimizer=cls(**options), loss="mse")
                    assert error_of(model) is error
                    continue
            assert (recording.counts["steps"], find(recording, "untold")) == (3, [])
