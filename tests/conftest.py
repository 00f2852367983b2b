"""What all tests have in common."""

import pytest

import slotscope


@pytest.fixture(scope="session", autouse=True)
def backend():
    """Keras 3 runs on TensorFlow in the tests' own process, whichever of them comes first."""
    assert slotscope.engine("keras-tensorflow").keras
