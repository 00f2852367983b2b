"""What all tests have in common."""

import pytest
from engine_cases import settle_the_backend
from repository_root import ROOT

#: Folders whose tests need no framework in their own process.
WITHOUT_FRAMEWORK = ("cli", "repository", "sweep", "tools", "report/runs", "report/checks")


@pytest.fixture(scope="module", autouse=True)
def backend(request):
    """Where a test may import a framework, the backend is settled before; ``on`` does so itself."""
    if not request.path.relative_to(ROOT / "tests").as_posix().startswith(WITHOUT_FRAMEWORK):
        settle_the_backend()
