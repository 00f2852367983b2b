"""slotscope: what does a Keras optimizer really build, how often, and what happens at every batch?

Watch any compiled model of any generation of Keras train:

    with slotscope.watch(model) as recording:
        model.fit(x, y, epochs=3, batch_size=32, verbose=0)

    recording.counts                                # calls of get_updates or build, traces, steps
    recording.variables                             # what was made, and what stayed the same object
    recording.values("momentum", "dense/kernel")    # an array (steps, *shape)

Importing this package imports no framework.
"""

from typing import Any as _Any

import lazy_loader as _lazy_loader

from slotscope.recording import drawing as _drawing

__getattr__, __dir__, __all__ = _lazy_loader.attach_stub(__name__, __file__)


def _figure(*arguments: _Any) -> _Any:
    from slotscope.report.recordings.figure import recording_figure

    return recording_figure(*arguments)


# A recording draws itself, and what draws stands above it: this package is above both.
_drawing.figure = _figure
