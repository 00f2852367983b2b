"""Learning rates that a schedule gives, at many steps at once."""

from __future__ import annotations

from typing import Any

import numpy as np

#: A schedule is asked for so many steps at once only where it says the same one by one.
_ASKED_ALONE = 3


def scheduled(rate: Any, held: np.ndarray, before: np.ndarray) -> np.ndarray:
    """What ``rate`` is at steps that find the counter at ``before``; ``held`` if no function.

    Args:
        rate: a schedule, a function without arguments, or anything else.
        held: float64 array (steps,).
        before: int64 array (steps,).

    Returns:
        float64 array (steps,); a function without arguments is taken for what it says now.
    """
    if not callable(rate) or not len(before):
        return held
    if not hasattr(rate, "get_config"):
        return np.full(len(before), float(np.asarray(rate())))
    places = np.unique(np.linspace(0, len(before) - 1, _ASKED_ALONE).astype(int))
    alone = np.array([_at(rate, before[place]) for place in places])
    try:
        together = np.asarray(_numbers(rate(before.astype(np.float32))), dtype=np.float64)
    except Exception:  # it decides by the step, or takes a number alone
        together = np.zeros(0)
    if together.shape == before.shape and np.array_equal(together[places], alone):
        return together
    return np.array([_at(rate, step) for step in before])


def decayed(rates: np.ndarray, decay: float, before: np.ndarray) -> np.ndarray:
    """``rates`` with the ``decay`` that optimizers took before there were schedules."""
    return rates / (1.0 + float(decay) * before) if decay else rates


def _at(rate: Any, step: Any) -> float:
    return float(_numbers(rate(int(step))))


def _numbers(found: Any) -> np.ndarray:
    """``found`` as an array, wherever it lies."""
    return np.asarray(found.detach().cpu() if hasattr(found, "detach") else found)
