"""Running one test on every engine, and the small models that such tests train."""

import importlib.util
import sys

import cloudpickle
import numpy as np
import pytest

import slotscope
from slotscope import on_engine
from slotscope.engines import ENGINES, engine_classes
from slotscope.engines.keras_3 import Keras3
from slotscope.engines.tensorflow_graph import GraphEngine
from slotscope.engines.tensorflow_runtime import EagerTensorFlow


def names_of(base):
    """The names of the engines whose classes derive from ``base``."""
    return tuple(cls.name for cls in engine_classes() if issubclass(cls, base))


GRAPH, TF_FUNCTION, KERAS_3 = map(names_of, (GraphEngine, EagerTensorFlow, Keras3))


def settle_the_backend():
    """Keras 3 runs on TensorFlow in the tests' own process, whichever test comes first."""
    if importlib.util.find_spec("tensorflow"):  # not for the tests of the core alone
        assert slotscope.engine("keras-tensorflow").keras


def on(*names):
    """Run the decorated test, a function of an engine, on each of ``names``.

    JAX and torch run it in a worker process, which gets the function itself, not its module.
    """

    def decorate(body):
        cloudpickle.register_pickle_by_value(sys.modules[body.__module__])

        @pytest.mark.parametrize("name", names)
        def test(name):
            settle_the_backend()
            on_engine(name, body)

        test.__name__, test.__doc__ = body.__name__, body.__doc__
        return test

    return decorate


on_every_engine = on(*ENGINES)


def data(rows=96, columns=4, seed=0):
    """Inputs (rows, columns) and targets (rows, 1), float32."""
    random = np.random.RandomState(seed)
    x = random.randn(rows, columns).astype("float32")
    y = (x.sum(axis=1, keepdims=True) + random.randn(rows, 1)).astype("float32")
    return x, y


def dense_model(engine, optimizer="Adam", compiled=None, **config):
    """Two Dense layers with 4 parameters, compiled in the engine's scope."""
    layers = engine.keras.layers
    engine.seed(1)
    with engine.scope():
        x = layers.Input(shape=(4,))
        y = layers.Dense(1, name="out")(layers.Dense(3, name="hidden")(x))
        model = functional(engine, x, y)
        config.setdefault("learning_rate", 0.01)
        optimizer = engine.optimizer(optimizer, **config)
        model.compile(optimizer=optimizer, loss="mse", **(compiled or {}))
    return model


def functional(engine, inputs, outputs):
    """A functional model; Keras 2.1's argument names, which later generations still take."""
    return engine.keras.models.Model(inputs, outputs)


def session(engine):
    """What a read needs outside of a step: the session of a graph engine."""
    return engine.backend.get_session() if engine.name in GRAPH else None


def state(engine, model):
    """Copies of all weights and optimizer variables, in order."""
    with engine.scope():
        refs = engine.shows(model.optimizer)
        return [*model.get_weights(), *engine.read(refs, session(engine))]


def same(a, b):
    """Whether two lists of arrays are equal to the last bit."""
    return len(a) == len(b) and all(
        p.dtype == q.dtype and np.array_equal(p, q, equal_nan=True)
        for p, q in zip(a, b, strict=True)
    )


def fresh(engine):
    """Another engine of the same kind, with a graph and a session of its own if it has any."""
    return type(engine)()


def kinds(recording):
    """The kinds of the recording's events, each once, in order of first appearance."""
    return list(dict.fromkeys(event.kind for event in recording.events))


def find(recording, kind):
    """The events of one kind."""
    return [event for event in recording.events if event.kind == kind]
