"""Lines of several colours in one panel; where some lie on each other, their colours alternate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Lines that are nowhere further apart than this part of their panel are one to the eye.
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


def draw_lines(
    axes: Any, lines: Sequence[Line], colours: Sequence[str], logarithmic: bool, **style: Any
) -> None:
    """Draw all lines of a panel that have two points, each in the colour of its level.

    Args:
        axes: the panel.
        lines: what is drawn there.
        colours: by level.
        logarithmic: whether its y axis will be.
        **style: of matplotlib's.
    """
    for alike in _groups([line for line in lines if len(line.x) > 1], logarithmic):
        levels = list(dict.fromkeys(line.level for line in alike))
        for line in alike:
            turn, others = levels.index(line.level), len(levels) - 1
            dashes = (turn * _STRETCH, (_STRETCH, others * _STRETCH)) if others else "-"
            axes.plot(line.x, line.y, color=colours[line.level], linestyle=dashes, **style)


def alternate(figure: Any) -> bool:
    """Whether lines lie on each other anywhere in a figure of these."""
    return any(line.is_dashed() for axes in figure.axes for line in axes.lines)


def _groups(lines: Sequence[Line], logarithmic: bool) -> list[list[Line]]:
    heights = [np.log10(line.y) if logarithmic else line.y for line in lines]
    every = np.concatenate([np.empty(0), *(height[np.isfinite(height)] for height in heights)])
    near = _ALIKE * float(np.ptp(every)) if len(every) else 0.0
    groups: list[list[int]] = []
    for place, (line, height) in enumerate(zip(lines, heights, strict=True)):
        for group in groups:
            first = group[0]
            if np.array_equal(lines[first].x, line.x) and _alike(heights[first], height, near):
                group.append(place)
                break
        else:
            groups.append([place])
    return [[lines[place] for place in group] for group in groups]


def _alike(one: np.ndarray, other: np.ndarray, near: float) -> bool:
    return bool(np.isfinite(one).any()) and np.allclose(one, other, 0, near, equal_nan=True)
