"""Every hook is put back exactly, whatever way the block is left."""

from pathlib import Path

import pytest
from engine_cases import data, dense_model, on_every_engine

import slotscope
from slotscope.recording.patches import Patch, listen

PACKAGE = Path(slotscope.__file__).parent


def attributes(engine, model):
    """The instance attributes of a model and its optimizer that are callable, and the classes'."""
    found = {}
    for owner in (model, engine.trainer(model), model.optimizer):
        found |= {(id(owner), name): v for name, v in vars(owner).items() if callable(v)}
    for owner, name in engine.runners():
        found[id(owner), name] = getattr(owner, name)
    return found


@on_every_engine
def test_after_training(engine):
    x, y = data()
    model = dense_model(engine)
    with engine.scope():
        model.fit(x, y, verbose=0)
        before = attributes(engine, model)
        with slotscope.watch(model):
            assert attributes(engine, model) != before
            model.fit(x, y, verbose=0)
        assert attributes(engine, model) == before
    assert not Patch._places


@on_every_engine
def test_of_a_model_first_trained_inside(engine):
    x, y = data()
    watched, plain = dense_model(engine), dense_model(engine)
    with engine.scope():
        plain.fit(x, y, verbose=0)
        with slotscope.watch(watched):
            watched.fit(x, y, verbose=0)
        for of in (lambda m: m, engine.trainer, lambda m: m.optimizer):
            assert vars(of(watched)).keys() == vars(of(plain)).keys()
        train_function = getattr(engine.trainer(watched), "train_function", None)
        kind = type(getattr(engine.trainer(plain), "train_function", None))
        assert type(train_function) is kind
        code = getattr(train_function, "__code__", None)
        assert code is None or PACKAGE not in Path(code.co_filename).parents
    assert not Patch._places


@on_every_engine
def test_after_an_exception_and_after_ctrl_c(engine):
    x, y = data()
    for error in (ValueError, KeyboardInterrupt):
        model = dense_model(engine)

        class Stop(engine.keras.callbacks.Callback):
            def on_batch_end(self, batch, logs=None, error=error):
                raise error

        with engine.scope():
            model.fit(x, y, verbose=0)
            before = attributes(engine, model)
            with pytest.raises(error), slotscope.watch(model) as recording:
                model.fit(x, y, verbose=0, callbacks=[Stop()])
            assert attributes(engine, model) == before
            assert recording.counts["steps"] == 1
    assert not Patch._places


@on_every_engine
def test_a_cell_run_twice_does_not_count_twice(engine):
    x, y = data()
    model = dense_model(engine)
    with engine.scope():
        for _ in range(2):
            with slotscope.watch(model) as recording:
                model.fit(x, y, batch_size=32, epochs=2, verbose=0)
            assert recording.counts["steps"] == 6
            assert [event.kind for event in recording.events].count("stepped") == 6


@on_every_engine
def test_a_second_watch_is_refused_and_does_no_harm(engine):
    x, y = data()
    model = dense_model(engine)
    with engine.scope(), slotscope.watch(model) as recording:
        with (
            pytest.raises(slotscope.errors.AlreadyWatchedError, match="being watched already"),
            slotscope.watch(model),
        ):
            pass
        model.fit(x, y, batch_size=32, verbose=0)
    assert recording.counts["steps"] == 3
    assert not Patch._places


class Owner:
    def method(self):
        return ["original"]


def adding(word):
    return lambda proceed: [*proceed(), word]


def test_two_listeners_may_stop_in_any_order():
    owner = Owner()
    first, second = (listen(owner, "method", adding(word)) for word in ("first", "second"))
    assert owner.method() == ["original", "first", "second"]
    first()
    assert owner.method() == ["original", "second"]
    second()
    assert "method" not in vars(owner)


def test_what_somebody_else_put_there_since_is_left_alone():
    owner = Owner()
    stop = listen(owner, "method", adding("heard"))
    owner.method = other = lambda: ["other"]
    stop()
    assert vars(owner)["method"] is other


def test_a_class_method_comes_back_as_the_very_same_function():
    before = vars(Owner)["method"]
    stop = listen(Owner, "method", lambda proceed, self: [*proceed(self), "heard"])
    assert Owner().method() == ["original", "heard"]
    stop()
    assert vars(Owner)["method"] is before
