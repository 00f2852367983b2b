"""Frameworks that were imported before the fork work in the kernel as if it had imported them."""

import contextlib
import json
import os
import queue
from pathlib import Path

import pytest
from nbclient import NotebookClient
from repository_root import ROOT
from tools.arithmetic import EXTREMES, SETTINGS
from tools.arithmetic import environment as arithmetic
from waiting import HANGS, until
from warm_cases import Kernel, install, notebook, runtime_folder, the_server

from slotscope.kernels.provisioner import STARTED
from slotscope.kernels.server import preload

pytestmark = pytest.mark.kernels

#: Trains a model; the weights' sum is printed to the last bit.
TRAIN = """
import os, sys
os.environ["KERAS_BACKEND"] = "{backend}"
import keras, numpy
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
model.compile(optimizer="adam", loss="mse")
x = numpy.arange(60.0).reshape(20, 3)
_ = model.fit(x, x[:, :1], epochs=2, verbose=0)
print(keras.backend.backend(), model.count_params())
print([numpy.float64(w.sum()).hex() for w in model.get_weights()])
"""


@pytest.fixture(scope="module")
def full():
    """The name of a kernel whose one server has imported every framework."""
    with pytest.MonkeyPatch.context() as patch, runtime_folder(patch) as folder:
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        patch.delenv("KERAS_BACKEND", raising=False)
        patch.delenv("PYTEST_CURRENT_TEST", raising=False)
        yield install("full", folder)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    # What other tests of this process have set.
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    STARTED.clear()
    yield
    assert set(STARTED) <= {"warm"}


def test_the_imports_leave_one_thread(full, start):
    start(full)
    server = the_server()
    status = server.ask(do="status")
    assert status["threads"] == 1
    assert status["failed"] == {}
    wanted = {"numpy", "pandas", "matplotlib", "ipykernel", "tensorflow", "tf_keras", "keras"}
    assert wanted | {"jax", "torch"} <= set(status["packages"])
    assert STARTED == {"warm": 1}


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_keras_trains_on_the_backend_that_the_notebook_chooses_bit_for_bit(full, start, backend):
    cell = TRAIN.format(backend=backend)
    warm, ordinary = start(full).run(cell), start("python3").run(cell)
    assert warm.startswith(backend)
    assert warm == ordinary


def test_no_framework_is_there_before_it_is_imported(full, start):
    names = ("keras", "tensorflow", "tf_keras")
    assert start(full).run(f"import sys; print([n in sys.modules for n in {names}])") == str(
        [False] * 3
    )


def test_tensorflow_brings_keras_as_it_does_elsewhere(full, start):
    cell = "import sys, tensorflow; print('keras' in sys.modules, tensorflow.keras.__version__)"
    printed = start(full).run(cell)
    assert printed == start("python3").run(cell).splitlines()[-1]


def test_no_log_line_of_an_import_reaches_the_notebook(full, start):
    cell = "import tensorflow as tf, tf_keras, keras\nprint(tf.constant(1) + 1)"
    assert start(full).run(cell) == "tf.Tensor(2, shape=(), dtype=int32)"


def test_every_engine_of_this_project_runs(full, start):
    cell = """
        import slotscope
        for name in ("keras-2.1", "tf_keras-graph", "tf_keras-legacy", "tf_keras"):
            engine = slotscope.engine(name)
            with engine.scope():
                print(name, type(engine.optimizer("SGD")).__name__)
    """
    printed = start(full).run("\n".join(line[8:] for line in cell.splitlines()))
    assert [line.split()[1] for line in printed.splitlines()] == ["SGD"] * 4


def test_blas_has_the_threads_that_it_would_have_started(full, start):
    cell = (
        "import numpy, threadpoolctl\n"
        "print({p['num_threads'] for p in threadpoolctl.threadpool_info()"
        " if p['internal_api'] == 'openblas'})"
    )
    for number in ("", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": number}
        kernels = [start(name, env=environment) for name in (full, "python3")]
        warm, ordinary = (kernel.run(cell) for kernel in kernels)
        assert warm == ordinary


@pytest.mark.parametrize("name", EXTREMES)
def test_the_arithmetic_is_that_of_an_ordinary_kernel(full, start, name):
    cell = (
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from tools import arithmetic_in_force\narithmetic_in_force.main([])"
    )
    given = arithmetic(SETTINGS[name])
    kernels = [start(kind, env=given) for kind in (full, "python3")]
    printed = [kernel.run(cell, timeout=600).splitlines() for kernel in kernels]
    # An ordinary kernel shows TensorFlow's log lines beside it.
    warm, ordinary = (
        json.loads(line) for lines in printed for line in lines if line.startswith("{")
    )
    assert {"NumPy", "OpenBLAS", "torch", "XLA", "TensorFlow"} <= set(ordinary)
    assert warm == ordinary


def test_tables_are_as_wide_as_in_an_ordinary_kernel(full, start):
    cell = (
        "import pandas\nprint({n: pandas.get_option('display.' + n) for n in "
        "('max_columns', 'width', 'max_rows', 'max_colwidth', 'expand_frame_repr')})"
    )
    assert start(full).run(cell) == start("python3").run(cell)


def test_a_figure_appears_beside_a_framework(full):
    cells = notebook("import tensorflow as tf, matplotlib.pyplot as plt\n_ = plt.plot(tf.range(3))")
    NotebookClient(cells, kernel_name=full).execute()
    (figure,) = cells.cells[0].outputs
    assert "image/png" in figure.data


def test_a_notebook_sees_an_interrupt_while_it_trains(full):
    kernel = Kernel(full)
    try:
        endless = TRAIN.format(backend="tensorflow").replace("epochs=2", "epochs=100000")
        kernel.client.execute(endless.replace("verbose=0", "verbose=2"))
        printed = ""
        while "Epoch 2/" not in printed:
            message = kernel.client.get_iopub_msg(timeout=HANGS)
            printed += message["content"].get("text", "")
        reply = None
        for _ in range(10):  # Python drops one that falls into a finalizer: it is pressed again
            kernel.manager.interrupt_kernel()
            with contextlib.suppress(queue.Empty):
                reply = kernel.client.get_shell_msg(timeout=6)
                break
        assert reply["content"]["ename"] == "KeyboardInterrupt"
    finally:
        kernel.stop()
    until(lambda: not Path(f"/proc/{kernel.pid}").exists())


def test_an_installation_changes_the_listing(tmp_path):
    (tmp_path / "module.py").touch()
    before = preload.listing([str(tmp_path)])
    (tmp_path / "other.py").touch()
    assert preload.listing([str(tmp_path)]) == before
    (tmp_path / "other-1.0.dist-info").mkdir()
    assert preload.listing([str(tmp_path)]) != before
