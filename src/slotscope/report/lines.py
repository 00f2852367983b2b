"""Lines of several colours in one panel; where some lie on each other, their colours alternate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Lines that are nowhere further apart than this part of the highest panel are one to the eye.
_ALIKE = 1 / 250
#: Points that a stretch of one colour is long.
_STRETCH = 7


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a panel.

    Attributes:
        level: which of the colours it has.
        x, y: of its points; y may have gaps.
    """

    level: int
    x: np.ndarray
    y: np.ndarray


def draw_lines(axes: Any, lines: Sequence[Line], colours: Sequence[str], **style: Any) -> None:
    """Draw all lines of a panel that have two points, each in the colour of its level."""
    for alike in _groups([line for line in lines if len(line.x) > 1]):
        levels = list(dict.fromkeys(line.level for line in alike))
        for line in alike:
            turn, others = levels.index(line.level), len(levels) - 1
            dashes = (turn * _STRETCH, (_STRETCH, others * _STRETCH)) if others else "-"
            axes.plot(line.x, line.y, color=colours[line.level], linestyle=dashes, **style)


def alternate(figure: Any) -> bool:
    """Whether lines lie on each other anywhere in a figure of these."""
    return any(line.is_dashed() for axes in figure.axes for line in axes.lines)


def _groups(lines: Sequence[Line]) -> list[list[Line]]:
    finite = [line.y[np.isfinite(line.y)] for line in lines]
    every = np.concatenate([np.empty(0), *finite])
    near = _ALIKE * float(np.ptp(every)) if len(every) else 0.0
    groups: list[list[Line]] = []
    for line in lines:
        for group in groups:
            if _on_each_other(group[0], line, near):
                group.append(line)
                break
        else:
            groups.append([line])
    return groups


def _on_each_other(one: Line, other: Line, near: float) -> bool:
    if not np.array_equal(one.x, other.x) or not np.isfinite(one.y).any():
        return False
    return np.allclose(one.y, other.y, rtol=0, atol=near, equal_nan=True)
