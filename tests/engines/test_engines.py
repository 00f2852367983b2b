"""The engines: which there are, which can run, and that they live side by side."""

import os
import subprocess
import sys

import pytest
from engine_cases import KERAS_3, data, dense_model, on, on_every_engine
from repository_root import ROOT

import slotscope
from slotscope.engines import ENGINES, available, engine_of, engine_statuses
from slotscope.errors import EngineUnavailableError, UnknownEngineError, UnknownOptimizerError


def python(code, **environment):
    """What a fresh Python prints."""
    env = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, env=env | environment, capture_output=True, text=True, check=True)
    assert run.stderr == ""
    return run.stdout


def test_each_has_a_status_with_its_versions():
    assert [status.name for status in engine_statuses()] == list(ENGINES)
    assert all(status.versions for status in engine_statuses())


def test_asking_imports_no_framework():
    loaded = python(
        "import sys, slotscope; slotscope.engine_statuses();"
        "print({'tensorflow', 'keras', 'tf_keras', 'jax', 'torch'} & set(sys.modules))"
    )
    assert loaded == "set()\n"


@pytest.mark.parametrize("name", ["keras-jax", "keras-torch"])
def test_to_watch_a_model_on_jax_or_torch_imports_no_tensorflow(name):
    loaded = python(
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "import numpy as np, slotscope\n"
        f"keras = slotscope.engine({name!r}).keras\n"
        "model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])\n"
        "model.compile('adam', 'mse')\n"
        "for keep in ('values', 'norms'):\n"
        "    with slotscope.watch(model, keep=keep) as recording:\n"
        "        model.fit(np.ones((8, 3)), np.ones((8, 1)), verbose=0)\n"
        "recording.plot()\n"
        "print('tensorflow' in sys.modules)"
    )
    assert loaded == "False\n"


@pytest.mark.parametrize("name", ENGINES)
def test_a_missing_distribution_comes_with_the_command_that_mends_it(name, monkeypatch):
    cls = next(cls for cls in slotscope.engines.engine_classes() if cls.name == name)
    monkeypatch.setattr(available, "installed", lambda *names: {})
    status = cls.status()
    assert not status.available
    assert status.problem.startswith("not installed: ")
    assert status.remedy == f'python -m pip install "slotscope[{cls.extra}]"'
    with pytest.raises(EngineUnavailableError, match="To mend it: python -m pip install"):
        slotscope.engine(name)


def test_another_backend_in_this_process_is_refused_with_the_way_out():
    printed = python(
        "import slotscope\n"
        "slotscope.engine('keras-tensorflow').keras\n"
        "try: slotscope.engine('keras-jax')\n"
        "except slotscope.errors.EngineUnavailableError as error: print(error)"
    )
    assert "this process already runs Keras on tensorflow" in printed
    assert "KERAS_BACKEND=jax" in printed


def test_an_unknown_name_is_refused():
    with pytest.raises(UnknownEngineError, match=r"Choose one of: keras-2\.1, "):
        slotscope.engine("keras-4")


@on_every_engine
def test_an_unknown_optimizer_is_refused_with_one_that_is_like_it(engine):
    for name in ("Sgd", "Optimizer", "K", "get", 7):
        with pytest.raises(UnknownOptimizerError, match=f"has no optimizer {name!r}"):
            engine.optimizer(name, learning_rate=1.0)
    for name, meant in {"RMSProp": "RMSprop", "sgd": "SGD", "adm": "Adam"}.items():
        with pytest.raises(UnknownOptimizerError, match=f"Did you mean '{meant}'"):
            engine.optimizer(name)


def test_an_unknown_release_is_refused():
    with pytest.raises(UnknownEngineError, match=r"2\.1\.0, 2\.1\.1"):
        slotscope.engine("keras-2.1", release="2.2.4")


def test_an_option_that_an_engine_lacks_is_refused():
    with pytest.raises(UnknownEngineError, match="takes no option 'release'"):
        slotscope.engine("tf_keras", release="2.1.0")


@on_every_engine
def test_a_model_is_recognised_by_its_class(engine):
    found = engine_of(dense_model(engine))
    assert found.name == engine.name


@pytest.mark.parametrize("release", ["2.1.0", "2.1.3", "2.1.6"])
def test_releases_of_keras_2_1_run_side_by_side(release):
    engine = slotscope.engine("keras-2.1", release=release)
    assert engine.keras.__version__ == release
    model = dense_model(engine, "SGD", momentum=0.9)
    assert engine_of(model).release == release
    with engine.scope(), slotscope.watch(model) as recording:
        model.fit(*data(), batch_size=32, verbose=0)
    assert recording.counts["get_updates"] == 1
    assert recording.versions["keras"] == release


@pytest.mark.parametrize("inherited", ["", "torch"])
def test_five_engines_run_in_one_process_and_keras_3_stays_eager(inherited):
    """Also where the shell that started the process had chosen another backend for Keras 3."""
    printed = python(
        "import os\n"
        "from engine_cases import *\n"
        "from slotscope import on_engines\n"
        "def trained(engine):\n"
        "    import tensorflow as tf\n"
        "    model = dense_model(engine)\n"
        "    with engine.scope():\n"
        "        model.fit(*data(), verbose=0)\n"
        "        return os.getpid(), tf.executing_eagerly()\n"
        "answers = on_engines(trained, list(ENGINES)[:5])\n"
        "print({name: answers[name] == (os.getpid(), name not in GRAPH) for name in answers})",
        PYTHONPATH=str(ROOT / "tests" / "helpers"),
        **({"KERAS_BACKEND": inherited} if inherited else {}),
    )
    assert printed == f"{dict.fromkeys(list(ENGINES)[:5], True)}\n"


@pytest.mark.parametrize("name", KERAS_3)
def test_seeding_first_of_all_gets_the_engines_backend(name):
    """TensorFlow is imported to be seeded, and imports Keras 3 itself."""
    inherited = "tensorflow" if name == "keras-torch" else "torch"
    printed = python(
        f"import slotscope; here = slotscope.engine({name!r}); here.seed(1)\n"
        "print(here.keras.backend.backend())",
        KERAS_BACKEND=inherited,
    )
    assert f"keras-{printed}" == f"{name}\n"


def test_keras_2_1_leaves_nothing_behind_in_the_names_it_borrows():
    printed = python(
        "import collections, os, sys, slotscope\n"
        "before = dict(os.environ)\n"
        "slotscope.engine('keras-2.1').keras\n"
        "print(sys.modules['tensorflow'].__version__ > '2', hasattr(collections, 'Iterable'))\n"
        "print('keras' in sys.modules, dict(os.environ) == before)"
    )
    assert printed.splitlines()[0] == "True False"


@on("keras-2.1")
def test_a_users_keras_json_is_neither_read_nor_written(engine):
    printed = python(
        "import slotscope; print(slotscope.engine('keras-2.1').keras.backend.backend())",
        KERAS_BACKEND="jax",
    )
    assert printed == "tensorflow\n"


@on_every_engine
def test_every_built_in_optimizer_can_be_made(engine):
    assert {"SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Nadam"} <= set(engine.optimizer_names)
    with engine.scope():
        for name in engine.optimizer_names:
            assert type(engine.optimizer(name, learning_rate=0.5)).__name__ == name
