"""What all tests have in common."""

import importlib.util

import pytest
from repository_root import ROOT

import slotscope

#: Folders whose tests need no framework in their own process.
WITHOUT_FRAMEWORK = ("cli", "repository", "sweep", "tools", "report/runs", "report/checks")


@pytest.fixture(scope="module", autouse=True)
def backend(request):
    """Keras 3 runs on TensorFlow in the tests' own process, whichever of them comes first."""
    if request.path.relative_to(ROOT / "tests").as_posix().startswith(WITHOUT_FRAMEWORK):
        return
    if importlib.util.find_spec("tensorflow"):  # not for the tests of the core alone
        assert slotscope.engine("keras-tensorflow").keras
