"""A release without one of the private names: what is recorded is right, or it is said.

The frameworks stay as they are, so that they train. Damaged is what slotscope looks for: a copy of
it, under a name of its own, in which one name is another, as if a release had renamed it.
"""

import importlib
import re
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from engine_cases import data, dense_model, same, state

import slotscope
from slotscope import on_engine
from slotscope.engines import ENGINES
from slotscope.engines.private_names import private_names

cloudpickle.register_pickle_by_value(sys.modules[__name__])

#: Words of our own, too: only where they are texts.
PLAIN = ("run", "close", "__call__")


def damaged(name):
    """A copy of slotscope that looks for a name that is nowhere."""
    package = "slotscope_without_" + re.sub(r"\W", "_", f"{name.of}_{name.asked}_{name.name}")
    if package in sys.modules:
        return sys.modules[package]
    folder = Path(tempfile.mkdtemp())
    ours = Path(slotscope.__file__).parent
    shutil.copytree(ours, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    word = name.name if name.asked == "import" else name.name.split(".")[-1]
    pattern = f'"{word}"' if word in PLAIN else rf"(?<![\w.]){re.escape(word)}\b"
    if "." not in word and word not in PLAIN:
        pattern = rf"\b{re.escape(word)}\b"
    changed = 0
    for path in [*folder.rglob("*.py"), *folder.rglob("*.toml"), *folder.rglob("*.pyi")]:
        text = path.read_text("utf-8")
        if path.parent.name in ("engines", "meters", "recording", package):
            text, count = re.subn(pattern, lambda found: _renamed(found[0]), text)
            changed += count
        path.write_text(re.sub(r"\bslotscope(?=\.|\b)", package, text), "utf-8")
    assert changed
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(package)
    finally:
        sys.path.remove(str(folder))


def _renamed(text):
    """``text`` as a name that no framework has, in its quotes if it had some."""
    return f"{text[:-1]}_gone{text[-1]}" if text[-1] == '"' else f"{text}_gone"


def trained(engine, module, keep):
    """What ``module`` records of two fits, what it says, and what they leave.

    Returns:
        The recording, or None where the watch was refused; everything said; the end.
    """
    engine = engine.fresh()  # in one graph, no two variables have the same name
    model = dense_model(engine, "Adam")
    x, y = data()
    said, recording = [], None
    with engine.scope(), warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        try:
            if module:
                watching = module.watch(model, keep=keep)
                recording = watching.__enter__()
        except module.errors.SlotscopeError as error:
            said.append(str(error))
        try:
            for _ in range(2):
                model.fit(x, y, batch_size=32, verbose=0, shuffle=False)
        finally:
            if recording is not None:
                watching.__exit__(None, None, None)
        end = state(engine, model)
    ours = ("UnseenStepsWarning", "UntoldWarning")
    said += [str(warning.message) for warning in given if warning.category.__name__ in ours]
    return recording, said, end


def shown(recording):
    """What must be the same: labels, counts, steps, and every value."""
    values = [[v.tolist() for v in row.values or ()] for row in recording.rows]
    labels = [variable.label for variable in recording.seen]
    return labels, recording.counts, recording.iterations.tolist(), values


def norms(recording):
    """The L2 norm of each slot after each step; read and measured, it agrees within 1e-6."""
    return recording.statistics.dropna(subset="l2").query("variable != 'iterations'")["l2"]


def silently_wrong(engine, names, keep):
    """Those of ``names`` whose absence makes a wrong recording without a word, and why."""
    _ = engine.keras  # loaded before a copy looks for it
    _, _, unwatched = trained(engine, None, keep)
    right, nothing, end = trained(engine, slotscope, keep)
    assert nothing == []
    assert same(end, unwatched)
    wrong = {}
    for name in names:
        found, said, end = trained(engine, damaged(name), keep)
        if not same(end, unwatched):
            wrong[name.name] = f"the training is disturbed: {said}"
        elif said and found and not {event.kind for event in found.events} & {"gap", "untold"}:
            wrong[name.name] = f"a warning without an event: {said}"
        elif name.needed and found:
            wrong[name.name] = f"it is needed, and the watch is not refused: {said}"
        elif not said and shown(found) != shown(right):
            wrong[name.name] = "another recording, and nothing said so"
        elif not said and not np.allclose(norms(found), norms(right), rtol=1e-6, atol=0):
            wrong[name.name] = "other norms, and nothing said so"
    return wrong


@pytest.mark.parametrize("keep", ["values", "norms"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_release_without_a_private_name_is_watched_rightly_or_says_so(engine, keep):
    names = [name for name in private_names() if engine in name.engines]
    assert len(names) > 3
    assert on_engine(engine, silently_wrong, names, keep) == {}
