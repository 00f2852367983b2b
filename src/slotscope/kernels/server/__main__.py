"""Run the package in this folder under a name of its own: its parent is code under test."""

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAME = "_warm_kernel_server"

if __name__ == "__main__":
    # Not this folder, but what `python -m` leaves in a kernel once its launcher has run.
    del sys.path[0]
    spec = importlib.util.spec_from_file_location(
        NAME, HERE / "__init__.py", submodule_search_locations=[str(HERE)]
    )
    assert spec is not None
    sys.modules[NAME] = importlib.util.module_from_spec(spec)
    importlib.import_module(f"{NAME}.loop").main(*sys.argv[1:])
