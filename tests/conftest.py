"""What all tests have in common."""

import importlib.util

import pytest

import slotscope


@pytest.fixture(scope="session", autouse=True)
def backend():
    """Keras 3 runs on TensorFlow in the tests' own process, whichever of them comes first."""
    if importlib.util.find_spec("tensorflow"):  # not for the tests of the core alone
        assert slotscope.engine("keras-tensorflow").keras
