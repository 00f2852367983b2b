"""Every check there is, found in the folder of themes, and which of them to run."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Iterator, Sequence

from slotscope.checks import themes as folder
from slotscope.checks.check import CHECKS, Check, Item
from slotscope.checks.subjects.subject import Subject
from slotscope.errors import BadCheckArgumentError


@functools.cache
def theme_names() -> tuple[str, ...]:
    """The names of the themes, in the order in which they run."""
    names = [found.name for found in pkgutil.iter_modules(folder.__path__)]
    modules = {name: importlib.import_module(f"{folder.__name__}.{name}") for name in names}
    return tuple(sorted(names, key=lambda name: modules[name].PLACE))


def checks(themes: Sequence[str] = ()) -> list[Check]:
    """Every check, or those of some themes.

    Raises:
        BadCheckArgumentError: a theme is not known.
    """
    order = theme_names()
    _known(themes, order, "theme")
    found = [check for check in CHECKS if not themes or check.theme in themes]
    return sorted(found, key=lambda check: order.index(check.theme))


def select(
    subject: Subject,
    only: Sequence[str] = (),
    themes: Sequence[str] = (),
    keyword: str = "",
    quick: bool = False,
) -> list[Item]:
    """What to run of every check and case.

    Args:
        subject: what will be checked; it decides on some cases.
        only: names of checks, or ids ``check_name[case]``; every one if empty.
        themes: names of themes; every one if empty.
        keyword: text that the id must contain.
        quick: whether only the quick set.

    Raises:
        BadCheckArgumentError: a name or theme is not known, or nothing is left.
    """
    known = checks()
    _known(themes, theme_names(), "theme")
    items = [item for check in known for item in check.items(subject)]
    _known(only, [*(check.name for check in known), *(item.id for item in items)], "check")
    chosen = list(_chosen(items, set(only), set(themes), keyword, quick))
    if not chosen:
        raise BadCheckArgumentError(
            "No check is left by this selection. Take away one of only, theme, keyword or quick."
        )
    return chosen


def _chosen(
    items: Sequence[Item], only: set[str], themes: set[str], keyword: str, quick: bool
) -> Iterator[Item]:
    for item in items:
        named = not only or {item.id, item.check.name} & only
        themed = not themes or item.check.theme in themes
        if named and themed and keyword in item.id and (item.quick or not quick):
            yield item


def _known(names: Sequence[str], known: Sequence[str], what: str) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known[:12])}"
            more = ", ..." if not near and len(known) > 12 else ""
            raise BadCheckArgumentError(f"There is no {what} {name!r}. {hint}{more}")
