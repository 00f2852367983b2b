"""How the generations of Keras differ in one optimizer: a table made from the data of the rules."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any

import pandas as pd

from slotscope.rules import RULES, Rule

#: The generations, in order of time.
GENERATIONS = ("keras-2.1", "tf_keras-legacy", "tf_keras", "keras-3")


def differences() -> pd.DataFrame:
    """What is not the same in every generation that has the optimizer.

    Returns:
        One row for each such field, by optimizer and field, with one column for each generation:
        the default of an argument, or what the generation does. A cell is empty if there is no
        such optimizer, or if its constructor takes no such argument. The column ``meaning`` is
        from the rule's docstring. ``decay`` is left out: every optimizer of Keras 2.1 and of legacy
        tf_keras takes it, and no later one.
    """
    rows = {}
    for name, cls in RULES.items():
        meanings = _meanings(cls)
        for field in [field for field in dataclasses.fields(cls) if field.name != "decay"]:
            values = {g: _value(cls, g, field) for g in GENERATIONS if g in cls.generations}
            if len(set(values.values())) > 1:
                row = {g: values.get(g, "") for g in GENERATIONS}
                rows[name, field.name] = {**row, "meaning": meanings.get(field.name, "")}
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.names = ["optimizer", "field"]
    return table


def sources() -> pd.DataFrame:
    """Where each rule is published, and which file of which release states it.

    Returns:
        One row for each optimizer; an empty cell for a generation without it.
    """
    rows = {
        name: {"paper": cls.paper}
        | {g: cls.generations[g].source if g in cls.generations else "" for g in GENERATIONS}
        for name, cls in RULES.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("optimizer")


def _value(cls: type[Rule], generation: str, field: dataclasses.Field[Any]) -> str:
    """What the generation has for ``field``: its dialect, its default, or nothing."""
    own = cls.generations[generation]
    given = {**own.defaults, **own.dialect}
    taken = any(field.name in other.defaults for other in cls.generations.values())
    if field.name not in given and taken:
        return ""
    value = given.get(field.name, field.default)
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def _meanings(cls: type[Rule]) -> dict[str, str]:
    """The sentences of the ``Attributes`` section in the docstrings of a rule and its bases."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        section = inspect.cleandoc(base.__doc__ or "").partition("Attributes:\n")[2]
        for name, text in re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", section, re.MULTILINE):
            found[name] = " ".join(text.replace("``", "").split())
    return found
