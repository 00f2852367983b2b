"""A place for servers that is the test's own, and kernels that are forked from them."""

import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from lab_cases import Lab
from warm_cases import Kernel

from slotscope.kernels import servers, spec
from slotscope.kernels.provisioner import STARTED

#: Imported in a second; what holds for these holds for a framework, and is then shown for one.
LIGHT = ["matplotlib", "numpy"]


@contextlib.contextmanager
def place(monkeypatch):
    """A runtime folder, short enough for a socket, whose servers and kernels end with it."""
    folder = tempfile.mkdtemp(prefix="warm")
    monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
    monkeypatch.setenv("JUPYTER_PATH", str(Path(folder) / "jupyter" / "share" / "jupyter"))
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    STARTED.clear()
    try:
        yield Path(folder)
    finally:
        for server in servers.running():
            with contextlib.suppress(OSError):
                for pid in server.ask(do="stop")["kernels"]:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(pid, signal.SIGKILL)
        shutil.rmtree(folder)


@pytest.fixture
def runtime(monkeypatch):
    with place(monkeypatch) as folder:
        yield folder


@pytest.fixture
def warm(runtime):
    """The name of a kernel whose servers import little."""
    spec.install(
        "warm-light",
        "Warm",
        user=False,
        prefix=str(runtime / "jupyter"),
        packages=LIGHT,
        idle=60,
    )
    return "warm-light"


@pytest.fixture
def start():
    """Starts kernels by name; all of them end with the test."""
    started = []

    def starter(name, **options):
        started.append(Kernel(name, **options))
        return started[-1]

    yield starter
    for kernel in started:
        kernel.stop()


@pytest.fixture
def lab(warm, tmp_path):
    """A running JupyterLab that knows the kernel ``warm``."""
    server = Lab(tmp_path)
    yield server
    server.stop()
