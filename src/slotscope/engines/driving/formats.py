"""File formats: how each engine writes a model with its optimizer's state, and reads it again.

A format is two functions. ``save(engine, model, folder)`` writes into an empty folder.
``load(engine, folder, fresh, known)`` returns a compiled model with that state, in the scope of
``engine``, which may be another one of its kind: ``fresh()`` makes a new compiled model there, for
the formats that hold values only, and ``known`` are the custom objects, by name.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slotscope.engines.available import installed
from slotscope.engines.importing import tensorflow

Fresh = Callable[[], Any]
Known = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    """One way to keep a model and its optimizer.

    Attributes:
        name: what it is called, mostly the end of the file's name.
        save: writes.
        load: reads.
        whole: whether it holds the optimizer's class and arguments too, not only its values.
        keeps_rate: whether a learning rate that was assigned is among what it holds.
        lacks: why it cannot be used; empty if it can.
        like: the format whose functions it calls with the same state; empty if it has its own.
        since: the first release that has it; empty for every one.
    """

    name: str
    save: Callable[[Any, Any, Path], None]
    load: Callable[[Any, Path, Fresh, Known], Any]
    whole: bool = True
    keeps_rate: bool = True
    lacks: str = ""
    like: str = ""
    since: str = ""


def file(name: str) -> Format:
    """A whole model in a file whose name ends with ``name``."""

    def save(engine: Any, model: Any, folder: Path) -> None:
        if installed("tensorflow"):
            tensorflow()  # Keras imports it here on every backend; so its log lines are caught
        model.save(str(folder / f"model{name}"))

    def load(engine: Any, folder: Path, fresh: Fresh, known: Known) -> Any:
        return engine.keras.models.load_model(str(folder / f"model{name}"), dict(known))

    return Format(name, save, load)


def weights(
    name: str, like: str = "", keeps_rate: bool = True, since: str = "", **options: Any
) -> Format:
    """Values only, which the same model, built and compiled in the same way, takes."""

    def save(engine: Any, model: Any, folder: Path) -> None:
        model.save_weights(str(folder / f"model{name}"), **options)

    def load(engine: Any, folder: Path, fresh: Fresh, known: Known) -> Any:
        model = fresh()
        engine.build_for(model)
        model.load_weights(str(folder / f"model{name}"))
        return model

    return Format(
        name or "save_weights",
        save,
        load,
        whole=False,
        keeps_rate=keeps_rate,
        like=like,
        since=since,
    )


def _save_pickle(engine: Any, model: Any, folder: Path) -> None:
    (folder / "model.pickle").write_bytes(pickle.dumps(model))


def _load_pickle(engine: Any, folder: Path, fresh: Fresh, known: Known) -> Any:
    # A pickle names classes, it does not take custom objects: they are registered meanwhile.
    with engine.keras.utils.custom_object_scope(dict(known)):
        return pickle.loads((folder / "model.pickle").read_bytes())


PICKLE = Format("pickle", _save_pickle, _load_pickle, like=".keras")


def _save_checkpoint(engine: Any, model: Any, folder: Path) -> None:
    _checkpoint(model).write(str(folder / "checkpoint"))


def _load_checkpoint(engine: Any, folder: Path, fresh: Fresh, known: Known) -> Any:
    model = fresh()
    engine.build_for(model)
    _checkpoint(model).read(str(folder / "checkpoint")).assert_existing_objects_matched()
    return model


def _checkpoint(model: Any) -> Any:
    return tensorflow().train.Checkpoint(model=model, optimizer=model.optimizer)


CHECKPOINT = Format("tf.train.Checkpoint", _save_checkpoint, _load_checkpoint, whole=False)


def _save_saver(engine: Any, model: Any, folder: Path) -> None:
    saver = tensorflow().compat.v1.train.Saver()
    saver.save(engine.backend.get_session(), str(folder / "saver"))


def _load_saver(engine: Any, folder: Path, fresh: Fresh, known: Known) -> Any:
    model = fresh()
    engine.build_for(model)
    saver = tensorflow().compat.v1.train.Saver()
    saver.restore(engine.backend.get_session(), str(folder / "saver"))
    return model


SAVER = Format("tf.train.Saver", _save_saver, _load_saver, whole=False)


def _save_lists(engine: Any, model: Any, folder: Path) -> None:
    lists = (model.get_weights(), engine.get_weights(model.optimizer))
    (folder / "lists").write_bytes(pickle.dumps(lists))


def _load_lists(engine: Any, folder: Path, fresh: Fresh, known: Known) -> Any:
    model = fresh()
    engine.build_for(model)
    parameters, values = pickle.loads((folder / "lists").read_bytes())
    model.set_weights(parameters)
    model.optimizer.set_weights(values)
    return model


def lists(keeps_rate: bool = True) -> Format:
    """``get_weights`` and ``set_weights``, of the model and of its optimizer."""
    return Format("set_weights", _save_lists, _load_lists, whole=False, keeps_rate=keeps_rate)


def _save_own(engine: Any, model: Any, folder: Path) -> None:
    store: dict[str, Any] = {}
    model.optimizer.save_own_variables(store)
    (folder / "own").write_bytes(pickle.dumps((model.get_weights(), store)))


def _load_own(engine: Any, folder: Path, fresh: Fresh, known: Known) -> Any:
    model = fresh()
    engine.build_for(model)
    parameters, store = pickle.loads((folder / "own").read_bytes())
    model.set_weights(parameters)
    model.optimizer.load_own_variables(store)
    return model


def own_variables(keeps_rate: bool = True) -> Format:
    """What a ``.weights.h5`` file asks of an optimizer, in a dict."""
    name = "load_own_variables"
    return Format(
        name, _save_own, _load_own, whole=False, keeps_rate=keeps_rate, like=".weights.h5"
    )


def _load_saved_model(engine: Any, folder: Path, fresh: Fresh, known: Known) -> Any:
    model = engine.keras.models.load_model(str(folder), dict(known))
    engine.build_for(model)  # a variable gets its value from the file when it is made
    return model


def _save_saved_model(engine: Any, model: Any, folder: Path) -> None:
    model.save(str(folder), save_format="tf")


SAVED_MODEL = Format("SavedModel", _save_saved_model, _load_saved_model)


def broken(name: str, reason: str) -> Format:
    """A format that the engine has by name and that does not work on today's stack."""

    def never(*arguments: Any) -> Any:
        raise NotImplementedError(reason)

    return Format(name, never, never, lacks=reason, like=name)
