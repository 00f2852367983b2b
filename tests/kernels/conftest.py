"""A place for servers that is the test's own, and kernels that are forked from them."""

import pytest

from slotscope.kernels import spec
from warm_cases import Kernel, place

#: Imported in a second; what holds for these holds for a framework, and is then shown for one.
LIGHT = ["matplotlib", "numpy"]


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
