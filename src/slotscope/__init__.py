"""slotscope: what does a Keras optimizer really build, how often, and what happens at every batch?

Watch any compiled model of any generation of Keras train:

    with slotscope.watch(model) as recording:
        model.fit(x, y, epochs=3, batch_size=32, verbose=0)

    recording.counts                                # calls of get_updates or build, traces, steps
    recording.variables                             # what was made, and what stayed the same object
    recording.values("momentum", "dense/kernel")    # an array (steps, *shape)

Importing this package imports no framework.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
