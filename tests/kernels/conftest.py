"""A place for servers that is the test's own, and kernels that are forked from them."""

import pytest
from lab_cases import Lab
from warm_cases import Kernel, install, runtime_folder

#: Imported in a second; what holds for these holds for a framework, and is then shown for one.
LIGHT = ["matplotlib", "numpy"]


@pytest.fixture
def runtime(monkeypatch):
    with runtime_folder(monkeypatch) as folder:
        yield folder


@pytest.fixture
def warm(runtime):
    """The name of a kernel whose servers import little."""
    return install("warm-light", runtime, packages=LIGHT, idle=60)


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
