"""Which parameters of a sweep vary together, as its runs tell.

Parameters whose values determine each other, as lists that were zipped, are one axis, and one of
them leads it. Two numbers do so only in the same order or the reverse one: else a line over one of
them would jump to and fro over the other. Numbers that meet few of each other's values, as random
samples do, are sampled: no two of their runs differ in one of them alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

#: Of each parameter, the place of each run's value among its values; numbers are in their order.
Places = Mapping[str, Sequence[int]]


def led(places: Places, names: Sequence[str], ordered: Collection[str]) -> dict[str, list[str]]:
    """The parameters that lead an axis, each with those that go with it.

    Args:
        places: the places of each run.
        names: the names of the parameters; of those that go together, the first one leads.
        ordered: those that are numbers.
    """
    axes: dict[str, list[str]] = {}
    for name in names:
        for leader, followers in axes.items():
            both = name in ordered and leader in ordered
            if _determined(places[leader], places[name], both):
                followers.append(name)
                break
        else:
            axes[name] = []
    return axes


def sampled(places: Places, names: Sequence[str]) -> tuple[str, ...]:
    """Those of ``names`` that meet less than half of the values of another one."""
    return tuple(
        name
        for name in names
        if any(_sparse(places[name], places[other]) for other in names if other != name)
    )


def _determined(one: Sequence[int], other: Sequence[int], ordered: bool) -> bool:
    pairs = set(zip(one, other, strict=True))
    if not len(pairs) == len(set(one)) == len(set(other)):
        return False
    last = len(pairs) - 1
    return not ordered or all(a == b for a, b in pairs) or all(a + b == last for a, b in pairs)


def _sparse(one: Sequence[int], other: Sequence[int]) -> bool:
    pairs = set(zip(one, other, strict=True))
    return 2 * len(pairs) < len(set(one)) * len(set(other))
