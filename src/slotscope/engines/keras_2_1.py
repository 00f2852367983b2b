"""``keras-2.1``: the unmodified source of Keras 2.1.0 to 2.1.6 on today's TensorFlow.

The package is imported under a private name, with ``tensorflow`` standing for
``tensorflow.compat.v1`` while its modules load; both names are put back afterwards, so Keras 3
and tf_keras live in the same process, and so do several releases of 2.1.
"""

from __future__ import annotations

import collections
import collections.abc
import contextlib
import functools
import importlib.util
import io
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any, ClassVar, Self
from unittest import mock

from slotscope.engines.driving.formats import SAVER, Format, broken, lists
from slotscope.engines.importing import tensorflow
from slotscope.engines.old_releases import SHA256, keras_source
from slotscope.engines.records import OptimizerVariable
from slotscope.engines.tensorflow_graph import GraphEngine
from slotscope.engines.unnamed_slots import shown_variables, unnamed_foreign, unnamed_variables
from slotscope.engines.watched import base_modules
from slotscope.errors import UnknownEngineError

_PRIVATE = "slotscope_keras_"
_SUBMODULES = ("backend", "initializers", "layers", "models", "optimizers", "utils")


@contextlib.contextmanager
def _as_in_2018(package: str) -> Iterator[None]:
    """The names that the modules of Keras 2.1, loaded as ``package``, expect while they load."""
    # Until 2.1.2 engine/training.py imports from `keras.utils`, absolutely, while that loads.
    utils = ModuleType("keras.utils")
    utils.__getattr__ = lambda name: getattr(sys.modules[f"{package}.utils"], name)  # type: ignore[method-assign]
    names = {"tensorflow": tensorflow().compat.v1, "keras.utils": utils}
    with (
        tempfile.TemporaryDirectory() as home,
        # Keras 2.1 reads, and writes, ~/.keras/keras.json, whose owner here is Keras 3.
        mock.patch.dict(os.environ, HOME=home, USERPROFILE=home, KERAS_BACKEND="tensorflow"),
        mock.patch.dict(sys.modules, names),
        mock.patch.object(collections, "Iterable", collections.abc.Iterable, create=True),
        contextlib.redirect_stderr(io.StringIO()),  # "Using TensorFlow backend."
        warnings.catch_warnings(),
    ):
        # `is` with a literal, and the like, was legal then.
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@functools.cache
def load(release: str) -> ModuleType:
    """The ``keras`` package of ``release``, imported once under a private name."""
    name = _PRIVATE + release.replace(".", "_")
    folder = keras_source(release)
    loader = SourceFileLoader(name, str(folder / "__init__.py"))
    spec = importlib.util.spec_from_loader(name, loader, is_package=True)
    assert spec is not None
    spec.submodule_search_locations = [str(folder)]
    module = importlib.util.module_from_spec(spec)
    # What a failed import left in sys.modules goes with the patch; a good one is put back below.
    with _as_in_2018(name):
        sys.modules[name] = module
        loader.exec_module(module)
        for submodule in _SUBMODULES:
            importlib.import_module(f"{name}.{submodule}")
        loaded = {key: value for key, value in sys.modules.items() if key.startswith(name)}
    sys.modules.update(loaded)
    return module


class Keras21(GraphEngine):
    """Keras 2.1 in one of its releases."""

    name: ClassVar[str] = "keras-2.1"
    generation: ClassVar[str] = "keras-2.1"
    renamed: ClassVar[Mapping[str, str]] = {"learning_rate": "lr"}
    shared_arguments: ClassVar[tuple[str, ...]] = ("clipnorm", "clipvalue")
    requires: ClassVar[tuple[str, ...]] = ("tensorflow", "six", "pyyaml", "h5py")
    extra: ClassVar[str] = "tensorflow"
    place: ClassVar[str] = "engine.keras.optimizers."
    preamble: ClassVar[list[str]] = [
        "import slotscope",
        'engine = slotscope.engine("keras-2.1")',
    ]
    scope_line: ClassVar[str] = "with engine.scope():"
    backend_code: ClassVar[str] = "engine.keras.backend"
    counted: ClassVar[tuple[str, ...]] = ("get_updates",)
    #: ``K.zeros`` of such a shape is a tensor.
    takes_empty: ClassVar[bool] = False
    #: Its own constants are of Keras's one float type, which no other dtype mixes with.
    dtypes: ClassVar[tuple[str, ...]] = ("float32",)
    formats: ClassVar[tuple[Format, ...]] = (
        SAVER,
        lists(keeps_rate=False),
        broken(".h5", "Keras 2.1 decodes texts that h5py 3 gives decoded: load_model fails"),
    )

    def __init__(self, release: str = "2.1.6") -> None:
        super().__init__()
        if release not in SHA256:
            raise UnknownEngineError(
                f"The engine {self.name!r} has no release {release!r}."
                f" Choose one of: {', '.join(SHA256)}."
            )
        self.release = release

    @property
    def options(self) -> tuple[str, ...]:
        return (f"release={self.release}",)

    def fresh(self) -> Self:
        return type(self)(self.release)

    @property
    def versions(self) -> dict[str, str]:
        return {"keras": self.release, **super().versions}

    @property
    def keras(self) -> ModuleType:
        self.require()
        return load(self.release)

    @property
    def backend(self) -> Any:
        return self.keras.backend

    @functools.cached_property
    def function_class(self) -> type:
        function_class: type = self.backend.tensorflow_backend.Function
        return function_class

    def optimizer(self, name: str, **config: Any) -> Any:
        # Hyperparameters are variables of the graph in which the optimizer is made: the one that
        # the caller has entered, or else this engine's.
        entered = not tensorflow().executing_eagerly()
        with contextlib.nullcontext() if entered else self.scope():
            return super().optimizer(name, **config)

    @classmethod
    def compiling(cls) -> list[type]:
        loaded = [name for name in sys.modules if name.startswith(_PRIVATE) and "." not in name]
        models = [sys.modules[name].models for name in loaded]
        return [kind for module in models for kind in (module.Model, module.Sequential)]

    @classmethod
    def owns(cls, model: Any, optimizer: Any) -> bool:
        return any(module.startswith(_PRIVATE) for module in base_modules(model))

    @classmethod
    def owns_optimizer(cls, optimizer: Any) -> bool:
        return any(module.startswith(_PRIVATE) for module in base_modules(optimizer))

    @classmethod
    def of(cls, model: Any) -> Self:
        module = next(m for m in base_modules(model) if m.startswith(_PRIVATE))
        return cls(module.removeprefix(_PRIVATE).replace("_", "."))

    def trainer(self, model: Any) -> Any:
        # A Sequential trains by way of the Model inside of it, a new one at each compile.
        sequential = any(cls.__name__ == "Sequential" for cls in type(model).__mro__)
        return model.model if sequential and model.model is not None else model

    def iterations(self, optimizer: Any) -> Any:
        return getattr(optimizer, "iterations", None)

    def shows(self, optimizer: Any) -> list[Any]:
        return shown_variables(optimizer)

    def variables(self, optimizer: Any, model: Any = None) -> list[OptimizerVariable]:
        return unnamed_variables(optimizer, None if model is None else self.trainer(model))

    def foreign(self, optimizer: Any, model: Any) -> bool:
        return unnamed_foreign(optimizer, self.trainer(model))
