"""Both halves of an engine together: what one file a generation implements.

An *engine* is one way Keras runs an optimizer. The rest of the package never asks which one it
has: it calls the members of :class:`~slotscope.engines.watched.Watched` and of
:class:`~slotscope.engines.driven.Driven`.
"""

from __future__ import annotations

from slotscope.engines.driven import Driven
from slotscope.engines.watched import Watched


class Engine(Watched, Driven):
    """One way Keras runs an optimizer."""
