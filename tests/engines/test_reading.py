"""A graph's variables are read without touching it, also those that have no value yet."""

import numpy as np

from engine_cases import GRAPH, on


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
