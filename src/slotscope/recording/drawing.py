"""How a recording is drawn: :mod:`slotscope` says so, as nothing in this package draws.

It names the figure of :mod:`slotscope.report`, which is imported when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: A :class:`~slotscope.recording.recording.Recording` as a figure of matplotlib.
figure: Callable[..., Any]
