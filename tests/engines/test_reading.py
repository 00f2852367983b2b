"""A graph's variables are read without touching it, also those that have no value yet.

Any tensor becomes NumPy's by way of its engine, and no address is taken of a copy.
"""

import types

import numpy as np
from engine_cases import GRAPH, TF_FUNCTION, dense_model, on, on_every_engine

from slotscope.engines import tensorflow_runtime


@on(*GRAPH)
def test_variables_without_a_value_are_none_and_the_graph_gains_nothing(engine):
    import tensorflow.compat.v1 as tf

    with engine.scope() as session:
        for resource in (True, False):
            made = [tf.Variable(float(n), use_resource=resource) for n in range(4)]
            session.run([made[1].initializer, made[3].initializer])
            session.run(tf.constant(0.0))
            ops = len(session.graph.get_operations())
            assert engine.read(made, session) == [None, 1.0, None, 3.0]
            assert engine.read(made[:1], session) == [None]
            assert engine.read(made[::2], session) == [None, None]
            session.run([v.initializer for v in made])
            assert np.array_equal(engine.read(made, session), [0.0, 1.0, 2.0, 3.0])
            assert len(session.graph.get_operations()) == ops


@on_every_engine
def test_numbers_variables_and_tensors_become_numpys(engine):
    model = dense_model(engine, "SGD", learning_rate=0.25)
    with engine.scope():
        weight = model.trainable_weights[0]
        zero = engine.keras.backend.constant(0.0) if engine.name in GRAPH else weight * 0.0
        for tensor, expected in ((0.5, 0.5), (zero, 0.0), (weight, model.get_weights()[0])):
            found = engine.convert_to_numpy(tensor)
            assert isinstance(found, np.ndarray)
            assert np.all(found == expected)
    assert engine.learning_rate(model.optimizer) == 0.25


@on(TF_FUNCTION[0])
def test_an_address_is_the_datas_own_and_none_of_a_copys(engine):
    value = engine.convert_to_numpy(engine.parameters([np.ones(3)], "float32")[0])

    def address(device):
        tensor = types.SimpleNamespace(backing_device=device, _numpy=lambda: value)
        return tensorflow_runtime._buffer(types.SimpleNamespace(read_value=lambda: tensor))

    assert address("/job:localhost/replica:0/task:0/device:CPU:0") == value.ctypes.data
    assert address("/job:localhost/replica:0/task:0/device:GPU:0") is None
